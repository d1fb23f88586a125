/** What can be known of the element without a browser. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { STRINGS } from '../../client/strings.ts';
import { TRANSLATIONS } from '../../client/translations.ts';
import { LOCALES } from '../../src/locales/messages.ts';
import { bundle } from './bundle.ts';

test('minified and gzipped the element takes at most 6.8 kB, with the client and its advice in it', async () => {
  expect(gzipSync(await bundle('element'), { level: 9 }).length).toBeLessThanOrEqual(6.8 * 1024);
});

test('an app that renders on a server can import it there', async () => {
  // By its address: the types of the DOM are not those of this program.
  const element: object = await import(new URL('../../client/element.ts', import.meta.url).href);
  expect(element).toHaveProperty('ReaddressChangeEmail');
});

const slots = (text: string): string[] => text.match(/\{\w+\}/g)?.toSorted() ?? [];

test('the element speaks the languages of the mails', () => {
  expect(['en', ...Object.keys(TRANSLATIONS)].toSorted()).toEqual(LOCALES.toSorted());
});

test.each(Object.keys(TRANSLATIONS) as (keyof typeof TRANSLATIONS)[])(
  'nothing is left unsaid in %s, and every translation fills in what the original does',
  (locale) => {
    const translated: Record<string, string> = TRANSLATIONS[locale];
    expect(Object.keys(translated)).toEqual(Object.keys(STRINGS));
    for (const [key, text] of Object.entries(STRINGS))
      expect(slots(translated[key] ?? ''), key).toEqual(slots(text));
  },
);
