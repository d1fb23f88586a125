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
import type { SharedRecord } from './shared-records.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** When so many workers in a row took a task and never came back, the task is to blame. */
const MAX_DEATHS = 12;

export const runTask = (deps: WorkerDeps, due: Due): Promise<Ending> =>
  deps.signals.during('task', { ...lineOf(due), kind: kindOf(due.name) }, () => run(deps, due));

async function run(deps: WorkerDeps, due: Due): Promise<Ending> {
  const { clock, signals, changes } = deps;
  const startedAt = clock.monotonic();
  const kind = kindOf(due.name);
  let record: SharedRecord | undefined;
  const end = async () => {
    reachStep(`${kind}.claimed`);
    const never = whyNever(due);
    if (!never) record = deps.records.join(changes.openChange(due.stored!, due.change));
    const trace = record?.newest().value.trace;
    signals.tell('opened', { change: due.change, trace });
    const result = never ?? (await process(deps, due, record!));
    reachStep(`${kind}.decided`);
    const ending = await inTurn(deps, record, (found, again) =>
      endTask(deps, due, result, { found, again, learn: (news) => record?.learn(news) }),
    );
    reachStep(`${kind}.ended`);
    return ending;
  };
  const ending = await end()
    .catch((error: unknown) => endFailure(deps, due, error))
    .finally(() => record?.leave());
  const { word, told = {}, alarm = false } = ending;
  const seconds = (clock.monotonic() - startedAt) / 1000;
  signals.tell('task', { ...lineOf(due), kind, seconds, word, told, alarm });
  return ending;
}

/** What no processor is asked about. */
function whyNever({ change, name, claim, stored }: Due): Result | undefined {
  if (change === '') return { kind: 'park', why: 'no task at all' };
  if (claim.deaths >= MAX_DEATHS) return { kind: 'park', why: 'ends its workers' };
  if (stored === undefined) return { kind: 'vanished' };
  if (!processorOf(name)) return { kind: 'unable', why: 'unknown task' };
  return undefined;
}

/** A write in its turn. Asked again, when only its answer may be lost, it begins with what it began with. */
function inTurn<T>(
  deps: WorkerDeps,
  record: SharedRecord | undefined,
  write: (found: Found<EmailChange> | undefined, again: boolean) => Promise<T>,
): Promise<T> {
  let found: Found<EmailChange> | undefined;
  return patiently(deps, (again) =>
    record
      ? record.inTurn(() => write((found ??= record.newest()), again))
      : write(undefined, again),
  );
}

function process(deps: WorkerDeps, due: Due, record: SharedRecord): Promise<Result> {
  const { name, claim, requestId } = due;
  const { changes } = deps;
  const held = { claim: { ...claim, fate: 'hold' as const } };
  const written = (decided: Decided | undefined): Decided => {
    if (!decided) throw new StaleClaim(claim.task);
    if ('found' in decided) record.learn(decided.found);
    afterWrite(deps, decided, requestId);
    return decided;
  };
  // A lost answer here would leave the mark of a PATCH that never left, and all would wait for it to land.
  const hold = async (decide: (found: Found<EmailChange>) => Promise<Decided | undefined>) =>
    written(await inTurn(deps, record, (found) => decide(found!)));
  return processorOf(name)!({
    deps,
    change: record.newest().value,
    name,
    claim,
    hold: (rule) => hold((found) => changes.decide(found, rule, held)),
    holdAmong: (rule) => hold((found) => changes.decideAmong(found, rule, held)),
    reached: (step) => reachStep(`${kindOf(name)}.${step}`),
  });
}
