/** The API process: the HTTP door, its ports, and a clean end. */
import { openDoor } from '../http/door.ts';
import type { ApiConfig } from '../config.ts';
import type { Ambient } from '../deps.ts';
import { exitOnWrongRedis } from './exit.ts';
import { openOperatorsPort } from './operators-port.ts';

export type Running = { url: string; drain(): void; close(): Promise<void> };

/** Starts the API. It listens at once and is ready when Redis is. */
export async function startApi(config: ApiConfig, ambient: Ambient = {}): Promise<Running> {
  const door = await openDoor(config, ambient, { reach: 'strict' });
  const { app, deps, readiness } = door;
  const operators = config.metrics && (await openOperatorsPort(deps, readiness, config.metrics));
  const url = await app.listen({ host: config.host, port: config.port });
  deps.log.info({ event: 'api.listening', url });
  door.fit.catch(exitOnWrongRedis(deps.log));
  return {
    url,
    drain: readiness.drain,
    async close() {
      readiness.drain();
      operators?.close();
      await door.close();
    },
  };
}
