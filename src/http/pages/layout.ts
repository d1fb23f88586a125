/** The frame around every page, and the template that prints it. */
import { direction, message, withoutMarks, type Locale } from '../../locales/messages.ts';
import type { Brand } from '../../mail/brand.ts';
import { BUILT_IN } from '../../templates/built-in.ts';
import type { PageKind, PageScope, PartsOf } from '../../templates/scopes.ts';
import { logoOf, sheetsOf, type Asset } from './assets.ts';
import type { Tone } from './words.ts';

/** A language by its own name, and the address of this page in it. */
export type Language = { locale: Locale; name: string; href: string };

/** Whose page it is, and its reader's language. `basePath`: the path of PUBLIC_URL. */
export type Frame = {
  locale: Locale;
  brand: Brand;
  basePath?: string;
  /** Languages of this page, for its reader to choose. */
  languages?: readonly Language[];
};
type Page = Frame & {
  /** Templates of this name go before those of its kind. */
  name: string;
  title: string;
  tone?: Tone;
  script?: Asset;
  wide?: boolean;
};

/** What the layout needs, whichever page it holds. */
export function render<K extends PageKind>(kind: K, page: Page, parts: PartsOf[K]): string {
  const { name, locale, brand, basePath = '', title, tone = '', wide = false } = page;
  const frame: PageScope = {
    locale,
    title,
    dir: direction(locale),
    // Tab bars show marks of direction as boxes.
    documentTitle: withoutMarks(message(locale, 'page.title', { title, brand: brand.name })),
    brand: {
      name: brand.name,
      supportUrl: brand.supportUrl ?? null,
      legal: brand.legal ?? null,
    },
    help: message(locale, 'page.help', { brand: brand.name }),
    basePath,
    logo: logoOf(brand, basePath) ?? null,
    sheets: sheetsOf(brand, basePath),
    script: page.script ?? null,
    languages: page.languages ?? [],
    languageLabel: message(locale, 'page.language'),
    tone,
    wide,
  };
  const names = [name, kind].flatMap((one) => [`${one}.${locale}`, one]);
  return (brand.templates ?? BUILT_IN).pages.print(names, { ...frame, ...parts });
}
