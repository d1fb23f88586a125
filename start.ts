/** Both doors in one process, for small installations (`npm start`). */
import closeWithGrace from 'close-with-grace';
import { readBothConfigs } from './src/config.ts';
import { exitOnBadConfig } from './src/exit.ts';
import { startApi } from './src/server.ts';
import { startWorkers } from './workers/start.ts';

const config = exitOnBadConfig(() => readBothConfigs());
const workers = await startWorkers(config.workers);
const api = await startApi(config.api);
closeWithGrace({ delay: config.api.shutdownGraceMs, logger: false }, async () => {
  await api.close();
  await workers.close();
});
