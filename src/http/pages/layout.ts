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

type Scope = {
  locale: Locale;
  brand: Brand;
  /** The path of PUBLIC_URL. */
  basePath: string;
  title: string;
  tone?: Tone;
  refreshSeconds?: number;
  script?: Asset;
  wide?: boolean;
};

/** What the layout needs, whichever page it holds. */
export function render(
  name: keyof typeof pages,
  scope: Scope,
  parts: Record<string, unknown>,
): string {
  const { locale, brand, basePath, title } = scope;
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
    script: scope.script ?? null,
    refreshSeconds: scope.refreshSeconds ?? null,
    tone: scope.tone ?? '',
    wide: scope.wide ?? false,
  });
  return String(html);
}
