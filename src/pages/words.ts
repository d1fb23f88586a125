/** What the pages say about a link and an outcome: keys of the catalog, chosen and put in order. */
import { STATUSES, type Purpose } from '../domain/email-change.ts';
import type { MessageKey } from '../locales/messages.ts';
import { closedOutcome, isPassing, type Outcome } from './outcome.ts';

/** The mark above a heading: it repeats what the words say. */
export type Tone = '' | 'good' | 'wait' | 'stop';

/** A message in the reader's language, with the brand in it. */
export type Say = (key: MessageKey) => string;
export type Words = { title: string; texts: string[]; tone: Tone };

const PROBLEMS = ['invalid-link', 'try-again', 'too-many-requests'] as const;
export type LinkProblem = (typeof PROBLEMS)[number];

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
    { id: 'checking', title: own, tone: '', texts: [say('page.checking')] },
    { id: 'unreachable', title: own, tone: 'stop', texts: [say('page.unreachable')] },
    ...PROBLEMS.map((id) => ({
      id,
      title: say(`page.problem.${id}.title`),
      tone: 'stop' as const,
      texts: [say(`page.problem.${id}`)],
    })),
    ...[...outcomes, ['agreed', agreed[purpose]] as const].flatMap(([id, outcome]) =>
      outcome ? [{ id, ...wordsFor(outcome, purpose, say) }] : [],
    ),
  ];
}

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
