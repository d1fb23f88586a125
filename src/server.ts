/** Entry of the API process. */
import { readApiConfig } from './config.ts';
import { closeOnExit, exitOnBadConfig } from './process/exit.ts';
import { createMetrics } from './process/metrics.ts';
import { startApi } from './process/start-api.ts';

const config = exitOnBadConfig(() => readApiConfig());
const api = await startApi(config, { metrics: createMetrics({ process: true }) });
closeOnExit(config.shutdownGraceMs, () => api.close(), {
  drain: () => api.drain(),
  drainDelayMs: config.drainDelayMs,
});
