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
 * What somebody did that moves no status yet, for the audit trail: the first of two agreements, and
 * the press of an undo link.
 */
export type Act = { change: EmailChange; act: 'agreed' | 'undo-requested'; at: number };

export const actsOf = (before: readonly EmailChange[], after: readonly EmailChange[]): Act[] =>
  after.flatMap((change): Act[] => {
    const earlier = before.find((each) => each.id === change.id);
    if (!earlier || earlier.status !== change.status) return [];
    const agreed = (['new', 'current'] as const).filter(
      (side) => change.agreed[side] !== undefined && earlier.agreed[side] === undefined,
    );
    const undo = change.undo?.requestedAt;
    return [
      ...agreed.map((side) => ({ change, act: 'agreed' as const, at: change.agreed[side]! })),
      ...(undo !== undefined && earlier.undo?.requestedAt === undefined
        ? [{ change, act: 'undo-requested' as const, at: undo }]
        : []),
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

/** No transition, but told as well: what came of ending the sessions after a commit or an undo. */
export const revocationTask = (change: EmailChange, revocation: Revocation, now: number): Task =>
  taskOf(change, `event.revocation.${change.status}.${revocation}`, now);
