/**
 * The words of mails and pages: one ICU MessageFormat catalog per language, `en.json` being the
 * original that all others translate. Reading a catalog happens once, when this module loads;
 * everything after that is a pure function.
 */
import { readFileSync } from 'node:fs';
import { match } from '@formatjs/intl-localematcher';
import { IntlMessageFormat } from 'intl-messageformat';
import type english from './en.json';

export const LOCALES = [
  'en',
  'de',
  'es',
  'fr',
  'it',
  'pt-BR',
  'nl',
  'pl',
  'tr',
  'ja',
  'zh-Hans',
  'ar',
] as const;
export type Locale = (typeof LOCALES)[number];
export type MessageKey = keyof typeof english;
type Catalog = Record<MessageKey, string>;

function readCatalog(locale: Locale): Catalog {
  const catalog: Catalog = JSON.parse(
    readFileSync(new URL(`./${locale}.json`, import.meta.url), 'utf8'),
  );
  return catalog;
}
const catalogs = new Map(LOCALES.map((locale) => [locale, readCatalog(locale)]));

/** Nobody reads more languages than this; the rest of a longer text is not looked at. */
const MAX_TAGS = 10;
const MAX_CHARS = 256;

/**
 * The best language we have for a BCP 47 tag (`pt-BR`), for what platforms write instead (`pt_BR`,
 * `de_DE.UTF-8@euro`), or for an Accept-Language header value (`de-CH, de;q=0.9, en;q=0.8`; RFC 9110,
 * section 12.5.4). Of several texts the first counts first. Nonsense is English.
 */
export const matchLocale = (...requested: (string | undefined)[]): Locale =>
  localeAmong({ spoken: LOCALES, fallback: 'en' }, ...requested);

/** The languages of a deployment, and which of them answers to all others. */
export type Languages = { spoken: readonly Locale[]; fallback: Locale };

/** The same, among those that this deployment speaks. */
export function localeAmong(
  { spoken, fallback }: Languages,
  ...requested: (string | undefined)[]
): Locale {
  const tags = requested
    .flatMap((text = '') => text.slice(0, MAX_CHARS).split(',', MAX_TAGS).map(readRange))
    .filter(({ tag, weight }) => weight > 0 && /^[a-z]{2,3}(-[a-z0-9]{1,8}){0,4}$/i.test(tag))
    .toSorted((a, b) => b.weight - a.weight)
    .filter(({ tag }) => isWellFormed(tag));
  const best = match(
    tags.map(({ tag }) => tag),
    spoken,
    fallback,
  );
  return spoken.find((locale) => locale === best) ?? fallback;
}

/** No regular expression: `\s*;` is quadratic over a long run of spaces. */
function readRange(range: string): { tag: string; weight: number } {
  const [tag = '', ...parameters] = range.split(';');
  const q = parameters
    .map((each) => each.replaceAll(' ', '').toLowerCase())
    .find((each) => each.startsWith('q='));
  const [first = ''] = tag.trim().split(/[ .@]/, 1);
  return { tag: first.replaceAll('_', '-'), weight: q === undefined ? 1 : Number(q.slice(2)) };
}

function isWellFormed(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

export const direction = (locale: Locale): 'ltr' | 'rtl' => (locale === 'ar' ? 'rtl' : 'ltr');

const compiled = new Map<string, IntlMessageFormat>();

/** Shared, since each message would make some of its own. Times and numbers are words already (times.ts). */
const FORMATTERS = {
  getNumberFormat: (...given: ConstructorParameters<typeof Intl.NumberFormat>) =>
    new Intl.NumberFormat(...given),
  getDateTimeFormat: (...given: ConstructorParameters<typeof Intl.DateTimeFormat>) =>
    new Intl.DateTimeFormat(...given),
  getPluralRules: (...given: ConstructorParameters<typeof Intl.PluralRules>) =>
    new Intl.PluralRules(...given),
};

/** The words for `key`. The result is plain text: whoever puts it into HTML escapes it. */
export function message(
  locale: Locale,
  key: MessageKey,
  values: Record<string, string> = {},
): string {
  const id = `${locale} ${key}`;
  let format = compiled.get(id);
  if (!format) {
    format = new IntlMessageFormat(catalogs.get(locale)![key], locale, undefined, {
      ignoreTag: true,
      formatters: FORMATTERS,
    });
    compiled.set(id, format);
  }
  return String(format.format(direction(locale) === 'rtl' ? isolate(values) : values));
}

/** A Latin name in a right-to-left sentence keeps its own order: FSI … PDI (UAX #9, 2.4.1). */
const isolate = (values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      /\p{Script=Arabic}/u.test(value) ? value : `\u2068${value}\u2069`,
    ]),
  );

/** For where the marks of `isolate` would be seen: the title of a window, a terminal. */
export const withoutMarks = (text: string): string => text.replaceAll(/[\u2066-\u2069]/g, '');

/** The country of this ISO 3166 code; `undefined` for what is none. */
export function countryName(locale: Locale, code: string): string | undefined {
  const names =
    countries.get(locale) ?? new Intl.DisplayNames(locale, { type: 'region', fallback: 'none' });
  countries.set(locale, names);
  return names.of(code);
}
const countries = new Map<Locale, Intl.DisplayNames>();
