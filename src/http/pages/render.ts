/**
 * The pages behind the mailed links. Rendering is pure. A page carries no style or script of its own
 * and loads nothing from elsewhere.
 */
import type { Purpose } from '../../domain/email-change.ts';
import { message, type Locale } from '../../locales/messages.ts';
import type { Brand } from '../../mail/brand.ts';
import { resultScriptOf, scriptOf } from './assets.ts';
import { render, type Frame } from './layout.ts';
import { isPassing, type Outcome } from './outcome.ts';
import {
  isEndangered,
  isWrongLink,
  scriptWords,
  wordsFor,
  type LinkProblem,
  type Say,
  type Words,
} from './words.ts';

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
    /** The silence of the current mailbox is consent. */
    silenceConsents?: boolean;
    /** The reader chose this language. */
    chosen?: boolean;
  },
): string {
  const { purpose, token = '', problem, inApp, silenceConsents, chosen, ...frame } = input;
  const say = sayIn(frame);
  const templates = scriptWords(purpose, say, silenceConsents);
  const words = problem ?? 'ready';
  const { title, texts, tone } = templates.find(({ id }) => id === words)!;
  return render(
    'link',
    { ...frame, name: purpose, title, tone, script: scriptOf(frame.basePath) },
    {
      purpose,
      query: chosen ? `?lang=${frame.locale}` : '',
      until: message(frame.locale, 'time.until', { span: '{span}', moment: '{moment}' }),
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

type Result = Frame & {
  purpose: Purpose;
  outcome: Outcome;
  /** The new address, masked where the reader may not see it. */
  email?: string;
  /** Already checked against RETURN_URLS. */
  returnTo?: string | undefined;
  /** Where a password is set anew. */
  passwordResetUrl?: string | undefined;
};

/** What a result page says, for the page and for its script, which asks again while work goes on. */
type ResultWords = Words & {
  passing: boolean;
  email: string | null;
  links: readonly { href: string; label: string }[];
};

export function resultWords({
  purpose,
  outcome,
  email,
  returnTo,
  passwordResetUrl,
  ...frame
}: Result): ResultWords {
  const say = sayIn(frame);
  const reset =
    passwordResetUrl !== undefined && isEndangered(outcome, purpose)
      ? [{ href: passwordResetUrl, label: say('mail.reset.action') }]
      : [];
  return {
    ...wordsFor(outcome, purpose, say),
    passing: isPassing(outcome),
    email: NAMES_ADDRESS.includes(outcome.kind) ? (email ?? null) : null,
    links: [...reset, ...(returnTo === undefined ? [] : wayBack(frame.locale, returnTo))],
  };
}

/** What is recorded, in words, and the next step as a button. */
export function renderResultPage(input: Result): string {
  const { locale, brand, basePath, languages } = input;
  const frame = { locale, brand, basePath: basePath ?? '', languages: languages ?? [] };
  const say = sayIn(frame);
  const { title, tone, passing, texts, email, links } = resultWords(input);
  return render(
    'notice',
    {
      ...frame,
      name: 'result',
      title,
      tone,
      ...(passing ? { script: resultScriptOf(basePath) } : {}),
    },
    {
      texts: passing ? [...texts, say('page.outcome.refresh')] : texts,
      email,
      emailLabel: say('fact.new'),
      links,
      look: passing ? say('page.outcome.look') : null,
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
    { ...frame, name: 'error', title: say(`page.error.${error}.title`), tone: 'stop' },
    { ...NOTHING_ELSE, texts: [say(`page.error.${error}.text`)] },
  );
}
const NOTHING_ELSE = { email: null, emailLabel: null, links: [], look: null };

/** `/`: says what this host is to whoever typed its name. */
export function renderHomePage({ docs, ...frame }: Frame & { docs: boolean }): string {
  const say = sayIn(frame);
  return render(
    'notice',
    { ...frame, name: 'home', title: say('page.home.title') },
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
    { name: 'problems', locale: 'en', brand, basePath, title: 'Problems', wide: true },
    { rows: rows.map((row) => ({ ...row })) },
  );
