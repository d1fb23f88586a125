/**
 * Writes the confirmed address: claim, read, guard, write once, check, settle. What ends in doubt
 * is resolved by the next run's reading, never by writing again: one effective PATCH per change.
 */
import { decideCommit, reject, settle, startWriting } from '../src/domain/commit.ts';
import { cancel, recorded, type Reason } from '../src/domain/email-change.ts';
import { distrusts } from '../src/domain/restore.ts';
import type { Done, Result, Processor, TaskRun } from './processor.ts';
import { readAccount, wishFor, withTenant, writeOnce } from './with-tenant.ts';

/** A PATCH in doubt for longer than the deadline: the operator hears of it, and no more often. */
const OVERDUE_RETRY_MS = 60_000;

export const commit: Processor = async (run) => {
  const { deps, change } = run;
  if (change.status !== 'confirmed') return { kind: 'done', rule: recorded };
  const overdue = deps.now() > change.confirmedAt! + deps.config.commitDeadlineMs;
  // With a PATCH in doubt only the tenant can say what became of it.
  if (overdue && !change.writing) return rejected(run, 'deadline-passed');
  const refused = change.writing ? undefined : (reason: Reason) => rejected(run, reason);
  const result = await withTenant(() => attempt(run, overdue), refused);
  return overdue && result.kind === 'later'
    ? { ...result, ms: OVERDUE_RETRY_MS, alarm: true }
    : result;
};

async function attempt(run: TaskRun, overdue: boolean): Promise<Result> {
  const { deps, change } = run;
  const { user, still } = await readAccount(run);
  const decision = decideCommit(change, user);
  if (decision.kind === 'settled') return settled(run, !decision.unverified);
  if (still) return still;
  if (decision.kind === 'reject') return rejected(run, decision.reason);
  if (overdue) return rejected(run, 'deadline-passed');
  const distrust = distrusts(change, user, await deps.pulse.readRestored());
  if (distrust !== undefined) return letGo(run, distrust);
  return writeOnce(run, wishFor(deps, user, { email: change.email, emailVerified: true }), {
    start: (landsBy) => run.hold((latest) => startWriting(latest, landsBy)),
    settled,
    refused: (reason) => rejected(run, reason),
  });
}

function settled({ deps, change }: TaskRun, verified: boolean): Done {
  const { undoWindowMs, revoke, limitCommitted } = deps.config;
  const aftermath = {
    undoWindowMs,
    revoke: revoke !== 'none',
    limitWindowMs: limitCommitted.windowMs,
    unverified: !verified,
  };
  // The address is there, and the record says so; `verify.ts` asks for the rest.
  if (!verified) deps.log.warn({ event: 'commit.unverified', change: change.id });
  return {
    kind: 'done-among',
    rule: (latest, user) => settle(latest, user, aftermath, deps.now()),
  };
}

/** Redis was put back to an older state, and this may have ended since: nothing is written. */
function letGo(run: TaskRun, distrust: 'canceled' | 'drifted'): Done {
  const { deps, change } = run;
  deps.log.warn({ event: 'commit.distrusted', change: change.id, distrust });
  if (distrust === 'drifted') return rejected(run, 'address-drifted');
  return { kind: 'done', rule: (latest) => cancel(latest, 'operator', deps.now()) };
}

const rejected = ({ deps }: TaskRun, reason: Reason): Done => ({
  kind: 'done',
  rule: (change) => reject(change, reason, deps.now()),
});
