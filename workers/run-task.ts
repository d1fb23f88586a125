/**
 * A task's life: claim → read → process → write once → end → wake what follows. The lane claims it and
 * reads its record in one call (lane.ts); the write, the end and the wake are in end-task.ts. Whatever
 * happens, the task leaves the `due` set only in the same write that records its result.
 */
import { afterWrite } from '../src/after-write.ts';
import type { EmailChange } from '../src/domain/email-change.ts';
import { reached as reachStep } from '../src/signals.ts';
import { StaleClaim, type Decided } from '../src/store/changes.ts';
import type { Found } from '../src/store/records.ts';
import { endFailure, endTask, lineOf, patiently, type Due, type Ending } from './end-task.ts';
import type { Result } from './processor.ts';
import { kindOf, processorOf } from './processors.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** When so many workers in a row took a task and never came back, the task is to blame. */
const MAX_DEATHS = 12;

export async function runTask(deps: WorkerDeps, due: Due): Promise<Ending> {
  const { clock, signals } = deps;
  const startedAt = clock.monotonic();
  const end = async () => {
    const { result, found } = await process(deps, due);
    reachStep(`${kindOf(due.name)}.decided`);
    const ending = await patiently(deps, (again) => endTask(deps, due, result, { found, again }));
    reachStep(`${kindOf(due.name)}.ended`);
    return ending;
  };
  const ending = await end().catch((error: unknown) => endFailure(deps, due, error));
  const { word, told = {}, alarm = false } = ending;
  const seconds = (clock.monotonic() - startedAt) / 1000;
  signals.tell('task', { ...lineOf(due), kind: kindOf(due.name), seconds, word, told, alarm });
  return ending;
}

/** What the processor says, and the record as it is known by then. */
type Processed = { result: Result; found?: Found<EmailChange> };

async function process(deps: WorkerDeps, due: Due): Promise<Processed> {
  const { change: id, name, claim, stored, requestId } = due;
  const { changes } = deps;
  const reached = (step: string) => reachStep(`${kindOf(name)}.${step}`);
  reached('claimed');
  if (id === '') return { result: { kind: 'park', why: 'no task at all' } };
  if (claim.deaths >= MAX_DEATHS) return { result: { kind: 'park', why: 'ends its workers' } };
  if (stored === undefined) return { result: { kind: 'vanished' } };
  const processor = processorOf(name);
  if (!processor) return { result: { kind: 'unable', why: 'unknown task' } };

  let found = changes.openChange(stored, id);
  const held = { claim: { ...claim, fate: 'hold' as const } };
  const written = (decided: Decided | undefined): Decided => {
    if (!decided) throw new StaleClaim(claim.task);
    if ('found' in decided) found = decided.found;
    afterWrite(deps, decided, requestId);
    return decided;
  };
  const result = await processor({
    deps,
    change: found.value,
    name,
    claim,
    // A lost answer here would leave the mark of a PATCH that never left, and all would wait for it to land.
    hold: async (rule) => written(await patiently(deps, () => changes.decide(found, rule, held))),
    holdAmong: async (rule) =>
      written(await patiently(deps, () => changes.decideAmong(found, rule, held))),
    reached,
  });
  return { result, found };
}
