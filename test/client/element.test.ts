/** What can be known of the element without a browser. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { STRINGS } from '../../client/strings.ts';
import { TRANSLATIONS } from '../../client/translations.ts';
import { LOCALES } from '../../src/locales/messages.ts';
import { chunks } from './bundle.ts';

test('minified and gzipped the element takes at most 6.5 kB with the client in it, and its advice less than half of one when it is needed', async () => {
  const [element, ...later] = await chunks('element');
  const size = (text: string) => gzipSync(text, { level: 9 }).length;
  expect(size(element!)).toBeLessThanOrEqual(6.5 * 1024);
  expect(later.map((text) => size(text) < 512)).toEqual([true]);
  expect(element).not.toContain('hotmail');
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
