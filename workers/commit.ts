/**
 * Claim, read, guard, write once, check, settle. Whatever ends in doubt is resolved by the next
 * run's reading, never by writing again, so there is one effective PATCH per change.
 */
import { decideCommit, notWritten, reject, settle, startWriting } from '../src/domain/commit.ts';
import { recorded, type EmailChange, type Reason } from '../src/domain/email-change.ts';
import { CALL_TIMEOUT_MS } from './auth0/management-api.ts';
import { TenantFault } from './auth0/faults.ts';
import type { Outcome, Processor, TaskRun } from './outcome.ts';
import { outcomeOfFault, withTenant } from './with-tenant.ts';

/** Commits may wait this long for their turn in the tenant's budget before all of them pause. */
const MAX_WAIT_MS = 2000;
const MARGIN_MS = 2000;

export const commit: Processor = (run) =>
  withTenant(async () => {
    const { deps, change } = run;
    if (change.status !== 'confirmed') return { kind: 'done', rule: recorded };
    const overdue = deps.now() > change.confirmedAt! + deps.config.commitDeadlineMs;
    // With a PATCH in doubt only the tenant can say what became of it.
    if (overdue && !change.writing) return rejectedFor(run, 'deadline-passed');

    const user = await deps.tenant.readUser(change.sub, { maxWaitMs: MAX_WAIT_MS });
    const decision = decideCommit(change, user);
    if (decision.kind === 'settled') return settled(run);
    if (decision.kind === 'reject') return rejectedFor(run, decision.reason);
    return patch(run);
  });

async function patch(run: TaskRun): Promise<Outcome> {
  const { deps, change, claim, hold } = run;
  const marked = await hold(startWriting);
  if (!('change' in marked) || marked.change.status !== 'confirmed')
    return { kind: 'done', rule: recorded };
  try {
    await deps.tenant.writeEmail(change.sub, change.email, change.account!.connection, {
      maxWaitMs: MAX_WAIT_MS,
      // Past this the lease could end with the PATCH still in the air.
      sendBefore: claim.until - CALL_TIMEOUT_MS - MARGIN_MS,
    });
    return settled(run);
  } catch (error) {
    if (!(error instanceof TenantFault)) throw error;
    if (error.kind === 'refused') return rejectedFor(run, reasonOf(error));
    const outcome = outcomeOfFault(error);
    // Only a fault that leaves no doubt takes back the mark that a PATCH may be under way.
    return error.kind === 'doubt' || (outcome.kind !== 'later' && outcome.kind !== 'pause')
      ? outcome
      : { ...outcome, rule: notWritten };
  }
}

const settled = ({ deps }: TaskRun): Outcome => ({
  kind: 'done-among',
  rule: (change, user) => settle(change, user, deps.config.undoWindowMs, deps.now()),
});

const rejectedFor = ({ deps }: TaskRun, reason: Reason): Outcome => ({
  kind: 'done',
  rule: (change: EmailChange) => reject(change, reason, deps.now()),
});

/** Auth0 answers 400 for a taken address (some stand-ins 409) and tells it apart by words alone. */
function reasonOf({ answer: { status, errorCode, message = '' } }: TenantFault): Reason {
  if ((status === 400 || status === 409) && /already exists/i.test(message)) return 'email-taken';
  if (status === 404) return 'user-gone';
  if (
    errorCode === 'operation_not_supported' ||
    /non-database user|not supported|disabled connection/i.test(message)
  )
    return 'unsupported-identity';
  return 'refused-by-auth0';
}
