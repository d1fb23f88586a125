/** Entry of the API process. */
import { readApiConfig } from './config.ts';
import { closeOnExit, exitOnBadConfig, orExitOnBadConfig } from './process/exit.ts';
import { createMetrics } from './process/metrics.ts';
import { openTraces } from './process/otlp.ts';
import { startApi } from './process/start-api.ts';
import { readTenants } from './tenants.ts';

const tenants = exitOnBadConfig(() => readTenants(readApiConfig));
const [config] = tenants;
const traces = await orExitOnBadConfig(openTraces(config, 'api'));
const { tracing } = traces;
const api = await startApi(tenants, { metrics: createMetrics({ process: true }), tracing });
closeOnExit(
  config.shutdownGraceMs,
  async () => {
    await api.close();
    await traces.close();
  },
  { drain: () => api.drain(), drainDelayMs: config.drainDelayMs },
);
