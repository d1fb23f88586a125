/**
 * From a confirmed change to a committed one: what the invitation found, whether the commit may go
 * ahead, and how it ends. Each function is one decision of one worker.
 */
import { hasStanding, sameAddress, type Account, type DirectoryUser } from './account.ts';
import { askToAgree } from './ask-to-agree.ts';
import {
  close,
  recorded,
  taskOf,
  withoutWriting,
  write,
  type EmailChange,
  type Reason,
  type Recorded,
  type Revocation,
  type Side,
  type Step,
  type Task,
  type UserChanges,
} from './email-change.ts';

/** The invitation read the account: mail both mailboxes, or say why this can not be. */
export function invited(
  change: EmailChange,
  user: DirectoryUser | undefined,
  now: number,
  { trustsUnverified = false } = {},
): Step | Recorded {
  if (change.status !== 'pending' || change.account) return recorded(change);
  const snapshot = takeSnapshot(change, user);
  if (typeof snapshot === 'string') return reject(change, snapshot, now);
  const account: Account = trustsUnverified ? { ...snapshot, trusted: true } : snapshot;
  // A mailbox that is missing, or never proved to be the user's, is not asked.
  const requires: readonly Side[] = hasStanding(account) ? change.requires : ['new'];
  const notice = requires.includes('current') ? [] : warning(account);
  const given = askToAgree({ ...change, account, requires }, requires, now);
  return write(given.change, ...given.tasks, ...notice.map((name) => taskOf(change, name, now)));
}

/** The mail to the current mailbox: with a link to cancel, or, without standing, for information only. */
function warning(account: Account): string[] {
  if (account.email === undefined) return [];
  return [hasStanding(account) ? 'mail.notice' : 'mail.informed'];
}

/** The snapshot, or why this account can not change its address. */
function takeSnapshot(
  change: Pick<EmailChange, 'email' | 'requestedAt'>,
  user: DirectoryUser | undefined,
): Account | Reason {
  if (!user) return 'user-gone';
  if (user.blocked) return 'user-blocked';
  if (!user.identity) return 'unsupported-identity';
  if (sameAddress(user.email, change.email)) return 'same-email';
  // The invitation may run long after the request, when the tenant was away.
  const resetAt = user.passwordResetAt - (user.aheadMs ?? 0);
  if (resetAt > change.requestedAt + CLOCKS_MS) return 'credentials-changed';
  return {
    email: user.email,
    name: user.name,
    language: user.language,
    timeZone: user.timeZone,
    emailVerified: user.emailVerified,
    connection: user.identity.connection,
    identity: user.identity.id,
    passwordResetAt: user.passwordResetAt,
  };
}

/** Two clocks may differ by this much; the tenant's is read in whole seconds. */
const CLOCKS_MS = 2000;

export type CommitDecision =
  | { kind: 'patch' }
  /** `unverified`: the address is there, but the tenant does not call it verified yet. */
  | { kind: 'settled'; unverified?: true }
  | { kind: 'reject'; reason: Reason };

/**
 * The drift guard: is the account still the one the mailbox owners agreed about? An account that
 * already holds the new, verified address is settled: either our own PATCH landed and its answer
 * was lost, or somebody else granted the wish.
 */
export function decideCommit(change: EmailChange, user: DirectoryUser | undefined): CommitDecision {
  const account = change.account;
  if (!user || !account) return { kind: 'reject', reason: 'user-gone' };
  if (!sameIdentity(user, account)) return { kind: 'reject', reason: 'unsupported-identity' };
  const holdsNew = sameAddress(user.email, change.email);
  if (holdsNew && user.emailVerified) return { kind: 'settled' };
  // Our own PATCH landed: it must not be sent twice, whatever else the account says.
  if (holdsNew && change.writing) return { kind: 'settled', unverified: true };
  if (user.blocked) return { kind: 'reject', reason: 'user-blocked' };
  if (!holdsNew && !sameAddress(user.email ?? '', account.email ?? ''))
    return { kind: 'reject', reason: 'address-drifted' };
  // A reset since the request means that the owner took the account back (pre-hijacking, USENIX '22).
  if (user.passwordResetAt > account.passwordResetAt)
    return { kind: 'reject', reason: 'credentials-changed' };
  return { kind: 'patch' };
}

/** The identity whose address we change is still the one that counts, in the same connection. */
export const sameIdentity = (user: DirectoryUser, account: Account): boolean =>
  user.identity?.id === account.identity && user.identity.connection === account.connection;

/** Marks that a PATCH may be on its way, before it is. From `landsBy` (epoch ms) on it can not land. */
export function startWriting(change: EmailChange, landsBy: number): Step | Recorded {
  if (change.status !== 'confirmed') return recorded(change);
  return write({ ...change, writing: true, landsBy });
}

/** It was certainly not carried out: the change may be withdrawn again. */
export const notWritten = (change: EmailChange): Step | Recorded =>
  change.writing ? write(withoutWriting(change)) : recorded(change);

/** Nobody knows whether it was carried out. It was sent before `now`, so it lands within the patience or never. */
export function inDoubt(change: EmailChange, patienceMs: number, now: number): Step | Recorded {
  if (!change.writing) return recorded(change);
  const landsBy = Math.min(change.landsBy ?? Infinity, now + patienceMs);
  return write({ ...change, landsBy });
}

/** Whether a PATCH of ours may still change what the account showed at `readAt`. */
export const mayStillLand = ({ writing, landsBy = Infinity }: EmailChange, readAt: number) =>
  writing === true && readAt < landsBy;

/** What the settings say of what follows a commit. */
export type Aftermath = {
  undoWindowMs: number;
  revoke: boolean;
  /** For how long a committed change counts towards LIMIT_COMMITTED. */
  limitWindowMs: number;
  unverified?: boolean;
};

/** The tenant has the new address. The previous mailbox keeps the right to undo for a while. */
export function settle(
  change: EmailChange,
  user: UserChanges,
  after: Aftermath,
  now: number,
): Step | Recorded {
  if (change.status !== 'confirmed') return recorded(change);
  const told = hasStanding(change.account);
  // No undo without a previous mailbox that has standing, nor for one that approved this very change.
  const undoUntil = told && change.agreed.current === undefined ? now + after.undoWindowMs : 0;
  const chain = withCommitted(user, change.id, { at: now, undoUntil }, after.limitWindowMs);
  const chainUntil = Math.max(...Object.values(chain.written).map((each) => each.undoUntil));
  const committed: EmailChange = {
    ...close(change, 'committed', now),
    committedAt: now,
    ...(undoUntil > 0 ? { undo: { until: undoUntil } } : {}),
    ...(chainUntil > undoUntil ? { chainUntil } : {}),
    ...(after.revoke ? { revocation: 'pending' } : {}),
    ...(after.unverified ? { unverified: true } : {}),
  };
  return {
    kind: 'write',
    changes: [committed],
    user: { ...user, ...chain },
    tasks: [
      taskOf(change, 'mail.done', now),
      ...(told ? [taskOf(change, undoUntil > 0 ? 'mail.changed' : 'mail.approved', now)] : []),
      ...(after.revoke ? [taskOf(change, 'revoke', now)] : []),
      ...(after.unverified ? [taskOf(change, 'verify', now)] : []),
    ],
  };
}

/**
 * The longest UNDO_WINDOW. An older version noted no window for what it committed; and an undo that was
 * asked for in time may still wait for the tenant.
 */
const LONGEST_UNDO_MS = 30 * 24 * 3_600_000;

/**
 * The user's committed changes with one more. An undo has to know of all that was committed since. So the
 * oldest leave the list only when nobody may undo them any more, and they no longer count for the limit.
 */
function withCommitted(
  { committed, written = {} }: UserChanges,
  id: string,
  entry: { at: number; undoUntil: number },
  limitWindowMs: number,
) {
  const { at: now } = entry;
  const noteOf = (one: string) =>
    one === id ? entry : (written[one] ?? { at: now, undoUntil: now + LONGEST_UNDO_MS });
  const isNeeded = (one: string) => {
    const { at, undoUntil } = noteOf(one);
    return (undoUntil > 0 && undoUntil + LONGEST_UNDO_MS > now) || at + limitWindowMs > now;
  };
  const all = [...committed, id];
  const kept = all.slice(all.findIndex(isNeeded));
  return { committed: kept, written: Object.fromEntries(kept.map((one) => [one, noteOf(one)])) };
}

/** Rejects the change; endings.ts says who is told. */
export function reject(change: EmailChange, reason: Reason, now: number): Step | Recorded {
  if (change.status !== 'pending' && change.status !== 'confirmed') return recorded(change);
  return write({ ...close(change, 'rejected', now), reason });
}

/** Ending the sessions is best effort: what came of it is reported, and nothing else changes. */
export const revoked = (change: EmailChange, revocation: Revocation, ...tasks: Task[]): Step =>
  write(
    {
      ...change,
      revocation,
      revocations: { ...change.revocations, [change.status]: revocation },
    },
    ...tasks,
  );
