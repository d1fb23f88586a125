/** Writes what becomes of a claimed task: as its processor said, or after a fault that nobody foresaw. */
import { afterWrite } from '../src/after-write.ts';
import { describeError, type TaskWord } from '../src/process/log.ts';
import { recorded, type EmailChange } from '../src/domain/email-change.ts';
import { StaleClaim, type Decided, type Start } from '../src/store/changes.ts';
import type { DueTask } from '../src/store/outbox.ts';
import { UnreadableRecord, type Found } from '../src/store/records.ts';
import { StoreUnavailable } from '../src/store/redis.ts';
import { backoffMs, unableMs } from './backoff.ts';
import type { Done, Result } from './processor.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** How a run ended, in one word; what the log is to say of it; and how long its lane is to pause. */
export type Ending = { word: TaskWord; told?: object; alarm?: boolean; pauseMs?: number };

/** A claimed task, and the request that asked for it where that is known. */
export type Due = DueTask & { requestId?: string | undefined };

const TURN_MS = 1000;
/** How long a worker waits for a Redis that went away in the middle of a task. */
const PATIENCE_MS = 8000;
const ASK_AGAIN_MS = 300;
/** A task that fails for no foreseen reason this often is parked where an operator sees it. */
const MAX_SURPRISES = 20;
/** A task is given back so often, for about an hour, before it is parked. */
const MAX_UNABLE = 16;

/**
 * Redis may be back in a moment, and perhaps only its answer was lost. Asking again is safe, since a claim
 * knows its holder and a write its epoch, and it is quicker than to wait for the end of the lease.
 */
export async function patiently<T>(
  { clock }: Pick<WorkerDeps, 'clock'>,
  ask: (again: boolean) => Promise<T>,
): Promise<T> {
  for (const deadline = clock.monotonic() + PATIENCE_MS, asked = { before: false }; ;) {
    try {
      return await ask(asked.before);
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || clock.monotonic() >= deadline) throw error;
      asked.before = true;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}

/** What is known of the record, whether only an answer may be lost, and who is told what is written. */
type Known = {
  found: Found<EmailChange> | undefined;
  again: boolean;
  learn: (found: Found<EmailChange>) => void;
};
const startOf = (due: Due, { found }: Known): Start => found ?? due.change;
const learnt = ({ learn }: Known, decided: Decided | undefined): void => {
  if (decided && 'found' in decided) learn(decided.found);
};

/** Writes what the processor said. @throws {StaleClaim} @throws {StoreUnavailable} */
export async function endTask(
  deps: WorkerDeps,
  due: Due,
  result: Result,
  known: Known,
): Promise<Ending> {
  const { changes } = deps;
  const { claim } = due;
  switch (result.kind) {
    case 'done':
    case 'done-among':
      return done(deps, due, result, known);
    case 'vanished':
      await changes.release({ ...claim, fate: 'done' });
      return { word: 'vanished' };
    case 'park':
      return park(deps, due, { why: result.why });
    case 'unable':
      return giveBack(deps, due, { why: result.why });
    case 'later':
    case 'pause': {
      const uncounted = result.kind === 'pause';
      const ms = result.ms ?? backoffMs(claim.attempts, deps.random);
      const end = { ...claim, fate: 'later' as const, ms, uncounted };
      if (result.rule)
        learnt(known, await changes.decide(startOf(due, known), result.rule, { claim: end }));
      else await changes.release(end);
      if (result.kind === 'pause') return { word: 'pause', pauseMs: ms };
      const { why, said, alarm = false } = result;
      return { word: 'later', told: { why, said }, alarm };
    }
  }
}

async function done(deps: WorkerDeps, due: Due, result: Done, known: Known): Promise<Ending> {
  const { changes } = deps;
  const { again } = known;
  const start = startOf(due, known);
  const claim = { ...due.claim, fate: 'done' as const };
  const ended: Ending = { word: 'done' };
  // Nothing to write but the end itself.
  if (result.rule === recorded) {
    await changes.release(claim);
    return ended;
  }
  // For the audit trail: what Auth0 said, where it decided.
  const how = { claim, cause: { actor: 'worker' as const, said: result.said }, again };
  const decided =
    result.kind === 'done'
      ? await changes.decide(start, result.rule, how)
      : await changes.decideAmong(start, result.rule, how);
  learnt(known, decided);
  // Another change of this user has its turn: look again shortly.
  if (decided?.verdict.kind === 'refused')
    await changes.release({ ...claim, fate: 'later', ms: TURN_MS });
  else if (decided) afterWrite(deps, decided, due.requestId);
  return ended;
}

/**
 * Another build, or one with other keys, may know this task or record. So it is given back with a growing
 * delay and an alarm, and parked when nobody could do it for about an hour.
 */
async function giveBack(deps: WorkerDeps, due: Due, why: object): Promise<Ending> {
  const { claim } = due;
  if (claim.unable >= MAX_UNABLE) return park(deps, due, why, UNABLE);
  const ms = unableMs(claim.unable);
  await deps.changes.release({ ...claim, fate: 'later', ms, uncounted: true, notOurs: true });
  return { word: 'unable', told: { ...why, againInMs: ms } };
}

/** What is written beside a task that nobody could do: a worker that can do it takes it out again. */
export const UNABLE = 'unable';

async function park(
  deps: WorkerDeps,
  due: Due,
  why: object & { why?: string },
  reason = why.why ?? 'failed',
): Promise<Ending> {
  await deps.changes.park(due.claim, reason);
  return { word: 'parked', told: why };
}

/** What no processor foresaw. The lease is given back, or simply runs out when Redis stays away. */
export async function endFailure(deps: WorkerDeps, due: Due, error: unknown): Promise<Ending> {
  const { changes, log } = deps;
  const { claim } = due;
  if (error instanceof StaleClaim) return { word: 'stale' };
  const told = describeError(error);
  if (error instanceof StoreUnavailable) {
    // At once: nobody knows when the end of this task can be told.
    log.warn({ event: 'task.store_unavailable', ...lineOf(due), ...told });
    const again = { ...claim, fate: 'later' as const, ms: TURN_MS, uncounted: true };
    await patiently(deps, () => changes.release(again));
    return { word: 'store-unavailable' };
  }
  if (error instanceof UnreadableRecord) return giveBack(deps, due, told);
  if (claim.attempts >= MAX_SURPRISES) return park(deps, due, told);
  const ms = backoffMs(claim.attempts, deps.random);
  await changes.release({ ...claim, fate: 'later', ms });
  return { word: 'failed', told };
}

/** Names come from Redis, where anybody may have put one of any length. */
export const lineOf = ({ change, name, claim, requestId }: Due) => ({
  change,
  task: name.slice(0, 100),
  attempt: claim.attempts,
  requestId,
});
