/** The worker process: the job door, its port for operators, and a clean end. */
import type { WorkerConfig } from '../src/config.ts';
import { tellAbout } from '../src/weakenings.ts';
import { closeDeps, openDeps, type Ambient } from '../src/deps.ts';
import { exitOnWrongRedis } from '../src/process/exit.ts';
import { createLog } from '../src/process/log.ts';
import { openOperatorsPort } from '../src/process/operators-port.ts';
import { createReadiness } from '../src/process/readiness.ts';
import { work } from './work.ts';
import { withOutsideWorld, type WorkerDeps } from './worker-deps.ts';

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
  const deps = withOutsideWorld(openDeps(config, log, ambient));
  const readiness = createReadiness(deps);
  const operators = await openOperatorsPort(deps, readiness, config.operators);
  const atWork = work(deps, ambient.tickMs);
  atWork.started.then(() => readiness.started(), exitOnWrongRedis(log));
  return {
    url: operators.url,
    deps: atWork.deps,
    drain: readiness.drain,
    async close() {
      readiness.drain();
      await atWork.close();
      deps.mailer.close();
      operators.close();
      await closeDeps(deps);
      log.info({ event: 'workers.closed' });
    },
  };
}
