/** The catalogs: all languages say the same things, and every reader gets the best we have. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  direction,
  LOCALES,
  matchLocale,
  message,
  type Locale,
  type MessageKey,
} from '../../src/locales/messages.ts';
import { formatMoment, formatSpan, formatUntil, zoneOf } from '../../src/locales/times.ts';

const read = (locale: Locale): Record<string, string> => {
  const path = new URL(`../../src/locales/${locale}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
};
const english = read('en');
const keys = Object.keys(english) as MessageKey[];
const placeholders = (text = ''): string[] => (text.match(/\{\w+\}/g) ?? []).toSorted();
const MINUTE = 60_000;
const plain = (text: string): string => text.replaceAll(/[\u2068\u2069]/g, '');
const VALUES = {
  span: '1 hour',
  moment: 'noon',
  brand: 'Acme',
  label: 'Label',
  title: 'Title',
  host: 'app.example',
};

describe.each(LOCALES)('the catalog %s', (locale) => {
  const catalog = read(locale);

  test('has exactly the keys of English, in the same order', () => {
    expect(Object.keys(catalog)).toEqual(keys);
  });

  test('has the placeholders of English in every message', () => {
    const of = (texts: Record<string, string>) =>
      keys.map((key) => [key, ...placeholders(texts[key])]);
    expect(of(catalog)).toEqual(of(english));
  });

  test('formats every message, with nothing left open', () => {
    for (const key of keys) {
      const words = message(locale, key, VALUES);
      expect(words.trim(), key).not.toBe('');
      expect(words, key).not.toMatch(/[{}]/);
    }
  });

  test('names the zone of every moment, and says first how long it is until then', () => {
    const at = Date.UTC(2026, 7, 17, 14, 5);
    for (const zone of ['UTC', 'America/Los_Angeles', 'Asia/Tokyo']) {
      const moment = formatMoment(locale, at, zone);
      expect(moment).toMatch(/2026/);
      expect(moment, zone).toMatch(/UTC|GMT|PDT|JST|غرينتش|协调世界时/u);
      expect(moment === formatMoment(locale, at, 'UTC')).toBe(zone === 'UTC');
      const until = formatUntil({ locale, zone, now: at - 59.8 * MINUTE }, at);
      expect(plain(until)).toContain(plain(moment));
      expect(plain(until).indexOf(plain(formatSpan(locale, 60 * MINUTE)))).toBe(0);
    }
  });
});

test.each(LOCALES.filter((locale) => locale !== 'en'))(
  'the catalog %s is translated, but for what has no words',
  (locale) => {
    const same = keys.filter((key) => read(locale)[key] === english[key]);
    const worded = (key: string) => /[a-z]/i.test(english[key]!.replaceAll(/\{\w+\}/g, ''));
    expect(same.filter(worded)).toEqual([]);
  },
);

test('a value that looks like a message is not read as one', () => {
  expect(message('en', 'page.back', { host: '{brand} <b>#' })).toBe('Back to {brand} <b>#');
});

test('a Latin name keeps its own direction in a right-to-left sentence', () => {
  expect(direction('ar')).toBe('rtl');
  expect(message('ar', 'page.back', { host: 'app.example' })).toContain('\u2068app.example\u2069');
});

describe('matching a language', () => {
  test.each([
    ['de', 'de'],
    ['DE-ch', 'de'],
    ['pt-BR', 'pt-BR'],
    ['pt-PT', 'pt-BR'],
    ['pt', 'pt-BR'],
    ['zh-CN', 'zh-Hans'],
    ['zh', 'zh-Hans'],
    ['it-CH', 'it'],
    ['nl-BE', 'nl'],
    ['fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5', 'fr'],
    ['en;q=0.2, ja', 'ja'],
    ['de ; q=0.5, es ; q=0.9', 'es'],
    ['fr;q=0, de', 'de'],
    ['ar-EG-u-nu-latn', 'ar'],
    ['de;charset=x; Q = 0.5, es;q=0.4', 'de'],
    // What iOS, Android, Flutter, Electron and a shell write instead of BCP 47.
    ['pt_BR', 'pt-BR'],
    ['fr_CA@calendar=japanese', 'fr'],
    ['es_MX.UTF-8', 'es'],
    ['ja_JP_JP_#u-ca-japanese', 'en'],
    ['fr-CA fr en', 'fr'],
  ])('%s is answered in %s', (requested, locale) => {
    expect(matchLocale(requested)).toBe(locale);
  });

  test('of several texts the first that says something counts', () => {
    expect(matchLocale('de', 'fr, en;q=0.9')).toBe('de');
    expect(matchLocale('', 'fr, en;q=0.9')).toBe('fr');
    expect(matchLocale(undefined, undefined)).toBe('en');
  });

  test.each([
    undefined,
    '',
    '*',
    ',;q=,',
    'de;q=x',
    'not a language',
    'de\r\nBcc: eve@example.org',
    '../../etc/passwd',
    '__proto__',
    'a-'.repeat(5000),
    'en-'.repeat(5000),
    `${'xx,'.repeat(5000)}de`,
  ])('nonsense (%#) is answered in English', (requested) => {
    expect(matchLocale(requested)).toBe('en');
  });
});

describe('how long', () => {
  test.each([
    [10_000, '1 minute'],
    [10 * MINUTE, '10 minutes'],
    [59.8 * MINUTE, '1 hour'],
    [90 * MINUTE, '90 minutes'],
    [2 * 60 * MINUTE, '2 hours'],
    [24 * 60 * MINUTE, '24 hours'],
    [36 * 60 * MINUTE, '2 days'],
    [7 * 24 * 60 * MINUTE, '7 days'],
  ])('%i ms is %s', (ms, words) => {
    expect(formatSpan('en', ms)).toBe(words);
  });

  test('speaks the plurals of each language', () => {
    const days = (locale: Locale, count: number) => formatSpan(locale, count * 24 * 60 * MINUTE);
    expect([2, 5].map((count) => days('pl', count))).toEqual(['2 dni', '5 dni']);
    expect([2, 3, 11].map((count) => days('ar', count))).toEqual(['يومان', '3 أيام', '11 يومًا']);
  });

  test.each(['', 'Mars/Olympus', 'x'.repeat(65), '../etc', 5, null])('%s is no zone', (text) => {
    expect(zoneOf(text)).toBeUndefined();
  });
});
