/** The API process: the HTTP door of each tenant, the ports, and a clean end. */
import { openDoor } from '../http/door.ts';
import { buildTenants } from '../http/tenants.ts';
import type { ApiConfig } from '../config.ts';
import type { Ambient } from '../deps.ts';
import { createMetrics } from './metrics.ts';
import { openOperatorsPort } from './operators-port.ts';
import { readinessOf } from './readiness.ts';
import { blockOrExit } from './wrong-redis.ts';

export type Running = { url: string; drain(): void; close(): Promise<void> };

/** Starts the API. It listens at once and is ready when Redis is. */
export async function startApi(
  configs: ApiConfig | readonly [ApiConfig, ...ApiConfig[]],
  ambient: Ambient = {},
): Promise<Running> {
  // One for all tenants, where the process has none.
  const shared = { metrics: createMetrics(), ...ambient };
  const all = [configs].flat();
  const several = all.length > 1 || all[0]!.queues !== undefined;
  const reach = several ? 'bare-too' : 'strict';
  const doors = await Promise.all(all.map((config) => openDoor(config, shared, { reach })));
  const [first, ...others] = doors as [(typeof doors)[0]];
  const { config, log } = first.deps;
  const readiness = readinessOf(doors.map((door) => door.readiness));
  const app = several ? await buildTenants([first, ...others], readiness) : first.app;
  const tenants = doors.map(({ deps }) => deps);
  const operators =
    config.metrics && (await openOperatorsPort(first.deps, tenants, readiness, config.metrics));
  const url = await app.listen({ host: config.host, port: config.port });
  log.info({ event: 'api.listening', url });
  for (const door of doors) door.fit.catch(blockOrExit(log, door.readiness, several));
  const drain = () => doors.forEach((door) => door.readiness.drain());
  return {
    url,
    drain,
    async close() {
      // Until it is closed an app that hands requests on needs those that answer them.
      if (several) await app.close();
      drain();
      operators?.close();
      await Promise.all(doors.map((door) => door.close()));
    },
  };
}
