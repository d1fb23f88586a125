/** The job door: lanes, the bell, the reconciler, and a clean end. */
import type { WorkerConfig } from '../src/config.ts';
import { tellAbout } from '../src/weakenings.ts';
import { closeDeps, openDeps, untilRedisReady, type Ambient } from '../src/deps.ts';
import { exitOnWrongRedis } from '../src/process/exit.ts';
import { createLog } from '../src/process/log.ts';
import { openOperatorsPort } from '../src/process/operators-port.ts';
import { createReadiness } from '../src/process/readiness.ts';
import { LANES, laneOf, type Lane } from '../src/store/lanes.ts';
import { openRedis, StoreUnavailable } from '../src/store/redis.ts';
import { listen, type Listening } from './bullmq.ts';
import { openLane, type LaneAtWork } from './lane.ts';
import { startReconciler, type Reconciler } from './reconcile.ts';
import { runTask } from './run-task.ts';
import { withOutsideWorld, type WorkerDeps } from './worker-deps.ts';

/** How many tasks of a lane one process does side by side. */
const HANDS = 10;

export type RunningWorkers = {
  url: string;
  deps: WorkerDeps;
  drain(): void;
  close(): Promise<void>;
};

/** Starts the workers. They take tasks as soon as Redis is ready. */
export async function startWorkers(
  config: WorkerConfig,
  ambient: Ambient = {},
): Promise<RunningWorkers> {
  const log = createLog(config, 'workers', ambient.logTo);
  tellAbout(config, log);
  const lanes = new Map<Lane, LaneAtWork>();
  const opened = openDeps(config, log, ambient);
  const deps = withOutsideWorld({
    ...opened,
    // What follows from a task here is done here: this process need not ring for itself.
    wakeUps: {
      ...opened.wakeUps,
      ring: (tasks, requestId) => {
        for (const { change, name } of tasks)
          lanes.get(laneOf(name))?.wake({ change, ...(requestId ? { requestId } : {}) });
      },
    },
  });
  const readiness = createReadiness(deps);
  const operators = await openOperatorsPort(deps, readiness, config.operators);
  const blocking = openRedis(config, 'blocking', log);
  let reconciler: Reconciler | undefined;
  let bell: Listening | undefined;

  const start = () => {
    for (const lane of LANES)
      lanes.set(
        lane,
        openLane(
          deps,
          lane,
          HANDS,
          (due) => runTask(deps, due),
          // What cannot be taken back waits until it is known whether Redis lost anything.
          lane === 'write' ? () => deps.pulse.isSteady() : undefined,
        ),
      );
    bell = listen(deps, blocking, (lane, heard) => lanes.get(lane)?.wake(heard));
    const wakeAll = (due: readonly Lane[]) => due.forEach((lane) => lanes.get(lane)?.wake());
    reconciler = startReconciler(deps, wakeAll, ambient.tickMs);
    readiness.started();
    log.info({ event: 'workers.started' });
    // Only a hint: a Redis that went away again costs no more than this line.
    deps.standing.warn().catch(() => undefined);
  };
  let closing = false;
  const noteStart = async () => {
    await deps.pulse.noteStart();
    await deps.pulse.noteReceiver(config.webhookUrl !== undefined);
  };
  const ready = untilRedisReady(deps).then(() => noteStart().catch(ignoreAway));
  ready.then(() => (closing ? undefined : start()), exitOnWrongRedis(log));

  return {
    url: operators.url,
    deps,
    drain: readiness.drain,
    async close() {
      closing = true;
      readiness.drain();
      reconciler?.stop();
      const atWork = [...(bell ? [bell] : []), ...lanes.values()];
      await within(config.shutdownGraceMs / 2, Promise.all(atWork.map((each) => each.stop())));
      deps.mailer.close();
      blocking.disconnect();
      operators.close();
      await closeDeps(deps);
      log.info({ event: 'workers.closed' });
    },
  };
}

/** Away again already: whoever starts next notes it. */
const ignoreAway = (error: unknown): void => {
  if (!(error instanceof StoreUnavailable)) throw error;
};

/**
 * Lets running tasks finish, but not for ever: BullMQ waits for a Redis that is away. A task that is
 * cut off here is taken over by its lease.
 */
async function within(patienceMs: number, finished: Promise<unknown>): Promise<void> {
  // Whoever loses the race may still fail later, with nobody left to care.
  finished.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([finished, late]);
  clearTimeout(timer);
}
