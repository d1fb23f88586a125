/** Both doors in one process, for small installations (`npm start`). */
import { readBothConfigs } from './src/config.ts';
import { closeOnExit, exitOnBadConfig, orExitOnBadConfig } from './src/process/exit.ts';
import { createMetrics } from './src/process/metrics.ts';
import { openTraces } from './src/process/otlp.ts';
import { startApi } from './src/process/start-api.ts';
import { readTenants } from './src/tenants.ts';
import { startWorkers } from './workers/start-workers.ts';

const { apis, jobs } = exitOnBadConfig(() => ({
  apis: readTenants((env) => readBothConfigs(env).api),
  jobs: readTenants((env) => readBothConfigs(env).workers),
}));
const [config] = apis;
const metrics = createMetrics({ process: true });
const traces = await orExitOnBadConfig(openTraces(config, 'both'));
const { tracing } = traces;
const workers = await startWorkers(jobs, { metrics, tracing });
const api = await startApi(apis, { metrics, tracing });
closeOnExit(
  config.shutdownGraceMs,
  async () => {
    await api.close();
    await workers.close();
    await traces.close();
  },
  { drain: () => api.drain(), drainDelayMs: config.drainDelayMs },
);
