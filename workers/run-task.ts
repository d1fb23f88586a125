/**
 * A task's life: claim → read → process → write once → end → wake what follows. The lane claims it and
 * reads its record in one call (lane.ts); the write, the end and the wake are in end-task.ts. Whatever
 * happens, the task leaves the `due` set only in the same write that records its outcome.
 */
import { afterWrite } from '../src/after-write.ts';
import { StaleClaim, type Decided } from '../src/store/changes.ts';
import { endFailure, endTask, patiently, type Due, type Ending } from './end-task.ts';
import type { Outcome } from './outcome.ts';
import { kindOf, processorOf } from './processors.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** A task that so many workers in a row took and never came back from ends them itself. */
const MAX_DEATHS = 12;

export async function runTask(deps: WorkerDeps, due: Due): Promise<Ending> {
  const { clock, metrics } = deps;
  const startedAt = clock.monotonic();
  const end = async () => {
    const outcome = await process(deps, due);
    deps.reached(`${kindOf(due.name)}.decided`);
    const ending = await patiently(deps, () => endTask(deps, due, outcome));
    deps.reached(`${kindOf(due.name)}.settled`);
    return ending;
  };
  const ending = await end().catch((error: unknown) => endFailure(deps, due, error));
  const seconds = (clock.monotonic() - startedAt) / 1000;
  metrics.tasks.observe({ task: kindOf(due.name), outcome: ending.word }, seconds);
  return ending;
}

async function process(deps: WorkerDeps, due: Due): Promise<Outcome> {
  const { change: id, name, claim, stored, requestId } = due;
  const { changes } = deps;
  const reached = (step: string) => deps.reached(`${kindOf(name)}.${step}`);
  reached('claimed');
  if (id === '') return { kind: 'park', why: 'no task at all' };
  if (claim.deaths >= MAX_DEATHS) return { kind: 'park', why: 'ends its workers' };
  if (stored === undefined) return { kind: 'vanished' };
  const processor = processorOf(name);
  if (!processor) return { kind: 'unable', why: 'unknown task' };

  const held = { claim: { ...claim, fate: 'hold' as const } };
  const announced = (decided: Decided | undefined): Decided => {
    if (!decided) throw new StaleClaim(claim.task);
    afterWrite(deps, decided, requestId);
    return decided;
  };
  return processor({
    deps,
    change: changes.openChange(stored, id),
    name,
    claim,
    hold: async (rule) => announced(await changes.decide(id, rule, held)),
    holdAmong: async (rule) => announced(await changes.decideAmong(id, rule, held)),
    reached,
  });
}
