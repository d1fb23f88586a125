/** What the pages say about a link and an outcome: keys of the catalog, chosen and put in order. */
import { PURPOSES, STATUSES, type Purpose } from '../../domain/email-change.ts';
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
export function scriptWords(purpose: Purpose, say: Say): (Words & { id: string })[] {
  const own = say(`page.${purpose}.title`);
  const agreed: Partial<Record<Purpose, Outcome>> = {
    confirm: { kind: 'waiting', for: 'current' },
    approve: { kind: 'waiting', for: 'new' },
  };
  const outcomes = STATUSES.map((id) => [id, closedOutcome(purpose, id)] as const);
  return [
    { id: 'ready', title: own, tone: '', texts: [say(`page.${purpose}.lead`)] },
    { id: 'missing', title: own, tone: '', texts: [say('page.manual')] },
    { id: 'checking', title: own, tone: '', texts: [say('page.checking')] },
    { id: 'unreachable', title: own, tone: 'stop', texts: [say('page.unreachable')] },
    ...PROBLEMS.map((id) => ({ id, ...problemWords(id, say) })),
    ...[...outcomes, ['agreed', agreed[purpose]] as const].flatMap(([id, outcome]) =>
      outcome ? [{ id, ...wordsFor(outcome, purpose, say) }] : [],
    ),
  ];
}

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
    tone: toneOf(outcome),
  };
}

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
    case 'canceled':
    case 'undone': {
      // The mailbox that stopped or took back the change is the one whose account may be in danger.
      const endangered = purpose === (outcome.kind === 'undone' ? 'undo' : 'cancel');
      const text = say(`page.outcome.${outcome.kind}.text`);
      return endangered ? [text, say(`page.outcome.${outcome.kind}.next`)] : [text];
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

const GOOD: readonly Outcome['kind'][] = ['done', 'already-done', 'canceled', 'undone'];
const toneOf = (outcome: Outcome): Tone =>
  isPassing(outcome) || outcome.kind === 'waiting'
    ? 'wait'
    : GOOD.includes(outcome.kind)
      ? 'good'
      : 'stop';
