/** What the tasks that call the tenant have in common: how they write, and what its faults mean. */
import { sameAddress, type DirectoryUser } from '../src/domain/account.ts';
import { inDoubt, mayStillLand, notWritten } from '../src/domain/commit.ts';
import { recorded, type EmailChange, type Reason } from '../src/domain/email-change.ts';
import type { Decided } from '../src/store/changes.ts';
import { TenantFault } from './directory/auth0/faults.ts';
import type { EmailWrite, Fenced } from './directory/directory.ts';
import { reasonOf } from './directory/auth0/refusals.ts';
import { backoffMs } from './backoff.ts';
import { sharesOf } from './lease.ts';
import type { Done, Result, TaskRun } from './processor.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** Writers wait this long for their turn to read before all tenant tasks pause. */
const WRITER_WAIT_MS = 2000;
/** Others wait for one of the next turns only, so as to be hardly in a writer's way. */
export const OTHERS_WAIT_MS = 500;
/** An operator has to act; until then a slow knock, so that no click is lost. */
const CONFIGURATION_RETRY_MS = 60_000;
/** The pause when Auth0 says "too many" without saying until when. */
const BUSY_MS = 500;
/** After that we look again: an operator may have mended it. */
const LONGEST_PAUSE_MS = 60_000;

/** Only one PATCH of a user may be on its way: this task comes again when the other is settled. */
export const notYet: Result = {
  kind: 'later',
  why: 'another change of this user is being written',
  ms: 1000,
};

type Later = Extract<Result, { kind: 'later' | 'pause' }>;

/** `refused`: what follows when the tenant refuses, for good, to let this account be read. */
export async function withTenant(
  work: () => Promise<Result>,
  refused?: (reason: Reason) => Done,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TenantFault)) throw error;
    return error.kind === 'refused' && refused ? refused(reasonOf(error)) : outcomeOfFault(error);
  }
}

/**
 * Reads the account. While a PATCH of this change may still land, the reading can only show that the wish
 * is fulfilled. If it is not, the task waits (`still`) until the PATCH can no longer land.
 */
export async function readAccount(run: TaskRun) {
  const { deps, change, claim, reached } = run;
  const readAt = deps.now();
  const user = await deps.directory.readUser(change.sub, { maxWaitMs: WRITER_WAIT_MS });
  reached('read');
  const { tenantPatienceMs, taskLeaseMs } = deps.config;
  const longestMs = taskLeaseMs + tenantPatienceMs;
  // Redis' clock leapt ahead: a PATCH that was sent by the old time may still be on its way.
  const leapt = change.writing === true && deps.clock.leaptAgoMs() < longestMs;
  if (!leapt && !mayStillLand(change, readAt)) return { user };
  // Whoever wrote that is written over when it lands, and nobody would know.
  const known = [change.email, change.account?.email ?? change.email];
  if (user?.email !== undefined && !known.some((email) => sameAddress(email, user.email)))
    deps.signals.tell('drift', { change: change.id });
  // Noted by a version that did not say until when, or by a clock that has been set back since.
  const landsBy = change.landsBy ?? Infinity;
  const isUnknown = landsBy - readAt > longestMs;
  const landsInMs = leapt
    ? longestMs - deps.clock.leaptAgoMs()
    : (isUnknown ? readAt + tenantPatienceMs : landsBy) - deps.now();
  const still: Result = {
    kind: 'later',
    why: 'a PATCH may still land',
    ms: Math.max(0, Math.min(backoffMs(claim.attempts, deps.random), landsInMs)),
    rule: isUnknown ? (latest) => inDoubt(latest, tenantPatienceMs, deps.now()) : undefined,
  };
  return { user, still };
}

/**
 * The terms of every PATCH: well within the lease, and only while Redis says that the lease is ours. It waits
 * longer for its turn than other calls, though a shutdown waits with it: to begin again would cost one more
 * reading, and at a low AUTH0_RATE that could go on for ever.
 */
export function toWrite({ deps, claim }: TaskRun): Fenced {
  const { callMs, patchMs, marginMs } = sharesOf(deps.config);
  const leftMs = () => claim.leftMs() - patchMs - marginMs;
  const maxWaitMs = Math.max(Math.min(leftMs(), 2 * callMs), 0);
  return { maxWaitMs, lease: { leftMs, isHeld: () => deps.changes.isHeld(claim) } };
}

/**
 * The one PATCH: marked in the record before it can leave, sent only well within the lease, and
 * unmarked again only when it certainly was not carried out.
 */
export async function writeOnce(
  run: TaskRun,
  wish: Omit<EmailWrite, 'connection'>,
  then: {
    start: (landsBy: number) => Promise<Decided>;
    /** `passwordSetAt`: as of the write itself, where its answer says so. */
    settled: (run: TaskRun, verified: boolean, passwordSetAt?: number) => Done;
    refused: (reason: Reason) => Done;
  },
): Promise<Result> {
  const { deps, change, reached } = run;
  const { tenantPatienceMs } = deps.config;
  const sendWithinMs = toWrite(run).lease.leftMs();
  const { verdict } = await then.start(deps.now() + sendWithinMs + tenantPatienceMs);
  if (verdict.kind === 'refused') return notYet;
  // Withdrawn in the last moment: nothing was written, and nothing will be.
  if (verdict.kind === 'recorded') return { kind: 'done', rule: recorded };
  reached('marked');
  try {
    const { connection } = change.account!;
    const { verified, passwordSetAt } = await deps.directory.writeEmail(
      change.sub,
      { ...wish, connection },
      toWrite(run),
    );
    reached('written');
    return { ...then.settled(run, verified, passwordSetAt), said: '200' };
  } catch (error) {
    if (!(error instanceof TenantFault)) throw error;
    if (error.kind === 'refused') {
      // A proxy, or an earlier try of ours, may have written it: then Auth0 says "already exists" of our own work.
      const user = await deps.directory.readUser(change.sub, {
        maxWaitMs: toWrite(run).maxWaitMs,
      });
      if (user && sameAddress(user.email, wish.email)) return then.settled(run, user.emailVerified);
      const { status, errorCode = '' } = error.answer;
      return { ...then.refused(reasonOf(error)), said: `${status} ${errorCode}`.trim() };
    }
    if (error.kind !== 'doubt') return { ...outcomeOfFault(error), rule: notWritten };
    const rule = (latest: EmailChange) => inDoubt(latest, tenantPatienceMs, deps.now());
    return { kind: 'later', why: error.message, alarm: true, rule };
  }
}

function outcomeOfFault(fault: TenantFault): Later {
  const retryAfterMs = fault.retryAfterMs && Math.min(fault.retryAfterMs, LONGEST_PAUSE_MS);
  if (fault.kind === 'busy') return { kind: 'pause', ms: retryAfterMs ?? BUSY_MS };
  const why = fault.message;
  if (fault.kind === 'configuration')
    return { kind: 'later', why, said: fault.words, ms: CONFIGURATION_RETRY_MS, alarm: true };
  return { kind: 'later', why, ms: retryAfterMs };
}

/** The display name follows the address where it was nothing but the address (SYNC_NAME). */
export const wishFor = (
  { config }: WorkerDeps,
  user: DirectoryUser | undefined,
  wish: { email: string; emailVerified: boolean },
): { email: string; emailVerified: boolean; name?: string } =>
  config.syncName && user?.name !== undefined && sameAddress(user.name, user.email)
    ? { ...wish, name: wish.email }
    : wish;
