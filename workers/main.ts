/** Entry of the worker process. */
import { readWorkerConfig } from '../src/config.ts';
import { closeOnExit, exitOnBadConfig, orExitOnBadConfig } from '../src/process/exit.ts';
import { createMetrics } from '../src/process/metrics.ts';
import { openTraces } from '../src/process/otlp.ts';
import { readTenants } from '../src/tenants.ts';
import { startWorkers } from './start-workers.ts';

const tenants = exitOnBadConfig(() => readTenants(readWorkerConfig));
const traces = await orExitOnBadConfig(openTraces(tenants[0], 'workers'));
const { tracing } = traces;
const workers = await startWorkers(tenants, { metrics: createMetrics({ process: true }), tracing });
closeOnExit(tenants[0].shutdownGraceMs, async () => {
  await workers.close();
  await traces.close();
});
