/** The worker process: the job door of each tenant, one port for operators, and a clean end. */
import type { WorkerConfig } from '../src/config.ts';
import { tellAbout } from '../src/weakenings.ts';
import { closeDeps, openDeps, type Ambient } from '../src/deps.ts';
import { createLog } from '../src/process/log.ts';
import { createMetrics } from '../src/process/metrics.ts';
import { openOperatorsPort } from '../src/process/operators-port.ts';
import { createReadiness, readinessOf } from '../src/process/readiness.ts';
import { blockOrExit } from '../src/process/wrong-redis.ts';
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
  configs: WorkerConfig | readonly [WorkerConfig, ...WorkerConfig[]],
  ambient: Ambient = {},
): Promise<RunningWorkers> {
  // One for all tenants, where the process has none.
  const shared = { metrics: createMetrics(), ...ambient };
  const all = [configs].flat().map((config) => {
    const log = createLog(config, 'workers', ambient.logTo);
    tellAbout(config, log);
    const deps = withOutsideWorld(openDeps(config, log, shared));
    return { deps, readiness: createReadiness(deps) };
  });
  const [{ deps: first }] = all as [(typeof all)[0]];
  const several = first.config.queues !== undefined;
  const readiness = readinessOf(all.map((one) => one.readiness));
  const tenants = all.map(({ deps }) => deps);
  const operators = await openOperatorsPort(first, tenants, readiness, first.config.operators);
  const atWork = work(tenants, ambient.tickMs);
  for (const [i, tenant] of all.entries())
    atWork.tenants[i]!.started.then(
      () => tenant.readiness.started(),
      blockOrExit(first.log, tenant.readiness, several),
    );
  const drain = () => all.forEach((one) => one.readiness.drain());
  return {
    url: operators.url,
    deps: atWork.tenants[0]!.deps,
    drain,
    async close() {
      drain();
      await atWork.close();
      operators.close();
      for (const { deps } of all) {
        deps.mailer.close();
        await closeDeps(deps);
      }
      first.log.info({ event: 'workers.closed' });
    },
  };
}
