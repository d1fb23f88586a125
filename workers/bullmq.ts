/**
 * Listens to BullMQ, and alone among the workers knows it. A job is a bell: it wakes its lanes and is
 * over at once. Whatever somebody else put into a queue wakes them too, and does no harm.
 */
import { UnrecoverableError, Worker } from 'bullmq';
import { describeError } from '../src/process/log.ts';
import type { Lane } from '../src/store/lanes.ts';
import type { RedisClient } from '../src/store/redis.ts';
import { lanesOf, QUEUES, type WakeUp } from '../src/store/wake-ups.ts';
import type { WorkerDeps } from './worker-deps.ts';

export type Listening = { stop(): Promise<void> };

export function listen(
  { prefix, log }: Pick<WorkerDeps, 'prefix' | 'log'>,
  connection: RedisClient,
  wake: (lane: Lane, heard: WakeUp) => void,
): Listening {
  const workers = QUEUES.map((queue) => {
    const worker = new Worker<unknown>(
      queue,
      async ({ data }) => {
        const wakeUp = isWakeUp(data) ? data : { tenant: '' };
        for (const lane of lanesOf(queue)) wake(lane, wakeUp);
        if (!isWakeUp(data)) throw new UnrecoverableError('not a wake-up of ours');
      },
      { connection, prefix, runRetryDelay: 1000 },
    );
    worker.on('error', (error) => log.warn({ event: 'queue.error', queue, err: error.name }));
    worker.on('failed', (job, error) =>
      log.error({ event: 'queue.job_failed', queue, job: job?.id, ...describeError(error) }),
    );
    return worker;
  });
  return {
    async stop() {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

/** Ours, or that of an older build, which named the task. */
const isWakeUp = (data: unknown): data is WakeUp =>
  typeof data === 'object' &&
  data !== null &&
  (('tenant' in data && typeof data.tenant === 'string') ||
    ('change' in data &&
      typeof data.change === 'string' &&
      'task' in data &&
      typeof data.task === 'string'));
