/** Mails, pages and the element use one word for one thing, in every language. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { STRINGS } from '../../client/strings.ts';
import { TRANSLATIONS } from '../../client/translations.ts';
import { LOCALES } from '../../src/locales/messages.ts';
import { DROPPED, GLOSSARY } from './glossary.ts';

describe.each(LOCALES)('in %s', (locale) => {
  const catalog = JSON.parse(
    readFileSync(new URL(`../../src/locales/${locale}.json`, import.meta.url), 'utf8'),
  ) as Record<string, string>;
  const element: Record<string, string> = locale === 'en' ? STRINGS : TRANSLATIONS[locale];

  test('each term is one word everywhere', () => {
    const strangers = Object.entries(GLOSSARY).flatMap(([term, { said, inElement, words }]) =>
      [...said.map((key) => catalog[key]), ...inElement.map((key) => element[key])]
        .filter((text = '') => !words[locale].test(text))
        .map((text) => `${term}: ${text}`),
    );
    expect(strangers).toEqual([]);
  });

  test('no word that was given up comes back', () => {
    const all = [...Object.values(catalog), ...Object.values(element)];
    expect(all.filter((text) => DROPPED[locale]?.test(text) ?? false)).toEqual([]);
  });
});
