/** Entry of the API process. */
import { readApiConfig } from './config.ts';
import { closeOnExit, exitOnBadConfig } from './exit.ts';
import { startApi } from './start.ts';

const config = exitOnBadConfig(() => readApiConfig());
const api = await startApi(config);
closeOnExit(config.shutdownGraceMs, () => api.close(), {
  drain: () => api.drain(),
  drainDelayMs: config.drainDelayMs,
});
