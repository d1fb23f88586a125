/** What the tasks that call the tenant have in common: how they write, and what its faults mean. */
import { sameAddress, type TenantUser } from '../src/domain/account.ts';
import { notWritten } from '../src/domain/commit.ts';
import { recorded, type Reason } from '../src/domain/email-change.ts';
import type { Decided } from '../src/store/changes.ts';
import { TenantFault } from './auth0/faults.ts';
import { sharesOf } from './lease.ts';
import type { Done, Outcome, TaskRun } from './outcome.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** Writers wait this long for their turn to read before all tenant tasks pause. */
export const WRITER_WAIT_MS = 2000;
/** Others wait for one of the next turns only, so as to be hardly in a writer's way. */
export const OTHERS_WAIT_MS = 500;
/** An operator has to act; until then a slow knock, so that no click is lost. */
const CONFIGURATION_RETRY_MS = 60_000;
/** The pause when Auth0 says "too many" without saying until when. */
const BUSY_MS = 500;

/** Only one PATCH of a user may be on its way: this task comes again when the other is settled. */
export const notYet: Outcome = {
  kind: 'later',
  why: 'another change of this user is being written',
  ms: 1000,
};

type Later = Extract<Outcome, { kind: 'later' | 'pause' }>;

export async function withTenant(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TenantFault) return outcomeOfFault(error);
    throw error;
  }
}

/**
 * The one PATCH: marked in the record before it can leave, sent only well within the lease, and
 * unmarked again only when it certainly was not carried out.
 */
export async function writeOnce(
  run: TaskRun,
  wish: { email: string; name?: string },
  then: {
    start: () => Promise<Decided>;
    settled: (run: TaskRun) => Done;
    refused: (reason: Reason) => Done;
  },
): Promise<Outcome> {
  const { deps, change, claim, reached } = run;
  const { verdict } = await then.start();
  if (verdict.kind === 'refused') return notYet;
  // Withdrawn in the last moment: nothing was written, and nothing will be.
  if (verdict.kind === 'recorded') return { kind: 'done', rule: recorded };
  reached('marked');
  try {
    const { connection } = change.account!;
    const { callMs, marginMs } = sharesOf(deps.config);
    const sendBefore = claim.until - callMs - marginMs;
    // Patient, since to give up now would be to have read the account in vain; but a shutdown waits.
    const maxWaitMs = Math.max(Math.min(sendBefore - deps.now(), 2 * callMs), 0);
    await deps.tenant.writeEmail(change.sub, { ...wish, connection }, { maxWaitMs, sendBefore });
    reached('written');
    return { ...then.settled(run), said: '200' };
  } catch (error) {
    if (!(error instanceof TenantFault)) throw error;
    if (error.kind === 'refused') {
      const { status, errorCode = '' } = error.answer;
      return { ...then.refused(reasonOf(error)), said: `${status} ${errorCode}`.trim() };
    }
    const outcome = outcomeOfFault(error);
    return error.kind === 'doubt' ? outcome : { ...outcome, rule: notWritten };
  }
}

function outcomeOfFault(fault: TenantFault): Later {
  const { retryAfterMs } = fault;
  if (fault.kind === 'busy') return { kind: 'pause', ms: retryAfterMs ?? BUSY_MS };
  const why = fault.message;
  if (fault.kind === 'configuration')
    return { kind: 'later', why, ms: CONFIGURATION_RETRY_MS, alarm: true };
  return { kind: 'later', why, ...(retryAfterMs === undefined ? {} : { ms: retryAfterMs }) };
}

/** Auth0 tells its refusals of a PATCH apart by words (400, where some stand-ins say 409). */
function reasonOf({ answer: { status, errorCode, message = '' } }: TenantFault): Reason {
  if ((status === 400 || status === 409) && /already exists/i.test(message)) return 'email-taken';
  if (status === 404) return 'user-gone';
  return errorCode === 'operation_not_supported' || UNSUPPORTED.test(message)
    ? 'unsupported-identity'
    : 'refused-by-auth0';
}
const UNSUPPORTED = /non-database user|not supported|disabled connection/i;

/** The display name follows the address where it was nothing but the address (SYNC_NAME). */
export const wishFor = (
  { config }: WorkerDeps,
  user: TenantUser | undefined,
  email: string,
): { email: string; name?: string } =>
  config.syncName && user?.name !== undefined && sameAddress(user.name, user.email)
    ? { email, name: email }
    : { email };
