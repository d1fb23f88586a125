/** Entry of the API process. */
import { readApiConfig } from './config.ts';
import { closeOnExit, exitOnBadConfig } from './process/exit.ts';
import { createMetrics } from './process/metrics.ts';
import { startApi } from './process/start-api.ts';
import { readTenants } from './tenants.ts';

const tenants = exitOnBadConfig(() => readTenants(readApiConfig));
const [config] = tenants;
const api = await startApi(tenants, { metrics: createMetrics({ process: true }) });
closeOnExit(config.shutdownGraceMs, () => api.close(), {
  drain: () => api.drain(),
  drainDelayMs: config.drainDelayMs,
});
