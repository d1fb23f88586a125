/** Entry of the worker process. */
import closeWithGrace from 'close-with-grace';
import { readWorkerConfig } from '../src/config.ts';
import { exitOnBadConfig } from '../src/exit.ts';
import { startWorkers } from './start.ts';

const config = exitOnBadConfig(() => readWorkerConfig());
const workers = await startWorkers(config);
closeWithGrace({ delay: config.shutdownGraceMs, logger: false }, () => workers.close());
