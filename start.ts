/** Both doors in one process, for small installations (`npm start`). */
import { readBothConfigs } from './src/config.ts';
import { closeOnExit, exitOnBadConfig } from './src/process/exit.ts';
import { createMetrics } from './src/process/metrics.ts';
import { startApi } from './src/process/start-api.ts';
import { readTenants } from './src/tenants.ts';
import { startWorkers } from './workers/start-workers.ts';

const { apis, jobs } = exitOnBadConfig(() => ({
  apis: readTenants((env) => readBothConfigs(env).api),
  jobs: readTenants((env) => readBothConfigs(env).workers),
}));
const [config] = apis;
const metrics = createMetrics({ process: true });
const workers = await startWorkers(jobs, { metrics });
const api = await startApi(apis, { metrics });
closeOnExit(
  config.shutdownGraceMs,
  async () => {
    await api.close();
    await workers.close();
  },
  { drain: () => api.drain(), drainDelayMs: config.drainDelayMs },
);
