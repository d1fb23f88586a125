/** The HTTP door without a port: what every home of the service stands on. */
import type { ApiConfig } from '../config.ts';
import { closeDeps, openDeps, untilRedisReady, type Ambient } from '../deps.ts';
import { createLog } from '../process/log.ts';
import { createReadiness, type Readiness } from '../process/readiness.ts';
import { tellAbout } from '../weakenings.ts';
import { withLimits, type ApiDeps, type App, type Inline } from './api-deps.ts';
import type { Reach } from './inside.ts';
import { buildApp } from './server.ts';

export type Door = {
  app: App;
  deps: ApiDeps;
  readiness: Readiness;
  /** Resolves when Redis is there and fit. Never settles when it never comes. @throws what `untilRedisReady` throws */
  fit: Promise<void>;
  /** Answers nothing new, ends streams, and resolves when that is done. The connections stay open. */
  shut(): Promise<void>;
  close(): Promise<void>;
};

/** What a ring needs is loaded when the door is open already. */
const WARM_AFTER_MS = 100;

/** @param inline does here, before the answer leaves, what a request made due, in place of ringing for workers. */
export async function openDoor(
  config: ApiConfig,
  ambient: Ambient,
  { reach, inline }: { reach: Reach; inline?: Inline | undefined },
): Promise<Door> {
  const log = createLog(config, 'api', ambient.logTo);
  tellAbout(config, log);
  const opened = openDeps(config, log, ambient);
  const deps: ApiDeps = withLimits(
    inline === undefined
      ? opened
      : {
          ...opened,
          wakeUps: { ...opened.wakeUps, ring: (_tasks, requestId) => inline.ring(requestId) },
        },
    inline,
    ambient.dnsServers,
  );
  const readiness = createReadiness(deps);
  const app = await buildApp(deps, readiness, reach);
  const fit = untilRedisReady(deps).then(() => readiness.started());
  if (inline === undefined)
    fit.then(
      () => setTimeout(() => opened.wakeUps.warm(), WARM_AFTER_MS).unref(),
      () => undefined,
    );
  let shutting: Promise<void> | undefined;
  const shut = () => {
    readiness.drain();
    return (shutting ??= app.close());
  };
  return {
    app,
    deps,
    readiness,
    fit,
    shut,
    async close() {
      await shut();
      await closeDeps(deps);
      log.info({ event: 'api.closed' });
    },
  };
}
