/**
 * BullMQ as the alarm clock. A job is a wake-up and nothing more: it carries the name of a due task,
 * and losing it loses nothing, because the task stays in the store's `due` set until its outcome is
 * recorded. The only bullmq import in src.
 */
import { Queue } from 'bullmq';
import type { Logger } from 'pino';
import type { Due } from './store/outbox.ts';
import type { RedisClient } from './store/redis.ts';

const QUEUES = ['tenant', 'mail', 'event', 'upkeep'] as const;
export type QueueName = (typeof QUEUES)[number];

/** What a job carries: ids only, since BullMQ keeps job data in clear. */
export type WakeUp = { change: string; task: string; at: number; requestId?: string };

/** Everything that calls Auth0 queues up in one line, commits and undos before invitations. */
const lane = (task: string): { queue: QueueName; priority?: number } => {
  if (task === 'commit' || task === 'undo') return { queue: 'tenant', priority: 1 };
  if (task.startsWith('event.')) return { queue: 'event' };
  if (task === 'invite' || task === 'verify' || task.startsWith('revoke'))
    return { queue: 'tenant', priority: 2 };
  return task.startsWith('mail.') ? { queue: 'mail' } : { queue: 'upkeep' };
};

export type Alarm = {
  /** Rings for tasks that are due. Never throws and never waits: what is lost, the reconciler finds. */
  wake(tasks: readonly Due[], requestId?: string): void;
  close(): Promise<void>;
};

const ADD_TIMEOUT_MS = 2000;

/**
 * The queues are built when the connection first is ready: BullMQ queues built on a dead connection
 * hang or never recover.
 */
export function openAlarm(redis: RedisClient, prefix: string, log: Logger): Alarm {
  let queues: Record<QueueName, Queue<WakeUp>> | undefined;
  const build = () => {
    queues ??= {
      tenant: new Queue('tenant', { connection: redis, prefix }),
      mail: new Queue('mail', { connection: redis, prefix }),
      event: new Queue('event', { connection: redis, prefix }),
      upkeep: new Queue('upkeep', { connection: redis, prefix }),
    };
    for (const queue of Object.values(queues))
      if (queue.listenerCount('error') === 0)
        queue.on('error', (error) => log.debug({ event: 'queue.error', err: error.message }));
  };
  if (redis.status === 'ready') build();
  else redis.once('ready', build);

  return {
    wake(tasks, requestId) {
      if (!queues || redis.status !== 'ready') return;
      for (const name of QUEUES) {
        const jobs = tasks.filter((task) => lane(task.name).queue === name);
        if (jobs.length === 0) continue;
        const added = queues[name].addBulk(jobs.map((task) => toJob(task, requestId)));
        withTimeout(added, ADD_TIMEOUT_MS).catch((error: Error) =>
          log.info({ event: 'queue.wake_lost', queue: name, err: error.message }),
        );
      }
    },
    async close() {
      redis.off('ready', build);
      await Promise.all(Object.values(queues ?? {}).map((queue) => queue.close()));
    },
  };
}

function toJob(task: Due, requestId?: string) {
  const { priority } = lane(task.name);
  return {
    name: task.name,
    data: {
      change: task.change,
      task: task.name,
      at: task.at,
      ...(requestId ? { requestId } : {}),
    },
    opts: {
      // One wake-up per task and due time: ringing again for the same is a no-op, and a lease that
      // ran out moves the due time, so a job that died with its worker blocks nobody.
      // BullMQ takes no colons there, and refuses all jobs of a batch for the sake of one.
      jobId: `${task.change}.${task.name}.${task.at}`.replaceAll(':', '.'),
      removeOnComplete: true,
      removeOnFail: true,
      ...(priority ? { priority } : {}),
    },
  };
}

async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
