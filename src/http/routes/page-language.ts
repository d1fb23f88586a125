/** Which language a page speaks: the one its reader chose, else the mail's where they read it, else theirs. */
import type { FastifyRequest } from 'fastify';
import type { ApiConfig } from '../../config.ts';
import { localeAmong, type Locale } from '../../locales/messages.ts';
import type { Language } from '../pages/layout.ts';

export function createPageLanguages({ languages, basePath }: ApiConfig) {
  const { spoken } = languages;
  const names = new Map(spoken.map((locale) => [locale, nameOf(locale)]));

  const chosenBy = (req: FastifyRequest): Locale | undefined =>
    spoken.find((locale) => locale === (req.query as { lang?: unknown }).lang);

  const localeOf = (req: FastifyRequest): Locale =>
    chosenBy(req) ?? localeAmong(languages, req.headers['accept-language']);

  return {
    chosenBy,
    localeOf,
    /** A page of a change speaks as its mails do, to whoever reads that language. */
    localeFor(req: FastifyRequest, mailed: string | undefined): Locale {
      const own = localeAmong(languages, mailed);
      const read = (req.headers['accept-language'] ?? '').split(',');
      const reads = read.some((tag) => languageIn(tag.trim()) === languageIn(own));
      return chosenBy(req) ?? (reads ? own : localeOf(req));
    },
    /** This page in each language, for a reader who wants another one. */
    languagesFor: (path: string, query = ''): Language[] =>
      spoken.map((locale) => ({
        locale,
        name: names.get(locale)!,
        href: `${basePath}${path}?${query}lang=${locale}`,
      })),
  };
}

const languageIn = (tag: string): string => tag.split(/[-;]/)[0]!.toLowerCase();

/** What a language calls itself. */
const nameOf = (locale: Locale): string =>
  new Intl.DisplayNames(locale, { type: 'language' }).of(locale) ?? locale;
