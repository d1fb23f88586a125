/** Entry of the worker process. */
import { readWorkerConfig } from '../src/config.ts';
import { closeOnExit, exitOnBadConfig } from '../src/process/exit.ts';
import { createMetrics } from '../src/process/metrics.ts';
import { startWorkers } from './start-workers.ts';

const config = exitOnBadConfig(() => readWorkerConfig());
const workers = await startWorkers(config, { metrics: createMetrics({ process: true }) });
closeOnExit(config.shutdownGraceMs, () => workers.close());
