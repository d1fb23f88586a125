/**
 * Puts the previous address back with the care of a commit: read, guard, write once, check, settle.
 * What ends in doubt is resolved by the next run's reading.
 */
import { recorded, type Reason } from '../src/domain/email-change.ts';
import { decideUndo, refuseUndo, settleUndo, startUndoing } from '../src/domain/undo.ts';
import type { Done, Processor, TaskRun } from './outcome.ts';
import { notYet, wishFor, withTenant, WRITER_WAIT_MS, writeOnce } from './with-tenant.ts';

export const undo: Processor = (run) =>
  withTenant(async () => {
    const { deps, change } = run;
    if (change.undo?.requestedAt === undefined) return { kind: 'done', rule: recorded };
    const user = await deps.tenant.readUser(change.sub, { maxWaitMs: WRITER_WAIT_MS });
    run.reached('read');
    const followers = await deps.changes.readFollowers(change);
    const decision = decideUndo(change, followers, user);
    if (decision.kind === 'settled') return settled(run);
    // What looks like a drift may be a newer change of ours that is written and not yet settled.
    if (decision.kind === 'refuse' && followers.some((follower) => follower.writing)) return notYet;
    if (decision.kind === 'refuse') return refused(run, decision.reason);
    return writeOnce(run, wishFor(deps, user, decision.email), {
      start: () =>
        run.holdAmong((latest, others, followers) =>
          startUndoing(latest, followers, others, deps.now()),
        ),
      settled,
      refused: (reason) => refused(run, reason),
    });
  });

const settled = ({ deps }: TaskRun): Done => ({
  kind: 'done-among',
  rule: (change, user, followers) =>
    settleUndo(change, followers, user, deps.config.undoLockMs, deps.now()),
});

const refused = ({ deps }: TaskRun, reason: Reason): Done => ({
  kind: 'done-among',
  rule: (change, user) => refuseUndo(change, reason, user, deps.now()),
});
