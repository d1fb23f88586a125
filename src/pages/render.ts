/**
 * The pages behind the mailed links. Rendering is pure; the templates and assets are read once, when
 * this module loads. A page carries no style or script of its own and loads nothing from elsewhere.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Liquid } from 'liquidjs';
import type { Purpose } from '../domain/email-change.ts';
import { direction, message, type Locale } from '../locales/messages.ts';
import { readableOn, textOn, type Brand } from '../mail/brand.ts';
import { isPassing, type Outcome } from './outcome.ts';
import { scriptWords, wordsFor, type LinkProblem, type Say, type Tone } from './words.ts';

export type { LinkProblem };

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const template = (name: string): string => read(`./templates/${name}.liquid`);

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

/** What the pages load, by path: the routes serve these as they are. */
export const ASSETS = {
  '/assets/link.js': {
    body: read('./assets/link.js'),
    type: 'text/javascript; charset=utf-8',
  },
  '/assets/pages.css': { body: read('./assets/pages.css'), type: 'text/css; charset=utf-8' },
} as const satisfies Record<string, { body: string; type: string }>;

/** For every page (CSP level 3). Scripts and styles come from files of ours, never from the page. */
export const PAGE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** A changed asset has a new address, so that no cache hands out a body with another integrity. */
type Asset = { href: string; integrity: string };
function assetOf(path: string, body: string): Asset {
  const digest = createHash('sha384').update(body).digest();
  return {
    href: `${path}?v=${digest.toString('hex').slice(0, 8)}`,
    integrity: `sha384-${digest.toString('base64')}`,
  };
}
const script = assetOf('/assets/link.js', ASSETS['/assets/link.js'].body);
const sheet = assetOf('/assets/pages.css', ASSETS['/assets/pages.css'].body);

/** The surfaces of pages.css that links and buttons stand on. */
const LIGHT = '#f4f5f7';
const DARK = '#1a1e24';

/** `/assets/brand.css`: the operator's colour, and readable colours made from it. */
export const renderBrandCss = ({ color }: Pick<Brand, 'color'>): string =>
  `:root{--brand:${color};--on-brand:${textOn(color)};${accents(LIGHT, color)}}
@media (prefers-color-scheme:dark){:root{${accents(DARK, color)}}}
`;
const accents = (surface: string, color: string): string =>
  `--link:${readableOn(surface, color, 4.5)};--edge:${readableOn(surface, color, 3)}`;

type Scope = {
  locale: Locale;
  brand: Brand;
  title: string;
  tone?: Tone;
  refreshSeconds?: number;
  script?: Asset;
  wide?: boolean;
};

/** What the layout needs, whichever page it holds. */
function render(name: keyof typeof pages, scope: Scope, parts: Record<string, unknown>): string {
  const { locale, brand, title } = scope;
  const html: unknown = liquid.renderSync(pages[name], {
    ...parts,
    locale,
    title,
    dir: direction(locale),
    documentTitle: message(locale, 'page.title', { title, brand: brand.name }),
    brand: brand.name,
    supportUrl: brand.supportUrl ?? null,
    help: message(locale, 'page.help', { brand: brand.name }),
    sheets: [sheet, assetOf('/assets/brand.css', renderBrandCss(brand))],
    script: scope.script ?? null,
    refreshSeconds: scope.refreshSeconds ?? null,
    tone: scope.tone ?? '',
    wide: scope.wide ?? false,
  });
  return String(html);
}

/**
 * The page of a link: one button, and no effect before it is pressed. `token` is given when the
 * link carried it in the query (LINK_STYLE=query), or when a failed post is shown again.
 */
export function renderLinkPage(input: {
  purpose: Purpose;
  locale: Locale;
  brand: Brand;
  token?: string;
  problem?: LinkProblem;
}): string {
  const { purpose, locale, brand, token = '', problem } = input;
  const say: Say = (key) => message(locale, key, { brand: brand.name });
  const templates = scriptWords(purpose, say);
  const words = problem ?? 'ready';
  const { title, texts, tone } = templates.find(({ id }) => id === words)!;
  return render(
    'link',
    { locale, brand, title, tone, script },
    {
      purpose,
      token,
      words,
      texts,
      templates,
      // A token that came along needs no field; one that did not work does.
      carried: token !== '' && problem !== 'invalid-link',
      currentLabel: say(purpose === 'undo' ? 'fact.previous' : 'fact.current'),
      newLabel: say('fact.new'),
      untilLabel: say(purpose === 'undo' ? 'fact.undoUntil' : 'fact.validUntil'),
      fieldLabel: say('page.field'),
      fieldHint: say('page.field.hint'),
      button: say(`page.${purpose}.button`),
      continue: say('page.continue'),
      retry: say('page.retry'),
    },
  );
}

/** Elsewhere the new address is not, or no longer, the point. */
const NAMES_ADDRESS: readonly Outcome['kind'][] = [
  'processing',
  'waiting',
  'done',
  'already-done',
  'rejected',
  'too-late-to-cancel',
  'cancel-refused',
];

const REFRESH_SECONDS = 3;

/** What is recorded, in words, and a link back. The page asks again by itself while work goes on. */
export function renderResultPage(input: {
  purpose: Purpose;
  locale: Locale;
  brand: Brand;
  outcome: Outcome;
  /** The new address, masked where the reader may not see it. */
  email?: string;
  /** Already checked against RETURN_URLS. */
  returnTo?: string;
}): string {
  const { purpose, locale, brand, outcome, email, returnTo } = input;
  const say: Say = (key) => message(locale, key, { brand: brand.name });
  const { title, texts, tone } = wordsFor(outcome, purpose, say);
  const passing = isPassing(outcome);
  return render(
    'notice',
    { locale, brand, title, tone, ...(passing && { refreshSeconds: REFRESH_SECONDS }) },
    {
      texts: passing ? [...texts, say('page.outcome.refresh')] : texts,
      email: NAMES_ADDRESS.includes(outcome.kind) ? (email ?? null) : null,
      emailLabel: say('fact.new'),
      links: returnTo === undefined ? [] : wayBack(locale, returnTo),
    },
  );
}

/** The reader sees which host the link leads to. Anything but a web address is not a link. */
function wayBack(locale: Locale, returnTo: string): { href: string; label: string }[] {
  const { protocol, host } = new URL(returnTo);
  if (protocol !== 'https:' && protocol !== 'http:') return [];
  return [{ href: returnTo, label: message(locale, 'page.back', { host }) }];
}

/** What can go wrong on the way to a page. */
export type PageError =
  | 'not-found'
  | 'forbidden'
  | 'too-many-requests'
  | 'unavailable'
  | 'unexpected';

export function renderErrorPage(input: { error: PageError; locale: Locale; brand: Brand }): string {
  const { error, locale, brand } = input;
  const say: Say = (key) => message(locale, key, { brand: brand.name });
  return render(
    'notice',
    { locale, brand, title: say(`page.error.${error}.title`), tone: 'stop' },
    { ...NOTHING_ELSE, texts: [say(`page.error.${error}.text`)] },
  );
}
const NOTHING_ELSE = { email: null, emailLabel: null, links: [] };

/** `/`: says what this host is to whoever typed its name. */
export function renderHomePage({ locale, brand }: { locale: Locale; brand: Brand }): string {
  const say: Say = (key) => message(locale, key, { brand: brand.name });
  return render(
    'notice',
    { locale, brand, title: say('page.home.title') },
    {
      ...NOTHING_ELSE,
      texts: [say('page.home.text'), say('page.home.safety')],
      links: [{ href: '/docs', label: say('page.home.docs') }],
    },
  );
}

export type ProblemRow = { code: string; status: number; title: string; detail: string };

/** `/problems`: the target of every problem document's `type`. For developers, in English. */
export const renderProblemsPage = (rows: readonly ProblemRow[], brand: Brand): string =>
  render(
    'problems',
    { locale: 'en', brand, title: 'Problems', wide: true },
    { rows: rows.map((row) => ({ ...row })) },
  );
