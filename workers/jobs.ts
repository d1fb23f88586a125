/** The job door for a host: opened when there is work for it, with workers, without, or both. */
import type { WorkerConfig } from '../src/config.ts';
import { closeDeps, openDeps, untilRedisReady, type Ambient } from '../src/deps.ts';
import { inTime, Late } from '../src/in-time.ts';
import { createLog, describeError } from '../src/process/log.ts';
import { StoreUnavailable } from '../src/store/redis.ts';
import { tellAbout } from '../src/weakenings.ts';
import { noteStart } from './note-start.ts';
import { runDueTasks, type DueRun } from './run-due-tasks.ts';
import { unpark } from './unpark.ts';
import type { AtWork } from './work.ts';
import { withOutsideWorld } from './worker-deps.ts';

/** How long a Redis that is only being connected to may take. */
const PATIENCE_MS = 2000;

export type Jobs = {
  /** Starts workers, once. Resolves when they take tasks. */
  start(): Promise<void>;
  runDue(forMs: number): Promise<DueRun>;
  close(): Promise<void>;
};

export function openJobs(config: WorkerConfig, ambient: Ambient): Jobs {
  const log = createLog(config, 'workers', ambient.logTo);
  tellAbout(config, log);
  const deps = withOutsideWorld(openDeps(config, log, ambient));
  const running = new Set<Promise<unknown>>();
  let atWork: Promise<AtWork> | undefined;
  let noted: Promise<void> | undefined;
  let closed = false;

  /** Before the first task. Once, but again when it went wrong: Redis may have been away. */
  const fit = () =>
    (noted ??= untilRedisReady(deps)
      .then(() => noteStart(deps))
      .then(() => unpark(deps))
      .catch((error: unknown) => {
        noted = undefined;
        throw error;
      }));

  return {
    async start() {
      // BullMQ is loaded for workers alone: a function that starts has no time for it.
      atWork ??= import('./work.ts').then(({ work }) => {
        const one = work([deps], ambient.tickMs);
        // Whoever waits for it has perhaps gone on: Redis may come late.
        one.tenants[0]!.started.catch((error: unknown) =>
          log.fatal({ event: 'redis.refused', ...describeError(error) }),
        );
        return one;
      });
      const [{ started }] = (await atWork).tenants as [AtWork['tenants'][0]];
      await started;
    },
    async runDue(forMs) {
      if (closed) throw new Error('Readdress is closed');
      const run = orAway(Math.max(forMs, PATIENCE_MS), fit()).then(() =>
        runDueTasks(deps, forMs, () => closed),
      );
      running.add(run);
      try {
        return await run;
      } catch (error) {
        log.warn({ event: 'due.failed', ...describeError(error) });
        throw error;
      } finally {
        running.delete(run);
      }
    },
    async close() {
      closed = true;
      await Promise.allSettled([atWork?.then((one) => one.close()), ...running]);
      deps.mailer.close();
      await closeDeps(deps);
      log.info({ event: 'workers.closed' });
    },
  };
}

/** Nobody waits for a Redis longer than there is time for tasks. @throws {StoreUnavailable} */
async function orAway(ms: number, ready: Promise<void>): Promise<void> {
  await inTime(ready, ms).catch((cause: unknown) => {
    throw cause instanceof Late ? new StoreUnavailable('redis is away', { cause }) : cause;
  });
}
