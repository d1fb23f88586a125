/** Every page that there is, in each of its states, as one document that needs no service. */
import { maskEmail } from '../src/domain/email-address.ts';
import { PURPOSES, STATUSES, type Purpose } from '../src/domain/email-change.ts';
import { ASSETS, ownAssets } from '../src/http/pages/assets.ts';
import type { Outcome } from '../src/http/pages/outcome.ts';
import {
  renderErrorPage,
  renderHomePage,
  renderLinkPage,
  renderResultPage,
  type PageError,
} from '../src/http/pages/render.ts';
import type { LinkProblem } from '../src/http/pages/words.ts';
import { LOCALES, type Locale } from '../src/locales/messages.ts';
import { formatDate, formatUntil } from '../src/locales/times.ts';
import type { Brand } from '../src/mail/brand.ts';
import { FACTS, linkTokenOf } from './facts.ts';
import { CANCELERS, REASONS } from './mails.ts';

/** By kind, so that a new outcome does not compile before it is shown here. */
const BY_KIND: Record<Outcome['kind'], Outcome[]> = {
  processing: [{ kind: 'processing' }, { kind: 'processing', slow: true }],
  waiting: [
    { kind: 'waiting', for: 'new' },
    { kind: 'waiting', for: 'current' },
    { kind: 'waiting', for: 'current', unreachable: true },
  ],
  done: [{ kind: 'done' }],
  'already-done': [{ kind: 'already-done' }],
  expired: [{ kind: 'expired' }],
  superseded: [{ kind: 'superseded' }],
  canceled: [{ kind: 'canceled' }, ...CANCELERS.map((by): Outcome => ({ kind: 'canceled', by }))],
  rejected: [
    { kind: 'rejected' },
    ...REASONS.map((reason): Outcome => ({ kind: 'rejected', reason })),
  ],
  undone: [{ kind: 'undone' }],
  'undo-processing': [{ kind: 'undo-processing' }],
  'undo-refused': REASONS.map((reason): Outcome => ({ kind: 'undo-refused', reason })),
  'undo-window-passed': [{ kind: 'undo-window-passed' }],
  'too-late-to-cancel': [{ kind: 'too-late-to-cancel' }],
  'cancel-refused': [{ kind: 'cancel-refused' }],
};
const OUTCOMES = Object.values(BY_KIND).flat();
const ERRORS = Object.keys({
  'not-found': 0,
  forbidden: 0,
  'too-many-requests': 0,
  unavailable: 0,
  unexpected: 0,
} satisfies Record<PageError, 0>) as PageError[];
const PROBLEMS = Object.keys({
  'invalid-link': 0,
  digits: 0,
  part: 0,
  'other-confirm': 0,
  'other-approve': 0,
  'other-cancel': 0,
  'other-undo': 0,
  'in-app': 0,
  'try-again': 0,
  'too-many-requests': 0,
} satisfies Record<LinkProblem, 0>) as LinkProblem[];

export type Shown = { name: string; html: string };

/** All pages in this language. What reads alike is shown once. */
export function everyPage(locale: Locale, brand: Brand): Shown[] {
  const languages = LOCALES.map((one) => ({
    locale: one,
    name: new Intl.DisplayNames(one, { type: 'language' }).of(one) ?? one,
    href: `?lang=${one}`,
  }));
  const frame = { locale, brand, languages };
  const pages = [
    ...PURPOSES.flatMap((purpose) => linkPages({ ...frame, purpose })),
    ...PURPOSES.flatMap((purpose) =>
      OUTCOMES.map((outcome) => ({
        name: [`result-${purpose}`, ...Object.values(outcome)].join('-'),
        html: renderResultPage({
          ...frame,
          purpose,
          outcome,
          email: purpose === 'confirm' ? FACTS.email : maskEmail(FACTS.email),
          returnTo: 'https://app.acme.example/account',
          passwordResetUrl: FACTS.passwordResetUrl,
        }),
      })),
    ),
    ...ERRORS.map((error) => ({
      name: `error-${error}`,
      html: renderErrorPage({ error, locale, brand }),
    })),
    { name: 'home', html: renderHomePage({ locale, brand, docs: true }) },
  ];
  const styles = stylesOf(brand);
  const seen = new Set<string>();
  return pages
    .filter(({ html }) => !seen.has(html) && seen.add(html))
    .map(({ name, html }) => ({ name, html: alone(html, styles) }));
}

type Frame = Parameters<typeof renderLinkPage>[0];

function linkPages(frame: Frame): Shown[] {
  const { purpose, locale } = frame;
  const token = linkTokenOf(purpose);
  const ready = renderLinkPage({ ...frame, token });
  const named = (name: string, html: string): Shown => ({ name: `${purpose}-${name}`, html });
  return [
    named('no-script', renderLinkPage(frame)),
    named('review', reviewed(ready, purpose, locale)),
    named('missing', worded(renderLinkPage(frame), 'missing')),
    named('checking', worded(ready, 'checking', 'form')),
    named('unreachable', worded(ready, 'unreachable')),
    ...STATUSES.filter((status) => ready.includes(`<template id="${status}"`)).map((status) =>
      named(`closed-${status}`, worded(ready, status, 'form')),
    ),
    ...PROBLEMS.map((problem) => named(problem, renderLinkPage({ ...frame, problem, token: 'x' }))),
    ...(purpose === 'confirm'
      ? [
          named(
            'in-the-app',
            renderLinkPage({ ...frame, token, inApp: 'https://app.acme.example/' }),
          ),
        ]
      : []),
  ];
}

/** What link.js does where a link works: what would change, and a button. */
function reviewed(html: string, purpose: Purpose, locale: Locale): string {
  const { currentEmail = '', expiresAt, undoUntil = 0, now } = FACTS;
  const email = purpose === 'confirm' ? FACTS.email : maskEmail(FACTS.email);
  const until =
    purpose === 'undo' ? formatDate(locale, undoUntil) : formatUntil({ locale, now }, expiresAt);
  const fill = (text: string, id: string, value: string) =>
    text.replace(new RegExp(`(<div id="${id}">.*?<dd[^>]*>)(</dd>)`), `$1${value}$2`);
  const filled = { current: currentEmail, new: email, until };
  return Object.entries(filled).reduce(
    (text, [id, value]) => fill(text, id, value),
    html.replace('<dl id="review" hidden>', '<dl id="review">'),
  );
}

/** What link.js does with the words that a page has in store for it. */
function worded(html: string, id: string, without?: 'form'): string {
  const [, title = '', tone = '', texts = ''] =
    new RegExp(
      `<template id="${id}" data-title="([^"]*)" data-tone="([^"]*)">\\s*(.*?)</template>`,
      's',
    ).exec(html) ?? [];
  return html
    .replace(/(<h1[^>]*>).*?(<\/h1>)/s, `$1${title}$2`)
    .replace(/data-tone="[^"]*"/, `data-tone="${tone}"`)
    .replace(/(<div id="status"[^>]*>).*?(<\/div>)/s, `$1${texts}$2`)
    .replace('<form id="form"', without ? '<form id="form" hidden' : '<form id="form"');
}

const stylesOf = (brand: Brand): string =>
  [ASSETS['/assets/pages.css'], ...Object.values(ownAssets(brand))]
    .filter(({ type }) => type.startsWith('text/css'))
    .map(({ body }) => body)
    .join('\n');

/** With its style in it and without its script: a file to look at. */
function alone(html: string, styles: string): string {
  return html
    .replaceAll(/\n<(?:link rel="stylesheet"|script)[^>]*>(?:<\/script>)?/g, '')
    .replace('</title>', () => `</title>\n<style>\n${styles}</style>`)
    .replace('<html', '<html data-started');
}
