/**
 * Undo: the previous mailbox takes its address back. Undos chain: after A→B→C, A's link restores A
 * and ends what followed, while B's link restores B only as long as A has not spoken.
 */
import { sameAddress, type DirectoryUser } from './account.ts';
import { sameIdentity } from './commit.ts';
import { mayBeUndone } from './keep.ts';
import {
  close,
  isOpen,
  taskOf,
  undoUnderWay,
  recorded,
  refused,
  withoutWriting,
  write,
  type EmailChange,
  type Reason,
  type Recorded,
  type Step,
  type Task,
  type UserChanges,
  type Verdict,
} from './email-change.ts';

/** The previous mailbox wants its address back. */
export const requestUndo = (change: EmailChange, now: number): Step | Recorded =>
  mayBeUndone(change, now)
    ? write({ ...change, undo: { ...change.undo!, requestedAt: now } }, taskOf(change, 'undo', now))
    : recorded(change);

export type UndoDecision =
  | { kind: 'patch'; email: string; emailVerified: boolean }
  /** `unverified`: the address is back, but not as verified as it was. */
  | { kind: 'settled'; unverified?: true }
  | { kind: 'refuse'; reason: Reason };

/** `followers`: the changes of this user that came after this one, oldest first. */
export function decideUndo(
  change: EmailChange,
  followers: readonly EmailChange[],
  user: DirectoryUser | undefined,
): UndoDecision {
  const account = change.account;
  const previous = account?.email;
  if (!user || !account || previous === undefined) return { kind: 'refuse', reason: 'user-gone' };
  if (!sameIdentity(user, account)) return { kind: 'refuse', reason: 'unsupported-identity' };
  if (sameAddress(user.email, previous))
    return change.writing && account.emailVerified && !user.emailVerified
      ? { kind: 'settled', unverified: true }
      : { kind: 'settled' };
  const ours = [change, ...followers].some(
    (written) => written.status === 'committed' && sameAddress(user.email, written.email),
  );
  if (!ours) return { kind: 'refuse', reason: 'address-drifted' };
  // Never more than the snapshot says: an address that proved nothing does not come back verified.
  return { kind: 'patch', email: previous, emailVerified: account.emailVerified };
}

/**
 * Before the PATCH: marks that the previous address is being put back, and when the password was last set
 * (one that is set later may be the owner's). Only one PATCH of a user may be on its way, or the account
 * could end at an address that nobody recorded. So a PATCH under way has to be settled first, another
 * undo waits its turn, and open changes end here.
 */
export function startUndoing(
  change: EmailChange,
  followers: readonly EmailChange[],
  user: UserChanges,
  { landsBy, passwordSetAt }: { landsBy: number; passwordSetAt: number },
  now: number,
): Verdict {
  if (!undoUnderWay(change)) return recorded(change);
  if (!hasTurn(change, followers, user)) return refused({ code: 'commit-in-progress' });
  const undo = { ...change.undo!, passwordSetAt };
  return {
    kind: 'write',
    changes: [{ ...change, writing: true, landsBy, undo }, ...endOpen(followers, now)],
    user: { ...user, undoing: change.id },
    tasks: [],
  };
}

const hasTurn = (
  change: EmailChange,
  followers: readonly EmailChange[],
  user: UserChanges,
): boolean =>
  (user.undoing === undefined || user.undoing === change.id) &&
  !followers.some((follower) => follower.writing);

const endOpen = (followers: readonly EmailChange[], now: number): EmailChange[] =>
  followers
    .filter(isOpen)
    .map((follower) => ({ ...close(follower, 'canceled', now), canceledBy: 'undo' as const }));

/** `passwordSetAt`: when the account's password was last set, by the tenant's clock (epoch ms). */
export type AfterUndo = { lockMs: number; passwordSetAt: number; unverified?: boolean };

/** The previous address is back: this change and all that followed it are over. */
export function settleUndo(
  change: EmailChange,
  followers: readonly EmailChange[],
  user: UserChanges,
  after: AfterUndo,
  now: number,
): Verdict {
  if (!undoUnderWay(change)) return recorded(change);
  // Also when the address was back already, and nothing had to be written.
  if (!hasTurn(change, followers, user)) return refused({ code: 'commit-in-progress' });
  // Set since the commit, so by whoever held the account then: it must not open the account any more.
  const { passwordSetAt } = after;
  const isForeign = passwordSetAt > (change.account?.passwordResetAt ?? Infinity);
  const over = [change, ...followers.filter((follower) => follower.status === 'committed')];
  return {
    kind: 'write',
    changes: [
      {
        ...close(change, 'undone', now),
        revocation: 'pending',
        ...(after.unverified ? { unverified: true } : {}),
        ...(isForeign ? { password: { state: 'pending', setAt: passwordSetAt } } : {}),
      },
      ...over.slice(1).map((each) => sweptAlong(close(each, 'undone', now))),
      ...endOpen(followers, now),
    ],
    user: {
      ...withoutCommitted(free(user, change), over),
      lockedUntil: now + after.lockMs,
    },
    tasks: [
      ...(after.unverified ? [taskOf(change, 'verify', now)] : []),
      ...(isForeign ? [taskOf(change, 'password', now)] : lastSteps(change, now)),
      // Every mailbox whose address is gone is told, the latest above all.
      ...over
        .filter((each) => !sameAddress(each.email, change.account?.email))
        .map((each) => taskOf(each, 'mail.undone', now)),
    ],
  };
}

/** Whoever took the account may still be signed in; then its owner is told. */
const lastSteps = (change: EmailChange, now: number): Task[] => [
  taskOf(change, 'revoke.undo', now),
  taskOf(change, 'mail.restored', now),
];

/** What became of the foreign password. Whatever it is, the rest goes on, and the owner is told. */
export function passwordEnded(
  change: EmailChange,
  state: 'replaced' | 'failed',
  now: number,
): Step | Recorded {
  if (change.password?.state !== 'pending') return recorded(change);
  const password = { ...change.password, state };
  return write({ ...change, password }, ...lastSteps(change, now));
}

function withoutCommitted(user: UserChanges, over: readonly EmailChange[]): UserChanges {
  const isLeft = (id: string) => !over.some((each) => each.id === id);
  const { committed, written } = user;
  return {
    ...user,
    committed: committed.filter(isLeft),
    ...(written && {
      written: Object.fromEntries(Object.entries(written).filter(([id]) => isLeft(id))),
    }),
  };
}

/**
 * Ended by the undo of an earlier change. That undo revokes the sessions; and a request to undo this
 * change is void, since its mailbox got nothing back.
 */
function sweptAlong({ revocation, undo, ...change }: EmailChange): EmailChange {
  const { requestedAt: _, ...asked } = undo ?? { until: 0 };
  return {
    ...change,
    ...(undo ? { undo: asked } : {}),
    ...(revocation === undefined || revocation === 'pending' ? {} : { revocation }),
  };
}

/** This change itself was undone; it was not swept along by the undo of an earlier one. */
export const isRestored = ({ status, undo, password }: EmailChange): boolean =>
  status === 'undone' && undo?.requestedAt !== undefined && password?.state !== 'pending';

/** The account has moved on by other means; putting the address back would overwrite that. */
export function refuseUndo(
  change: EmailChange,
  reason: Reason,
  user: UserChanges,
  now: number,
): Step | Recorded {
  if (!undoUnderWay(change)) return recorded(change);
  return {
    ...write({
      ...withoutWriting(change),
      undo: { ...change.undo!, refused: reason, refusedAt: now },
    }),
    user: free(user, change),
  };
}

/** The turn of this undo is over. */
function free(user: UserChanges, change: EmailChange): UserChanges {
  const { undoing, ...rest } = user;
  return undoing === undefined || undoing === change.id ? rest : user;
}
