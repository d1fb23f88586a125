/** The job door without a port: hands that BullMQ wakes, and the reconciler, until it is closed. */
import { untilRedisReady } from '../src/deps.ts';
import { inTime, Late } from '../src/in-time.ts';
import type { Lane } from '../src/store/lanes.ts';
import { openRedis } from '../src/store/redis.ts';
import type { WakeUp } from '../src/store/wake-ups.ts';
import { listen, type Listening } from './bullmq.ts';
import { openHands, type Hands } from './hands.ts';
import { noteStart } from './note-start.ts';
import { startReconciler, type Reconciler } from './reconcile.ts';
import type { WorkerDeps } from './worker-deps.ts';

export type AtWork = {
  tenants: {
    deps: WorkerDeps;
    /** Resolves when tasks are taken, which is as soon as Redis is ready. @throws what `untilRedisReady` throws */
    started: Promise<void>;
  }[];
  /** Lets running tasks finish. The connections of the tenants stay open. */
  close(): Promise<void>;
};

/** Works for these tenants, who share the bell and nothing else. */
export function work(all: readonly WorkerDeps[], tickMs?: number): AtWork {
  const [first] = all as [WorkerDeps];
  const { config, log, prefix } = first;
  const blocking = openRedis(config, 'blocking', log);
  const byTenant = new Map(all.map((deps) => [deps.config.tenant, openHands(deps)]));
  const reconcilers: Reconciler[] = [];
  let bell: Listening | undefined;
  let closing = false;

  const hear = (lane: Lane, heard: WakeUp) => {
    // An older build names the task and no tenant, and whatever somebody else put there does no harm.
    const meant = byTenant.get(heard.tenant);
    for (const hands of meant ? [meant] : byTenant.values()) hands.wake(lane, heard);
  };
  const start = (hands: Hands) => {
    bell ??= listen({ prefix: config.queues ?? prefix, log }, blocking, hear);
    const wakeAll = (due: readonly Lane[]) => due.forEach((lane) => hands.wake(lane));
    reconcilers.push(startReconciler(hands.deps, wakeAll, tickMs));
    log.info({ event: 'workers.started' });
    // Only hints: a Redis that went away again costs no more than these lines.
    hands.deps.standing.warn().catch(() => undefined);
    hands.deps.directory.checkAccess().catch(() => undefined);
  };

  return {
    tenants: [...byTenant.values()].map((hands) => ({
      deps: hands.deps,
      started: untilRedisReady(hands.deps)
        .then(() => noteStart(hands.deps))
        .then(() => (closing ? undefined : start(hands))),
    })),
    async close() {
      closing = true;
      for (const reconciler of reconcilers) reconciler.stop();
      // Not for ever: BullMQ waits for a Redis that is away. A task that is cut off is taken over by its lease.
      const hands = [...byTenant.values()].map((one) => one.stop());
      const stopped = Promise.all([bell?.stop(), ...hands]);
      await inTime(stopped, config.shutdownGraceMs / 2).catch((error: unknown) => {
        if (!(error instanceof Late)) throw error;
      });
      blocking.disconnect();
    },
  };
}
