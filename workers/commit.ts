/**
 * Writes the confirmed address: claim, read, guard, write once, check, settle. What ends in doubt
 * is resolved by the next run's reading, never by writing again: one effective PATCH per change.
 */
import { decideCommit, reject, settle, startWriting } from '../src/domain/commit.ts';
import { recorded, type Reason } from '../src/domain/email-change.ts';
import type { Done, Processor, TaskRun } from './outcome.ts';
import { wishFor, withTenant, WRITER_WAIT_MS, writeOnce } from './with-tenant.ts';

export const commit: Processor = (run) =>
  withTenant(async () => {
    const { deps, change } = run;
    if (change.status !== 'confirmed') return { kind: 'done', rule: recorded };
    const overdue = deps.now() > change.confirmedAt! + deps.config.commitDeadlineMs;
    // With a PATCH in doubt only the tenant can say what became of it.
    if (overdue && !change.writing) return rejected(run, 'deadline-passed');

    const user = await deps.tenant.readUser(change.sub, { maxWaitMs: WRITER_WAIT_MS });
    run.reached('read');
    const decision = decideCommit(change, user);
    if (decision.kind === 'settled') return settled(run);
    if (decision.kind === 'reject') return rejected(run, decision.reason);
    if (overdue) return rejected(run, 'deadline-passed');
    return writeOnce(run, wishFor(deps, user, change.email), {
      start: () => run.hold(startWriting),
      settled,
      refused: (reason) => rejected(run, reason),
    });
  });

const settled = ({ deps }: TaskRun): Done => ({
  kind: 'done-among',
  rule: (change, user) =>
    settle(
      change,
      user,
      { undoWindowMs: deps.config.undoWindowMs, revoke: deps.config.revoke !== 'none' },
      deps.now(),
    ),
});

const rejected = ({ deps }: TaskRun, reason: Reason): Done => ({
  kind: 'done',
  rule: (change) => reject(change, reason, deps.now()),
});
