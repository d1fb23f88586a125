/** Entry of the worker process. */
import { readWorkerConfig } from '../src/config.ts';
import { closeOnExit, exitOnBadConfig } from '../src/exit.ts';
import { startWorkers } from './start.ts';

const config = exitOnBadConfig(() => readWorkerConfig());
const workers = await startWorkers(config);
closeOnExit(config.shutdownGraceMs, () => workers.close());
