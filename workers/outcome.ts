/**
 * A processor looks at one claimed task and returns a word; `runTask` alone turns words into leases,
 * due times and BullMQ's exceptions. Whatever happens, the task leaves the `due` set only in the
 * same write that records its outcome.
 */
import { Worker, type Job } from 'bullmq';
import { announce } from '../src/announce.ts';
import type { EmailChange } from '../src/domain/email-change.ts';
import { describeError } from '../src/log.ts';
import type { WakeUp } from '../src/queues.ts';
import type { Cause } from '../src/store/audit.ts';
import { StaleClaim, type Decided, type Rule, type RuleAmong } from '../src/store/changes.ts';
import type { Claim } from '../src/store/outbox.ts';
import { UnreadableRecord } from '../src/store/records.ts';
import { StoreUnavailable } from '../src/store/redis.ts';
import { backoffMs } from './backoff.ts';
import type { WorkerDeps } from './worker-deps.ts';

export type Outcome =
  /** Done: write what the rule says of the change as it is recorded by then. */
  | { kind: 'done'; rule: Rule; said?: string }
  | { kind: 'done-among'; rule: RuleAmong; said?: string }
  /** Not yet: again after `ms`, or after a backoff that grows with the attempts. */
  | { kind: 'later'; why: string; ms?: number; alarm?: boolean; rule?: Rule }
  /** Never, as far as a worker can tell: out of the way, where an operator can replay it. */
  | { kind: 'park'; why: string }
  /** The tenant wants a pause: all tasks that call it wait, and this attempt does not count. */
  | { kind: 'pause'; ms: number; rule?: Rule };

export type Done = Extract<Outcome, { kind: 'done' | 'done-among' }>;

export type TaskRun = {
  deps: WorkerDeps;
  change: EmailChange;
  /** The task's name, `mail.confirm.2`. */
  name: string;
  claim: Claim;
  /**
   * Writes in the middle of a task, under its lease, and goes on with what is recorded.
   * @throws {StaleClaim} when the lease is lost
   */
  hold: (rule: Rule) => Promise<Decided>;
  holdAmong: (rule: RuleAmong) => Promise<Decided>;
  /** A step of this task, for tests that end the process there (`src/crash-points.ts`). */
  reached: (step: string) => void;
};

export type Processor = (run: TaskRun) => Promise<Outcome>;

const TURN_MS = 1000;
/** How long a worker waits for a Redis that went away in the middle of a task. */
const PATIENCE_MS = 8000;
const ASK_AGAIN_MS = 300;
/** A task that fails for no foreseen reason this often is parked where an operator sees it. */
const MAX_SURPRISES = 20;

export async function runTask(
  deps: WorkerDeps,
  worker: Worker<WakeUp>,
  job: Job<WakeUp>,
  processor: Processor,
): Promise<void> {
  const { changes, log, now } = deps;
  const due = { change: job.data.change, name: job.data.task, at: job.data.at };
  const holder = deps.random(9).toString('base64url');
  const claimedAt = now();
  const claim = await patiently(deps, () =>
    changes.claim(due, claimedAt, deps.config.taskLeaseMs, holder),
  );
  // Done meanwhile, not due yet, or in another worker's hands: nothing is lost by leaving.
  if (!claim) return;
  const reached = (step: string) => deps.reached(`${due.name.split('.')[0]}.${step}`);
  reached('claimed');
  const line = {
    change: due.change,
    task: due.name,
    attempt: claim.attempts,
    requestId: job.data.requestId,
  };
  const startedAt = now();
  const report = (outcome: string, more: object = {}) =>
    log.info({ event: 'task.done', ...line, outcome, ms: now() - startedAt, ...more });
  let pauseMs = 0;
  try {
    const found = await changes.findChange(due.change);
    if (!found) {
      await changes.release({ ...claim, fate: 'done' });
      return report('vanished');
    }
    const held = { claim: { ...claim, fate: 'hold' as const } };
    const announced = (decided: Decided | undefined): Decided => {
      if (!decided) throw new StaleClaim(claim.task);
      announce(deps, decided, job.data.requestId);
      return decided;
    };
    const outcome = await processor({
      deps,
      change: found.value,
      name: due.name,
      claim,
      hold: async (rule) => announced(await changes.decide(due.change, rule, held)),
      holdAmong: async (rule) => announced(await changes.decideAmong(due.change, rule, held)),
      reached,
    });
    reached('decided');
    await patiently(deps, () => settleTask(deps, due.change, claim, outcome, job.data.requestId));
    reached('settled');
    if (outcome.kind === 'park') log.error({ event: 'task.parked', ...line, why: outcome.why });
    else if (outcome.kind === 'later')
      log[outcome.alarm ? 'error' : 'info']({ event: 'task.later', ...line, why: outcome.why });
    else report(outcome.kind);
    if (outcome.kind === 'pause') pauseMs = outcome.ms;
  } catch (error) {
    await settleFailure(deps, claim, error, line);
  }
  if (pauseMs === 0) return;
  // The whole queue pauses and this job goes back to its place in the line.
  await worker.rateLimit(pauseMs);
  throw Worker.RateLimitError();
}

/**
 * Redis may be back in a moment, and what was lost may be its answer alone. Asking again is safe, since
 * a claim knows its holder and a write its epoch, and far better than to wait for the lease to end.
 */
async function patiently<T>({ now }: WorkerDeps, ask: () => Promise<T>): Promise<T> {
  for (const deadline = now() + PATIENCE_MS; ;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || now() >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}

async function settleTask(
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

/** What no processor foresaw. The lease is given back, or simply runs out when Redis stays away. */
async function settleFailure(
  deps: WorkerDeps,
  claim: Claim,
  error: unknown,
  line: object,
): Promise<void> {
  const { changes, log, now } = deps;
  if (error instanceof StaleClaim) return log.warn({ event: 'task.stale', ...line });
  if (error instanceof StoreUnavailable) {
    log.warn({ event: 'task.store_unavailable', ...line, ...describeError(error) });
    const again = { ...claim, fate: 'later' as const, at: now() + TURN_MS, uncounted: true };
    return patiently(deps, () => changes.release(again));
  }
  if (error instanceof UnreadableRecord || claim.attempts >= MAX_SURPRISES) {
    log.error({ event: 'task.parked', ...line, ...describeError(error) });
    await changes.park(claim, now());
    return;
  }
  log.error({ event: 'task.failed', ...line, ...describeError(error) });
  const at = now() + backoffMs(claim.attempts, deps.random);
  await changes.release({ ...claim, fate: 'later', at });
}

/** For the audit trail: what Auth0 said, where it decided. */
const causeOf = ({ said }: { said?: string }): Cause => ({
  actor: 'worker',
  ...(said === undefined ? {} : { said }),
});
