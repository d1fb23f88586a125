/**
 * BullMQ as the bell. A job only says that something is due in a lane of a tenant. Whoever hears it claims the
 * tasks from the store. So nothing that BullMQ holds or lost can stop a task; at worst the reconciler finds
 * it a second later (workers/reconcile.ts).
 */
import type { Queue } from 'bullmq';
import type { Logger } from 'pino';
import { inTime } from '../in-time.ts';
import { LANES, laneOf, type Lane } from './lanes.ts';
import type { RedisClient } from './redis.ts';

export const QUEUES = ['tenant', 'mail', 'event', 'upkeep'] as const;
export type QueueName = (typeof QUEUES)[number];

/** Both lanes that call the tenant hear the same bell. */
const queueOf = (lane: Lane): QueueName => (lane === 'write' ? 'tenant' : lane);
export const lanesOf = (queue: QueueName): Lane[] =>
  LANES.filter((lane) => queueOf(lane) === queue);

/** What a job carries: ids only, since BullMQ keeps job data in clear. */
export type WakeUp = { tenant: string; requestId?: string | undefined; change?: string };
/** A task whose time has come, as far as the bell is concerned. */
type Ready = { change: string; name: string };

export type WakeUps = {
  /** Rings once for each lane of these tasks. Never throws and never waits. */
  ring(tasks: readonly Ready[], requestId?: string): void;
  /** Loads BullMQ, which takes longer than the rest of a start, before the first ring does. */
  warm(): void;
  close(): Promise<void>;
};

const ADD_TIMEOUT_MS = 2000;

export function openWakeUps(
  redis: RedisClient,
  { prefix, tenant, log }: { prefix: string; tenant: string; log: Logger },
): WakeUps {
  const queues = new Map<QueueName, Queue<WakeUp>>();
  /** The queues with a ring on its way, and the ring that is to follow it. */
  const underWay = new Map<QueueName, WakeUp | undefined>();

  const open = async (name: QueueName): Promise<Queue<WakeUp>> => {
    const bullmq = await import('bullmq');
    const known = queues.get(name);
    if (known) return known;
    // A BullMQ queue that is built on a dead connection hangs for ever.
    if (redis.status !== 'ready') throw new Error('redis is away');
    const queue = new bullmq.Queue<WakeUp>(name, {
      connection: redis,
      prefix,
      // Nobody reads BullMQ's own events.
      streams: { events: { maxLen: 10 } },
    });
    queue.on('error', (error) => log.debug({ event: 'queue.error', err: error.message }));
    queues.set(name, queue);
    return queue;
  };

  const ring = (name: QueueName, wakeUp: WakeUp): void => {
    if (redis.status !== 'ready') return;
    // However many rings come while one is on its way, one more is enough.
    const busy = underWay.has(name);
    underWay.set(name, busy ? wakeUp : undefined);
    if (busy) return;
    const added = open(name).then((queue) =>
      queue.add('ring', wakeUp, { removeOnComplete: true, removeOnFail: true }),
    );
    void inTime(added, ADD_TIMEOUT_MS)
      .catch((error: Error) =>
        log.info({ event: 'queue.wake_lost', queue: name, err: error.message }),
      )
      .finally(() => {
        const next = underWay.get(name);
        underWay.delete(name);
        if (next) ring(name, next);
      });
  };

  return {
    ring(tasks, requestId) {
      for (const name of new Set(tasks.map((task) => queueOf(laneOf(task.name)))))
        ring(name, { tenant, change: tasks[0]!.change, requestId });
    },
    warm: () => void import('bullmq'),
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}
