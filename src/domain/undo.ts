/**
 * Undo: the previous mailbox takes its address back. Undos chain: after A→B→C, A's link restores A
 * and ends what followed, while B's link restores B only as long as A has not spoken.
 */
import { sameAddress, type TenantUser } from './account.ts';
import { sameIdentity } from './commit.ts';
import {
  close,
  isOpen,
  taskOf,
  undoUnderWay,
  recorded,
  write,
  type EmailChange,
  type Reason,
  type Recorded,
  type Step,
  type UserChanges,
} from './email-change.ts';

export type UndoDecision =
  | { kind: 'patch'; email: string }
  | { kind: 'settled' }
  | { kind: 'refuse'; reason: Reason };

/** `later`: the changes of this user committed after this one, oldest first. */
export function decideUndo(
  change: EmailChange,
  later: readonly EmailChange[],
  user: TenantUser | undefined,
): UndoDecision {
  const account = change.account;
  const previous = account?.email;
  if (!user || !account || previous === undefined) return { kind: 'refuse', reason: 'user-gone' };
  if (!sameIdentity(user, account)) return { kind: 'refuse', reason: 'unsupported-identity' };
  if (sameAddress(user.email, previous)) return { kind: 'settled' };
  const ours = [change, ...later].some((written) => sameAddress(user.email, written.email));
  return ours ? { kind: 'patch', email: previous } : { kind: 'refuse', reason: 'address-drifted' };
}

export function startUndoing(change: EmailChange): Step | Recorded {
  return undoUnderWay(change) ? write({ ...change, writing: true }) : recorded(change);
}

/** The previous address is back: this change and all that followed it are over. */
export function settleUndo(
  change: EmailChange,
  followers: readonly EmailChange[],
  user: UserChanges,
  lockMs: number,
  now: number,
): Step | Recorded {
  if (!undoUnderWay(change)) return recorded(change);
  const over = [change, ...followers.filter((follower) => follower.status === 'committed')];
  return {
    kind: 'write',
    changes: [
      ...over.map((each) => close(each, 'undone', now)),
      ...followers.filter(isOpen).map((follower) => close(follower, 'canceled', now)),
    ],
    user: {
      ...user,
      committed: user.committed.filter((id) => !over.some((each) => each.id === id)),
      lockedUntil: now + lockMs,
    },
    tasks: [
      taskOf(change, 'mail.restored', now),
      // Every mailbox that signed in with an address that is gone is told, the latest above all.
      ...over.map((each) => taskOf(each, 'mail.undone', now)),
    ],
  };
}

/** The account has moved on by other means; putting the address back would overwrite that. */
export function refuseUndo(change: EmailChange, reason: Reason): Step | Recorded {
  if (!undoUnderWay(change)) return recorded(change);
  const { writing: _, ...rest } = change;
  return write({ ...rest, undo: { ...change.undo!, refused: reason } });
}
