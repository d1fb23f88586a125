/**
 * What became of a change, as the person holding a link is told it. Closed: every outcome has words
 * in every language, and a new status or reason does not compile until it has them too.
 */
import { undoUntil } from '../../domain/keep.ts';
import {
  awaiting,
  isOver,
  undoUnderWay,
  type CanceledBy,
  type EmailChange,
  type Purpose,
  type Reason,
  type Side,
  type Status,
} from '../../domain/email-change.ts';

export type Outcome =
  /** `slow`: for longer than its reader expects; the tenant may be at it. */
  | { kind: 'processing' | 'undo-processing'; slow?: true }
  /** This mailbox has agreed; the other one has not yet. */
  | { kind: 'waiting'; for: Side; unreachable?: true }
  | { kind: 'done' | 'already-done' | 'undone' }
  | { kind: 'expired' | 'superseded' }
  | { kind: 'canceled'; by?: CanceledBy }
  | { kind: 'rejected'; reason?: Reason }
  | { kind: 'undo-refused'; reason: Reason }
  | { kind: 'undo-window-passed' }
  /** The change is committed: the undo link takes over. */
  | { kind: 'too-late-to-cancel' }
  /** A PATCH may be on its way: nobody can promise anything until it is resolved. */
  | { kind: 'cancel-refused' };

/** Outcomes that are on their way to another one: their page asks again. */
export const isPassing = ({ kind }: Outcome): boolean =>
  kind === 'processing' || kind === 'undo-processing' || kind === 'cancel-refused';

/**
 * What the holder of a link of this purpose reads after pressing the button, or `undefined` while
 * there is still something to press. `done` and `already-done` are one record; a door that saw the
 * commit happen says which.
 */
export function outcomeOf(purpose: Purpose, change: EmailChange, now: number): Outcome | undefined {
  switch (change.status) {
    case 'pending':
      return isOver(change, now) ? { kind: 'expired' } : waitingOf(purpose, change);
    case 'confirmed':
      if (purpose !== 'cancel')
        return { kind: 'processing', ...slowSince(change.confirmedAt, now) };
      return change.writing ? { kind: 'cancel-refused' } : undefined;
    case 'committed':
      if (purpose === 'undo') return undoOf(change, now);
      return { kind: purpose === 'cancel' ? 'too-late-to-cancel' : 'done' };
    case 'rejected':
      return { kind: 'rejected', ...(change.reason && { reason: change.reason }) };
    case 'canceled':
      return { kind: 'canceled', ...(change.canceledBy && { by: change.canceledBy }) };
    default:
      return { kind: change.status };
  }
}

const SLOW_MS = 10_000;
const slowSince = (at: number | undefined, now: number): { slow?: true } =>
  at !== undefined && now - at > SLOW_MS ? { slow: true } : {};

function waitingOf(purpose: Purpose, change: EmailChange): Outcome | undefined {
  const own = { confirm: 'new', approve: 'current', cancel: undefined, undo: undefined } as const;
  const side = own[purpose];
  const [other] = awaiting(change);
  if (side === undefined || other === undefined || change.agreed[side] === undefined)
    return undefined;
  const unreachable = other === 'current' && change.unreachableAt !== undefined;
  return { kind: 'waiting', for: other, ...(unreachable ? { unreachable } : {}) };
}

function undoOf(change: EmailChange, now: number): Outcome | undefined {
  if (undoUnderWay(change))
    return { kind: 'undo-processing', ...slowSince(change.undo?.requestedAt, now) };
  if (change.undo?.refused) return { kind: 'undo-refused', reason: change.undo.refused };
  return change.undo && now < undoUntil(change)! ? undefined : { kind: 'undo-window-passed' };
}

/** What a status means to a link page where nothing has been pressed, if it means "too late". */
export function closedOutcome(purpose: Purpose, status: Status): Outcome | undefined {
  switch (status) {
    case 'pending':
      return undefined;
    case 'confirmed':
      return purpose === 'cancel' ? undefined : { kind: 'processing' };
    case 'committed':
      if (purpose === 'undo') return undefined;
      return { kind: purpose === 'cancel' ? 'too-late-to-cancel' : 'already-done' };
    default:
      return { kind: status };
  }
}
