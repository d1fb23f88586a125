/** The frame around every page, and the templates, which are read once, when this module loads. */
import { readFileSync } from 'node:fs';
import { Liquid } from 'liquidjs';
import { direction, message, type Locale } from '../../locales/messages.ts';
import type { Brand } from '../../mail/brand.ts';
import { sheetsOf, type Asset } from './assets.ts';
import type { Tone } from './words.ts';

const template = (name: string): string =>
  readFileSync(new URL(`./templates/${name}.liquid`, import.meta.url), 'utf8');

const liquid = new Liquid({
  outputEscape: 'escape',
  ownPropertyOnly: true,
  strictVariables: true,
  strictFilters: true,
  parseLimit: 1e6,
  renderLimit: 2000,
  memoryLimit: 1e6,
  templates: { layout: template('layout') },
});
const pages = {
  link: liquid.parse(template('link')),
  notice: liquid.parse(template('notice')),
  problems: liquid.parse(template('problems')),
};

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
  title: string;
  tone?: Tone;
  script?: Asset;
  wide?: boolean;
};

/** What the layout needs, whichever page it holds. */
export function render(
  name: keyof typeof pages,
  page: Page,
  parts: Record<string, unknown>,
): string {
  const { locale, brand, basePath = '', title, tone = '', wide = false } = page;
  const html: unknown = liquid.renderSync(pages[name], {
    ...parts,
    locale,
    title,
    dir: direction(locale),
    documentTitle: message(locale, 'page.title', { title, brand: brand.name }),
    brand: brand.name,
    supportUrl: brand.supportUrl ?? null,
    help: message(locale, 'page.help', { brand: brand.name }),
    basePath,
    sheets: sheetsOf(brand, basePath),
    script: page.script ?? null,
    languages: page.languages ?? [],
    languageLabel: message(locale, 'page.language'),
    tone,
    wide,
  });
  return String(html);
}
