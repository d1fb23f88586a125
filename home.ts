/** What a home is made of: the HTTP door, and the job door when there is work for it. */
import type { Tracer } from '@opentelemetry/api';
import type { Options, Readdress, Settings } from './index.ts';
import { readApiConfig, readBothConfigs, readWorkerConfig } from './src/config.ts';
import { openDoor, type Door } from './src/http/door.ts';
import { createFetch } from './src/http/homes/fetch.ts';
import { createHandler } from './src/http/homes/handler.ts';
import { createInline } from './src/http/homes/inline.ts';
import { createPlugin } from './src/http/homes/plugin.ts';
import type { Ambient } from './src/deps.ts';
import { inTime, Late } from './src/in-time.ts';
import type { Tracing } from './src/process/tracing.ts';
import { wrongRedis } from './src/process/wrong-redis.ts';
import { openJobs, type Jobs } from './workers/jobs.ts';

/** How long a Redis that is away holds up the opening. */
const PATIENCE_MS = 3000;

/** @throws {ConfigError} */
export async function openHome(
  given: Settings,
  { tracer, ...rest }: Options,
): Promise<{ readdress: Readdress; door: Door }> {
  const settings = withoutTraces(given);
  const options: Ambient = { ...rest, tracing: tracer && (await tracingBy(tracer)) };
  const isInline = settings['TASKS'] === 'inline';
  const config = isInline ? readBothConfigs(settings).api : readApiConfig(settings);
  let jobs: Jobs | undefined;
  const theJobs = () => (jobs ??= openJobs(readWorkerConfig(settings), options));
  const door = await openDoor(config, options, {
    reach: 'bare-too',
    inline: isInline ? createInline((forMs) => theJobs().runDue(forMs)) : undefined,
  });
  const { handler, untilAnswered } = createHandler(door);
  const plugin = createPlugin(door, handler);
  let closing: Promise<void> | undefined;
  const close = async () => {
    await door.shut();
    await Promise.all([untilAnswered(config.shutdownGraceMs), jobs?.close()]);
    await door.close();
  };

  try {
    await within(PATIENCE_MS, door.fit);
  } catch (error) {
    await close();
    throw wrongRedis(error);
  }
  // Found out later, when Redis came late: nothing is answered out of it.
  door.fit.catch((error: unknown) => {
    door.readiness.blocked('redis: wrong');
    door.deps.log.fatal({ event: 'redis.refused', wayOut: String(wrongRedis(error)) });
  });

  const readdress: Readdress = {
    plugin,
    handler: (request, response) => handler(request, response),
    fetch: createFetch(door),
    async startWorkers() {
      const work = theJobs();
      try {
        await within(PATIENCE_MS, work.start());
      } catch (error) {
        throw wrongRedis(error);
      }
    },
    runDueTasks: async ({ forMs }) => theJobs().runDue(forMs),
    close: () => (closing ??= close()),
  };
  return { readdress, door };
}

/** A host has an SDK of its own, with more words than we know. */
const withoutTraces = (settings: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => !name.startsWith('OTEL_')));

async function tracingBy(tracer: Tracer): Promise<Tracing> {
  const { createTracing } = await import('./src/process/tracing.ts');
  return createTracing(tracer);
}

/** As much of `ready` as comes in this time. */
async function within(ms: number, ready: Promise<void>): Promise<void> {
  await inTime(ready, ms).catch((error: unknown) => {
    if (!(error instanceof Late)) throw error;
  });
}
