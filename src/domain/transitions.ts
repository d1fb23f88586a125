/** What a step changes in the eyes of the world: for the log, the events and the audit trail. */
import {
  taskOf,
  type EmailChange,
  type Revocation,
  type Status,
  type Task,
} from './email-change.ts';

export type Transition = { change: EmailChange; from?: Status };

/** The changes whose status a write moves, or that it creates. */
export const transitionsOf = (
  before: readonly EmailChange[],
  after: readonly EmailChange[],
): Transition[] =>
  after.flatMap((change) => {
    const from = before.find((earlier) => earlier.id === change.id)?.status;
    if (from === change.status) return [];
    return [from === undefined ? { change } : { change, from }];
  });

/**
 * What moves no status, but is on record: the first of two agreements, a request to undo or to keep, a
 * refused undo, and a current mailbox that does not get our mail.
 */
export type Act = {
  change: EmailChange;
  act: 'agreed' | keyof typeof MARKS;
  at: number;
};

/** Each is on record once, with its time. */
const MARKS = {
  'undo-requested': ({ undo }: EmailChange) => undo?.requestedAt,
  'undo-refused': ({ undo }: EmailChange) => undo?.refusedAt,
  'keep-requested': ({ keep }: EmailChange) => keep?.askedAt,
  unreachable: ({ unreachableAt }: EmailChange) => unreachableAt,
};
const MARK_NAMES = Object.keys(MARKS) as (keyof typeof MARKS)[];

export const actsOf = (before: readonly EmailChange[], after: readonly EmailChange[]): Act[] =>
  after.flatMap((change): Act[] => {
    const earlier = before.find((each) => each.id === change.id);
    if (!earlier || earlier.status !== change.status) return [];
    const agreed = (['new', 'current'] as const).filter(
      (side) => change.agreed[side] !== undefined && earlier.agreed[side] === undefined,
    );
    return [
      ...agreed.map((side) => ({ change, act: 'agreed' as const, at: change.agreed[side]! })),
      ...MARK_NAMES.flatMap((act) => {
        const at = MARKS[act](change);
        return at !== undefined && MARKS[act](earlier) === undefined ? [{ change, act, at }] : [];
      }),
    ];
  });

/** When a change came to its present status (epoch ms). */
export const sinceOf = (change: EmailChange): number =>
  change.closedAt ?? change.confirmedAt ?? change.requestedAt;

/** The world is told of each transition once: one task each, under a name of its own. */
export const eventTask = ({ change }: Transition): Task => ({
  change: change.id,
  name: `event.${change.status}`,
  at: sinceOf(change),
});

/** A refused undo and an unreachable mailbox are no transitions, but the world is told of them too. */
export const actTasks = (acts: readonly Act[]): Task[] =>
  acts
    .filter(({ act }) => act === 'undo-refused' || act === 'unreachable')
    .map(({ change, act, at }) => taskOf(change, `event.${act}`, at));

/** No transition, but told as well: what came of ending the sessions after a commit or an undo. */
export const revocationTask = (change: EmailChange, revocation: Revocation, now: number): Task =>
  taskOf(change, `event.revocation.${change.status}.${revocation}`, now);
