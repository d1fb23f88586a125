/** The job door without a port: hands that BullMQ wakes, and the reconciler, until it is closed. */
import { untilRedisReady } from '../src/deps.ts';
import { inTime, Late } from '../src/in-time.ts';
import type { Lane } from '../src/store/lanes.ts';
import { openRedis, StoreUnavailable } from '../src/store/redis.ts';
import { listen, type Listening } from './bullmq.ts';
import { openHands } from './hands.ts';
import { startReconciler, type Reconciler } from './reconcile.ts';
import type { WorkerDeps } from './worker-deps.ts';

export type AtWork = {
  deps: WorkerDeps;
  /** Resolves when tasks are taken, which is as soon as Redis is ready. @throws what `untilRedisReady` throws */
  started: Promise<void>;
  /** Lets running tasks finish. The connections of `deps` stay open. */
  close(): Promise<void>;
};

export function work(deps: WorkerDeps, tickMs?: number): AtWork {
  const { config, log } = deps;
  const blocking = openRedis(config, 'blocking', log);
  const hands = openHands(deps);
  let reconciler: Reconciler | undefined;
  let bell: Listening | undefined;
  let closing = false;

  const start = () => {
    bell = listen(deps, blocking, (lane, heard) => hands.wake(lane, heard));
    const wakeAll = (due: readonly Lane[]) => due.forEach((lane) => hands.wake(lane));
    reconciler = startReconciler(deps, wakeAll, tickMs);
    log.info({ event: 'workers.started' });
    // Only hints: a Redis that went away again costs no more than these lines.
    deps.standing.warn().catch(() => undefined);
    deps.directory.checkAccess().catch(() => undefined);
  };

  return {
    deps: hands.deps,
    started: untilRedisReady(deps)
      .then(() => noteStart(deps))
      .then(() => (closing ? undefined : start())),
    async close() {
      closing = true;
      reconciler?.stop();
      // Not for ever: BullMQ waits for a Redis that is away. A task that is cut off is taken over by its lease.
      const stopped = Promise.all([bell?.stop(), hands.stop()]);
      await inTime(stopped, config.shutdownGraceMs / 2).catch(ignore(Late));
      blocking.disconnect();
    },
  };
}

/** Before a worker takes its first task. */
export async function noteStart({ pulse, config }: WorkerDeps): Promise<void> {
  const note = async () => {
    await pulse.noteStart();
    await pulse.noteReceiver(config.webhookUrl !== undefined);
  };
  // Away again already: whoever starts next notes it.
  await note().catch(ignore(StoreUnavailable));
}

const ignore = (expected: typeof Late | typeof StoreUnavailable) => (error: unknown) => {
  if (!(error instanceof expected)) throw error;
};
