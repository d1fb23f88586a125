/** What becomes of a claimed task, in writing: as its processor said, or as nobody foresaw. */
import { announce } from '../src/announce.ts';
import { describeError } from '../src/log.ts';
import type { Cause } from '../src/store/audit.ts';
import { StaleClaim } from '../src/store/changes.ts';
import type { Claim } from '../src/store/outbox.ts';
import { UnreadableRecord } from '../src/store/records.ts';
import { StoreUnavailable } from '../src/store/redis.ts';
import { backoffMs } from './backoff.ts';
import type { Outcome } from './outcome.ts';
import type { WorkerDeps } from './worker-deps.ts';

const TURN_MS = 1000;
/** How long a worker waits for a Redis that went away in the middle of a task. */
const PATIENCE_MS = 8000;
const ASK_AGAIN_MS = 300;
/** A task that fails for no foreseen reason this often is parked where an operator sees it. */
const MAX_SURPRISES = 20;

/**
 * Redis may be back in a moment, and what was lost may be its answer alone. Asking again is safe, since
 * a claim knows its holder and a write its epoch, and far better than to wait for the lease to end.
 */
export async function patiently<T>({ now }: WorkerDeps, ask: () => Promise<T>): Promise<T> {
  for (const deadline = now() + PATIENCE_MS; ;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || now() >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}

export async function settleTask(
  deps: WorkerDeps,
  id: string,
  claim: Claim,
  outcome: Outcome,
  requestId: string | undefined,
): Promise<void> {
  const { changes, now } = deps;
  if (outcome.kind === 'done' || outcome.kind === 'done-among') {
    const how = { claim: { ...claim, fate: 'done' as const }, cause: causeOf(outcome) };
    const decided =
      outcome.kind === 'done'
        ? await changes.decide(id, outcome.rule, how)
        : await changes.decideAmong(id, outcome.rule, how);
    // Another change of this user has its turn: look again shortly.
    if (decided?.verdict.kind === 'refused')
      return changes.release({ ...claim, fate: 'later', at: now() + TURN_MS });
    return decided && announce(deps, decided, requestId);
  }
  if (outcome.kind === 'park') return changes.park(claim, now());
  const ms = outcome.ms ?? backoffMs(claim.attempts, deps.random);
  const end = {
    ...claim,
    fate: 'later' as const,
    at: now() + ms,
    uncounted: outcome.kind === 'pause',
  };
  if (outcome.rule) await changes.decide(id, outcome.rule, { claim: end });
  else await changes.release(end);
}

/**
 * What no processor foresaw. The lease is given back, or simply runs out when Redis stays away.
 * Says in one word how it ended.
 */
export async function settleFailure(
  deps: WorkerDeps,
  claim: Claim,
  error: unknown,
  line: object,
): Promise<string> {
  const { changes, log, now } = deps;
  if (error instanceof StaleClaim) {
    log.warn({ event: 'task.stale', ...line });
    return 'stale';
  }
  if (error instanceof StoreUnavailable) {
    log.warn({ event: 'task.store_unavailable', ...line, ...describeError(error) });
    const again = { ...claim, fate: 'later' as const, at: now() + TURN_MS, uncounted: true };
    await patiently(deps, () => changes.release(again));
    return 'store-unavailable';
  }
  if (error instanceof UnreadableRecord || claim.attempts >= MAX_SURPRISES) {
    log.error({ event: 'task.parked', ...line, ...describeError(error) });
    await changes.park(claim, now());
    return 'parked';
  }
  log.error({ event: 'task.failed', ...line, ...describeError(error) });
  const at = now() + backoffMs(claim.attempts, deps.random);
  await changes.release({ ...claim, fate: 'later', at });
  return 'failed';
}

/** For the audit trail: what Auth0 said, where it decided. */
const causeOf = ({ said }: { said?: string }): Cause => ({
  actor: 'worker',
  ...(said === undefined ? {} : { said }),
});
