/**
 * The pages behind the mailed links. Rendering is pure. A page carries no style or script of its own
 * and loads nothing from elsewhere.
 */
import type { Purpose } from '../../domain/email-change.ts';
import { message, type Locale } from '../../locales/messages.ts';
import type { Brand } from '../../mail/brand.ts';
import { scriptOf } from './assets.ts';
import { render, type Frame } from './layout.ts';
import { isPassing, type Outcome } from './outcome.ts';
import { isWrongLink, scriptWords, wordsFor, type LinkProblem, type Say } from './words.ts';

const sayIn =
  ({ locale, brand }: Frame): Say =>
  (key) =>
    message(locale, key, { brand: brand.name });

/**
 * The page of a link: one button, and no effect before it is pressed. `token` is given when the
 * link carried it in the query (LINK_STYLE=query), or when a failed post is shown again.
 */
export function renderLinkPage(
  input: Frame & {
    purpose: Purpose;
    token?: string;
    problem?: LinkProblem;
    /** The page of the app that confirms in place of this one (CONFIRM_BY=session). */
    inApp?: string | undefined;
  },
): string {
  const { purpose, token = '', problem, inApp, ...frame } = input;
  const say = sayIn(frame);
  const templates = scriptWords(purpose, say);
  const words = problem ?? 'ready';
  const { title, texts, tone } = templates.find(({ id }) => id === words)!;
  return render(
    'link',
    { ...frame, title, tone, script: scriptOf(frame.basePath) },
    {
      purpose,
      token,
      words,
      texts,
      templates,
      // A token that came along needs no field; one that did not work does.
      carried: token !== '' && !(problem && isWrongLink(problem)),
      wrong: problem !== undefined && isWrongLink(problem),
      currentLabel: say(purpose === 'undo' ? 'fact.previous' : 'fact.current'),
      newLabel: say('fact.new'),
      untilLabel: say(purpose === 'undo' ? 'fact.undoUntil' : 'fact.validUntil'),
      fieldLabel: say('page.field'),
      fieldHint: say('page.field.hint'),
      button: say(`page.${purpose}.button`),
      continue: say('page.continue'),
      retry: say('page.retry'),
      inApp: inApp ?? null,
      inAppText: say('page.problem.in-app'),
      inAppButton: say('page.in-app.button'),
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
export function renderResultPage(
  input: Frame & {
    purpose: Purpose;
    outcome: Outcome;
    /** The new address, masked where the reader may not see it. */
    email?: string;
    /** Already checked against RETURN_URLS. */
    returnTo?: string | undefined;
  },
): string {
  const { purpose, outcome, email, returnTo, ...frame } = input;
  const say = sayIn(frame);
  const { title, texts, tone } = wordsFor(outcome, purpose, say);
  const passing = isPassing(outcome);
  return render(
    'notice',
    { ...frame, title, tone, refreshSeconds: passing ? REFRESH_SECONDS : undefined },
    {
      texts: passing ? [...texts, say('page.outcome.refresh')] : texts,
      email: NAMES_ADDRESS.includes(outcome.kind) ? (email ?? null) : null,
      emailLabel: say('fact.new'),
      links: returnTo === undefined ? [] : wayBack(frame.locale, returnTo),
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

export function renderErrorPage({ error, ...frame }: Frame & { error: PageError }): string {
  const say = sayIn(frame);
  return render(
    'notice',
    { ...frame, title: say(`page.error.${error}.title`), tone: 'stop' },
    { ...NOTHING_ELSE, texts: [say(`page.error.${error}.text`)] },
  );
}
const NOTHING_ELSE = { email: null, emailLabel: null, links: [] };

/** `/`: says what this host is to whoever typed its name. */
export function renderHomePage({ docs, ...frame }: Frame & { docs: boolean }): string {
  const say = sayIn(frame);
  return render(
    'notice',
    { ...frame, title: say('page.home.title') },
    {
      ...NOTHING_ELSE,
      texts: [say('page.home.text'), say('page.home.safety')],
      links: docs ? [{ href: `${frame.basePath ?? ''}/docs`, label: say('page.home.docs') }] : [],
    },
  );
}

export type ProblemRow = { code: string; status: number; title: string; detail: string };

/** `/problems`: the target of every problem document's `type`. For developers, in English. */
export const renderProblemsPage = (
  rows: readonly ProblemRow[],
  brand: Brand,
  basePath = '',
): string =>
  render(
    'problems',
    { locale: 'en', brand, basePath, title: 'Problems', wide: true },
    { rows: rows.map((row) => ({ ...row })) },
  );
