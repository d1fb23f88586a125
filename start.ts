/** Both doors in one process, for small installations (`npm start`). */
import { readBothConfigs } from './src/config.ts';
import { closeOnExit, exitOnBadConfig } from './src/process/exit.ts';
import { createMetrics } from './src/process/metrics.ts';
import { startApi } from './src/process/start-api.ts';
import { startWorkers } from './workers/start-workers.ts';

const config = exitOnBadConfig(() => readBothConfigs());
const metrics = createMetrics({ process: true });
const workers = await startWorkers(config.workers, { metrics });
const api = await startApi(config.api, { metrics });
closeOnExit(
  config.api.shutdownGraceMs,
  async () => {
    await api.close();
    await workers.close();
  },
  { drain: () => api.drain(), drainDelayMs: config.api.drainDelayMs },
);
