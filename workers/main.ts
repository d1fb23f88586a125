/** Entry of the worker process. */
import { readWorkerConfig } from '../src/config.ts';
import { closeOnExit, exitOnBadConfig } from '../src/process/exit.ts';
import { createMetrics } from '../src/process/metrics.ts';
import { readTenants } from '../src/tenants.ts';
import { startWorkers } from './start-workers.ts';

const tenants = exitOnBadConfig(() => readTenants(readWorkerConfig));
const workers = await startWorkers(tenants, { metrics: createMetrics({ process: true }) });
closeOnExit(tenants[0].shutdownGraceMs, () => workers.close());
