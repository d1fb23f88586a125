/**
 * Puts the previous address back with the care of a commit: read, guard, write once, check, settle.
 * What ends in doubt is resolved by the next run's reading.
 */
import { recorded, undoUnderWay, type Reason } from '../src/domain/email-change.ts';
import { decideUndo, refuseUndo, settleUndo, startUndoing } from '../src/domain/undo.ts';
import type { Done, Result, Processor, TaskRun } from './processor.ts';
import { notYet, readAccount, wishFor, withTenant, writeOnce } from './with-tenant.ts';

export const undo: Processor = async (run) => {
  const { change } = run;
  if (!undoUnderWay(change)) return { kind: 'done', rule: recorded };
  const unreadable = change.writing ? undefined : (reason: Reason) => refused(run, reason);
  return withTenant(() => attempt(run), unreadable);
};

async function attempt(run: TaskRun): Promise<Result> {
  const { deps, change } = run;
  const { user, still } = await readAccount(run);
  const followers = await deps.changes.readFollowers(change);
  const decision = decideUndo(change, followers, user);
  const read = user?.passwordResetAt ?? 0;
  if (decision.kind === 'settled') {
    // By our own PATCH, whose answer was lost: what was set since may be its owner's.
    const before = change.writing ? change.undo?.passwordSetAt : undefined;
    return settled(run, before ?? read, !decision.unverified);
  }
  if (still) return still;
  // What looks like a drift may be a newer change of ours that is written and not yet settled.
  if (decision.kind === 'refuse' && followers.some((follower) => follower.writing)) return notYet;
  if (decision.kind === 'refuse') return refused(run, decision.reason);
  const { email, emailVerified } = decision;
  return writeOnce(run, wishFor(deps, user, { email, emailVerified }), {
    start: (landsBy) =>
      run.holdAmong((latest, others, followers) =>
        startUndoing(latest, followers, others, { landsBy, passwordSetAt: read }, deps.now()),
      ),
    settled: (_, verified, passwordSetAt = read) =>
      settled(run, Math.max(read, passwordSetAt), verified || !emailVerified),
    refused: (reason) => refused(run, reason),
  });
}

/** `whole`: as verified as it was. */
const settled = ({ deps }: TaskRun, passwordSetAt: number, whole: boolean): Done => ({
  kind: 'done-among',
  rule: (change, user, followers) =>
    settleUndo(
      change,
      followers,
      user,
      { lockMs: deps.config.undoLockMs, passwordSetAt, unverified: !whole },
      deps.now(),
    ),
});

const refused = ({ deps }: TaskRun, reason: Reason): Done => ({
  kind: 'done-among',
  rule: (change, user) => refuseUndo(change, reason, user, deps.now()),
});
