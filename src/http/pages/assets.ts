/** What the pages load, and the policy that lets them load nothing else. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readableOn, textOn, type Brand } from '../../mail/brand.ts';

const read = (name: string): string =>
  readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');

/** What the pages load, by path: the routes serve these as they are. */
export const ASSETS = {
  '/assets/link.js': {
    // The page reads what is pasted by the same grammar as the server and the client.
    body: `'use strict';\n${read('../../../../client/paste.js').replaceAll(/^export |^\/\/.*\n?/gm, '')}${read('link.js')}`,
    type: 'text/javascript; charset=utf-8',
  },
  '/assets/result.js': {
    body: `'use strict';\n${read('result.js')}`,
    type: 'text/javascript; charset=utf-8',
  },
  '/assets/pages.css': { body: read('pages.css'), type: 'text/css; charset=utf-8' },
} as const satisfies Record<string, { body: string; type: string }>;

/** For every page (CSP level 3). Scripts and styles come from files of ours, never from the page. */
export const PAGE_CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'; object-src 'none'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";

/** A deployment with a picture of its own shows it, and no other. */
export const pagePolicy = ({ templates }: Brand): string =>
  templates?.logo ? `${PAGE_CSP}; img-src 'self'` : PAGE_CSP;

/** A changed asset has a new address, so that no cache hands out a body with another integrity. */
export type Asset = { href: string; integrity: string };
function assetOf(path: string, body: string | Buffer): Asset {
  const digest = createHash('sha384').update(body).digest();
  return {
    href: `${path}?v=${digest.toString('hex').slice(0, 8)}`,
    integrity: `sha384-${digest.toString('base64')}`,
  };
}
const under = (basePath: string, asset: Asset): Asset => ({
  ...asset,
  href: basePath + asset.href,
});
const script = assetOf('/assets/link.js', ASSETS['/assets/link.js'].body);
export const scriptOf = (basePath = ''): Asset => under(basePath, script);
const resultScript = assetOf('/assets/result.js', ASSETS['/assets/result.js'].body);
export const resultScriptOf = (basePath = ''): Asset => under(basePath, resultScript);
const sheet = assetOf('/assets/pages.css', ASSETS['/assets/pages.css'].body);
type OwnFiles = { sheets: readonly Asset[]; logo: Asset | undefined };
const ownFiles = new WeakMap<Brand, OwnFiles>();
function filesOf(brand: Brand): OwnFiles {
  const { css, logo } = brand.templates ?? {};
  const files = ownFiles.get(brand) ?? {
    sheets: [
      sheet,
      assetOf('/assets/brand.css', renderBrandCss(brand)),
      ...(css === undefined ? [] : [assetOf('/assets/own.css', css)]),
    ],
    logo: logo && assetOf('/assets/logo', logo.body),
  };
  ownFiles.set(brand, files);
  return files;
}

/** The styles of a page, in the order in which they count: those of TEMPLATES_DIR last. */
export const sheetsOf = (brand: Brand, basePath: string): Asset[] =>
  filesOf(brand).sheets.map((one) => under(basePath, one));

/** Where the picture in the head of each page is: it comes from here, as everything does. */
export function logoOf(brand: Brand, basePath: string): string | undefined {
  const { logo } = filesOf(brand);
  return logo && under(basePath, logo).href;
}

/** What a deployment adds to the files that pages load. */
export const ownAssets = (
  brand: Brand,
): Record<string, { body: string | Buffer; type: string }> => ({
  '/assets/brand.css': { body: renderBrandCss(brand), type: CSS },
  ...(brand.templates?.css === undefined
    ? {}
    : { '/assets/own.css': { body: brand.templates.css, type: CSS } }),
  ...(brand.templates?.logo && { '/assets/logo': brand.templates.logo }),
});
const CSS = 'text/css; charset=utf-8';

/** The surfaces of pages.css that links and buttons stand on. */
const LIGHT = '#f4f5f7';
const DARK = '#1a1e24';

/** `/assets/brand.css`: the operator's colour, and readable colours made from it. */
export const renderBrandCss = ({ color }: Pick<Brand, 'color'>): string =>
  `:root{--brand:${color};--on-brand:${textOn(color)};${accents(LIGHT, color)}}
@media screen and (prefers-color-scheme:dark){:root{${accents(DARK, color)}}}
`;
const accents = (surface: string, color: string): string =>
  `--link:${readableOn(surface, color, 4.5)};--edge:${readableOn(surface, color, 3)}`;
