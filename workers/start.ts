/** The job door: one line per queue, the reconciler, and a clean end. */
import { UnrecoverableError, Worker } from 'bullmq';
import { weakenings, type WorkerConfig } from '../src/config.ts';
import { closeDeps, openDeps, untilRedisReady, type Ambient } from '../src/deps.ts';
import { exitOnVolatileRedis } from '../src/exit.ts';
import { createLog, describeError } from '../src/log.ts';
import type { QueueName, WakeUp } from '../src/queues.ts';
import { openOperatorsPort } from '../src/operators-port.ts';
import { createReadiness } from '../src/readiness.ts';
import { openRedis, StoreUnavailable } from '../src/store/redis.ts';
import { commit } from './commit.ts';
import { expire } from './expire.ts';
import { invite } from './invite.ts';
import { sharesOf } from './lease.ts';
import type { Processor } from './outcome.ts';
import { startReconciler } from './reconcile.ts';
import { revoke } from './revoke.ts';
import { runTask } from './run-task.ts';
import { sendEvent } from './send-event.ts';
import { sendMail } from './send-mail.ts';
import { undo } from './undo.ts';
import { verify } from './verify.ts';
import { withOutsideWorld, type WorkerDeps } from './worker-deps.ts';

/** A task's name up to its first dot says who does it. */
const PROCESSORS = new Map<string, Processor>([
  ['invite', invite],
  ['commit', commit],
  ['undo', undo],
  ['verify', verify],
  ['revoke', revoke],
  ['expire', expire],
  ['mail', sendMail],
  ['event', sendEvent],
]);

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
  for (const weakening of weakenings(config)) log.warn({ event: 'config.weakened', weakening });
  const deps = withOutsideWorld(openDeps(config, log, ambient));
  const readiness = createReadiness(deps.redis);
  const operators = await openOperatorsPort(deps, readiness, config.operators);
  const blocking = openRedis(config, 'blocking', log);
  const { jobLockMs, stalledCheckMs } = sharesOf(config);
  let workers: Worker<WakeUp>[] = [];
  let reconciler: ReturnType<typeof startReconciler> | undefined;

  const start = () => {
    workers = [
      open('tenant', { concurrency: 10 }),
      open('mail', { concurrency: 10 }),
      open('event', { concurrency: 10 }),
      open('upkeep', { concurrency: 10 }),
    ];
    reconciler = startReconciler(deps);
    readiness.started();
    log.info({ event: 'workers.started' });
    // Only a hint: a Redis that went away again costs no more than this line.
    deps.standing.warn().catch(() => undefined);
  };
  const open = (queue: QueueName, { concurrency }: { concurrency: number }): Worker<WakeUp> => {
    const worker: Worker<WakeUp> = new Worker(
      queue,
      async (job) => {
        if (!isWakeUp(job.data)) throw new UnrecoverableError('not a wake-up of ours');
        const processor = PROCESSORS.get(job.data.task.split('.')[0] ?? '');
        if (!processor || job.data.change === '') return parkUnknown(deps, job.data);
        await runTask(deps, worker, job, processor);
      },
      {
        connection: blocking,
        prefix: deps.prefix,
        concurrency,
        lockDuration: jobLockMs,
        stalledInterval: stalledCheckMs,
        maxStalledCount: 20,
        runRetryDelay: 1000,
      },
    );
    worker.on('error', (error) => log.warn({ event: 'queue.error', queue, err: error.name }));
    worker.on('failed', (job, error) => {
      const level = error instanceof StoreUnavailable ? 'warn' : 'error';
      log[level]({ event: 'queue.job_failed', queue, job: job?.id, ...describeError(error) });
    });
    return worker;
  };
  let closing = false;
  untilRedisReady(deps).then(() => (closing ? undefined : start()), exitOnVolatileRedis(log));

  return {
    url: operators.url,
    deps,
    drain: readiness.drain,
    async close() {
      closing = true;
      readiness.drain();
      reconciler?.stop();
      await closeWorkers(workers, config.shutdownGraceMs / 2);
      deps.mailer.close();
      blocking.disconnect();
      operators.close();
      await closeDeps(deps);
      log.info({ event: 'workers.closed' });
    },
  };
}

/** Anybody with access to Redis can add a job; what is none of ours is left among the failed ones. */
const isWakeUp = (data: unknown): data is WakeUp =>
  typeof data === 'object' &&
  data !== null &&
  'change' in data &&
  typeof data.change === 'string' &&
  'task' in data &&
  typeof data.task === 'string';

/**
 * Lets running tasks finish, but not for ever: BullMQ waits for a Redis that is away. A task that is
 * cut off here is taken over by its lease.
 */
async function closeWorkers(workers: readonly Worker[], patienceMs: number): Promise<void> {
  const finished = Promise.all(workers.map((worker) => worker.close()));
  // Whoever loses the race may still fail later, with nobody left to care.
  finished.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([finished, late]);
  clearTimeout(timer);
}

/** A task from a newer or older version, or from nowhere: out of the way, in sight. */
async function parkUnknown(deps: WorkerDeps, { change, task, at }: WakeUp): Promise<void> {
  const claim = await deps.changes.claim({ change, name: task, at }, deps.now(), 1000, 'parked');
  if (!claim) return;
  deps.log.error({ event: 'task.parked', change, task, why: 'unknown task' });
  await deps.changes.park(claim, deps.now());
}
