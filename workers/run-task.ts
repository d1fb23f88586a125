/**
 * One task, from the lease to its end. Alone knows BullMQ's exceptions. Whatever happens, the task
 * leaves the `due` set only in the same write that records its outcome.
 */
import { Worker, type Job } from 'bullmq';
import { announce } from '../src/announce.ts';
import type { WakeUp } from '../src/queues.ts';
import { StaleClaim, type Decided } from '../src/store/changes.ts';
import type { Claim, Due } from '../src/store/outbox.ts';
import type { Processor } from './outcome.ts';
import { patiently, settleFailure, settleTask } from './settle.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** How a run ended, in one word for the log and the measures. */
type Ending = { word: string; pauseMs?: number };

export async function runTask(
  deps: WorkerDeps,
  worker: Worker<WakeUp>,
  job: Job<WakeUp>,
  processor: Processor,
): Promise<void> {
  const { now } = deps;
  const { change, task: name, at, requestId } = job.data;
  const holder = deps.random(9).toString('base64url');
  const startedAt = now();
  const claim = await patiently(deps, () =>
    deps.changes.claim({ change, name, at }, startedAt, deps.config.taskLeaseMs, holder),
  );
  // Done meanwhile, not due yet, or in another worker's hands: nothing is lost by leaving.
  if (!claim) return;
  const line = { change, task: name, attempt: claim.attempts, requestId };
  const attempt = async (): Promise<Ending> => {
    try {
      return await runClaimed(deps, processor, { change, name, at }, claim, line);
    } catch (error) {
      return { word: await settleFailure(deps, claim, error, line) };
    }
  };
  const { word, pauseMs } = await attempt();
  const kind = name.split('.')[0] ?? '';
  deps.metrics.tasks.observe({ task: kind, outcome: word }, (now() - startedAt) / 1000);
  if (pauseMs === undefined) return;
  // The whole queue pauses and this job goes back to its place in the line.
  await worker.rateLimit(pauseMs);
  throw Worker.RateLimitError();
}

async function runClaimed(
  deps: WorkerDeps,
  processor: Processor,
  due: Due,
  claim: Claim,
  line: { requestId: string | undefined },
): Promise<Ending> {
  const { changes, log, now } = deps;
  const { change: id, name } = due;
  const startedAt = now();
  const reached = (step: string) => deps.reached(`${name.split('.')[0]}.${step}`);
  reached('claimed');
  const report = (word: string): Ending => {
    log.info({ event: 'task.done', ...line, outcome: word, ms: now() - startedAt });
    return { word };
  };
  const found = await changes.findChange(id);
  if (!found) {
    await changes.release({ ...claim, fate: 'done' });
    return report('vanished');
  }
  const held = { claim: { ...claim, fate: 'hold' as const } };
  const announced = (decided: Decided | undefined): Decided => {
    if (!decided) throw new StaleClaim(claim.task);
    announce(deps, decided, line.requestId);
    return decided;
  };
  const outcome = await processor({
    deps,
    change: found.value,
    name,
    claim,
    hold: async (rule) => announced(await changes.decide(id, rule, held)),
    holdAmong: async (rule) => announced(await changes.decideAmong(id, rule, held)),
    reached,
  });
  reached('decided');
  await patiently(deps, () => settleTask(deps, id, claim, outcome, line.requestId));
  reached('settled');
  switch (outcome.kind) {
    case 'park':
      log.error({ event: 'task.parked', ...line, why: outcome.why });
      return { word: 'parked' };
    case 'later': {
      const { why, said, alarm } = outcome;
      log[alarm ? 'error' : 'info']({ event: 'task.later', ...line, why, said });
      return { word: 'later' };
    }
    case 'pause':
      return { ...report('pause'), pauseMs: outcome.ms };
    default:
      return report('done');
  }
}
