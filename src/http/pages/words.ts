/** What the pages say about a link and an outcome: keys of the catalog, chosen and put in order. */
import { PURPOSES, STATUSES, type CanceledBy, type Purpose } from '../../domain/email-change.ts';
import type { MessageKey } from '../../locales/messages.ts';
import { closedOutcome, isPassing, type Outcome } from './outcome.ts';

/** The mark above a heading: it repeats what the words say. */
export type Tone = '' | 'good' | 'wait' | 'stop';

/** A message in the reader's language, with the brand in it. */
export type Say = (key: MessageKey) => string;
export type Words = { title: string; texts: string[]; tone: Tone };

/** What was pasted (`digits` and `part` by their form alone, `other-…` a link of another purpose). */
const PROBLEMS = [
  'invalid-link',
  'digits',
  'part',
  'other-confirm',
  'other-approve',
  'other-cancel',
  'other-undo',
  'in-app',
  'try-again',
  'too-many-requests',
] as const;
export type LinkProblem = (typeof PROBLEMS)[number];

/** Another link, or the rest of it, is needed. */
export const isWrongLink = (problem: LinkProblem): boolean =>
  !['in-app', 'try-again', 'too-many-requests'].includes(problem);

/** All that link.js may have to say, by the name it asks for: a step, a problem, a status. */
export function scriptWords(
  purpose: Purpose,
  say: Say,
  silenceConsents = false,
): (Words & { id: string })[] {
  const own = say(`page.${purpose}.title`);
  const agreed: Partial<Record<Purpose, Outcome>> = {
    confirm: { kind: 'waiting', for: 'current' },
    approve: { kind: 'waiting', for: 'new' },
  };
  const outcomes = STATUSES.map((id) => [id, closedOutcome(purpose, id)] as const);
  return [
    { id: 'ready', title: own, tone: '', texts: leadOf(purpose, say, silenceConsents) },
    { id: 'missing', title: own, tone: '', texts: [say('page.manual')] },
    { id: 'checking', title: own, tone: '', texts: [say('page.checking')] },
    { id: 'unreachable', title: own, tone: 'stop', texts: [say('page.unreachable')] },
    ...PROBLEMS.map((id) => ({ id, ...problemWords(id, say) })),
    ...[...outcomes, ['agreed', agreed[purpose]] as const].flatMap(([id, outcome]) =>
      outcome ? [{ id, ...wordsFor(outcome, purpose, say) }] : [],
    ),
  ];
}

/** Before the press. Whose silence counts is told so where the answer is given. */
const leadOf = (purpose: Purpose, say: Say, silenceConsents: boolean): string[] => [
  say(`page.${purpose}.lead`),
  ...(purpose === 'approve' && silenceConsents ? [say('page.approve.silence')] : []),
];

function problemWords(id: LinkProblem, say: Say): Words {
  const other = PURPOSES.find((purpose) => id === `other-${purpose}`);
  return {
    title: say(other ? 'page.problem.other-link.title' : `page.problem.${id as Plain}.title`),
    tone: 'stop',
    texts: [say(`page.problem.${id}`), ...(other ? [say('page.problem.other-link')] : [])],
  };
}
type Plain = Exclude<LinkProblem, `other-${Purpose}`>;

export function wordsFor(outcome: Outcome, purpose: Purpose, say: Say): Words {
  const { kind } = outcome;
  const key = kind === 'waiting' ? (`waiting.${outcome.for}` as const) : kind;
  return {
    title: say(`page.outcome.${key}.title`),
    texts: textsFor(outcome, purpose, say),
    tone: toneOf(outcome, purpose),
  };
}

/** The mailbox that stopped or took back the change is the one whose account may be in danger. */
export const isEndangered = ({ kind }: Outcome, purpose: Purpose): boolean =>
  (kind === 'undone' && purpose === 'undo') || (kind === 'canceled' && purpose === 'cancel');

function textsFor(outcome: Outcome, purpose: Purpose, say: Say): string[] {
  switch (outcome.kind) {
    case 'waiting':
      return [
        say(
          outcome.unreachable
            ? 'page.outcome.waiting.unreachable.text'
            : `page.outcome.waiting.${outcome.for}.text`,
        ),
      ];
    case 'rejected':
      return outcome.reason
        ? [say(`reason.${outcome.reason}.why`), say(`reason.${outcome.reason}.next`)]
        : [say('page.outcome.rejected.text')];
    case 'undo-refused':
      return [say(`reason.${outcome.reason}.why`), say('page.outcome.undo-refused.next')];
    case 'canceled': {
      const text = say(CANCELED_BY[outcome.by ?? 'undo']);
      return [text, say(`page.outcome.canceled.${purpose === 'cancel' ? 'next' : 'again'}`)];
    }
    case 'undone': {
      const text = say('page.outcome.undone.text');
      return isEndangered(outcome, purpose) ? [text, say('page.outcome.undone.next')] : [text];
    }
    case 'processing':
    case 'undo-processing': {
      const text = say(`page.outcome.${outcome.kind}.text`);
      return outcome.slow ? [text, say('page.outcome.processing.slow')] : [text];
    }
    default:
      return [say(`page.outcome.${outcome.kind}.text`)];
  }
}

const CANCELED_BY = {
  user: 'page.outcome.canceled.by-user',
  'current-mailbox': 'page.outcome.canceled.by-mailbox',
  operator: 'end.canceled.operator',
  undo: 'page.outcome.canceled.text',
} as const satisfies Record<CanceledBy, MessageKey>;

/** By what it means to who reads it: an end that this mailbox did not want is no success. */
const GOOD: Readonly<Record<Purpose, readonly Outcome['kind'][]>> = {
  confirm: ['done', 'already-done'],
  approve: ['done', 'already-done', 'undone'],
  cancel: ['canceled', 'undone'],
  undo: ['undone', 'canceled'],
};
const toneOf = (outcome: Outcome, purpose: Purpose): Tone =>
  isPassing(outcome) || outcome.kind === 'waiting'
    ? 'wait'
    : GOOD[purpose].includes(outcome.kind)
      ? 'good'
      : 'stop';
