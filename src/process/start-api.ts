/** Opens and closes the HTTP door: connections, app, listen. */
import { withLimits } from '../http/api-deps.ts';
import { buildApp } from '../http/server.ts';
import { type ApiConfig } from '../config.ts';
import { tellAbout } from '../weakenings.ts';
import { closeDeps, openDeps, untilRedisReady, type Ambient } from '../deps.ts';
import { createLog } from './log.ts';
import { exitOnWrongRedis } from './exit.ts';
import { openOperatorsPort } from './operators-port.ts';
import { createReadiness } from './readiness.ts';

export type Running = { url: string; drain(): void; close(): Promise<void> };

/** Starts the API. It listens at once and is ready when Redis is. */
export async function startApi(config: ApiConfig, ambient: Ambient = {}): Promise<Running> {
  const log = createLog(config, 'api', ambient.logTo);
  tellAbout(config, log);
  const deps = withLimits(openDeps(config, log, ambient));
  const readiness = createReadiness(deps);
  const app = await buildApp(deps, readiness);
  const operators = config.metrics && (await openOperatorsPort(deps, readiness, config.metrics));
  const url = await app.listen({ host: config.host, port: config.port });
  log.info({ event: 'api.listening', url });
  untilRedisReady(deps).then(() => readiness.started(), exitOnWrongRedis(log));
  return {
    url,
    drain: readiness.drain,
    async close() {
      readiness.drain();
      await app.close();
      operators?.close();
      await closeDeps(deps);
      log.info({ event: 'api.closed' });
    },
  };
}
