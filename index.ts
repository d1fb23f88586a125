/**
 * Readdress inside another program: a Fastify plugin, a handler for Node's requests, a `fetch` for the web's,
 * workers, and what is due done on a schedule. Whichever home it has, the code and the story are the same.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Tracer } from '@opentelemetry/api';
import type { FastifyPluginAsync } from 'fastify';
import { openHome } from './home.ts';

export { ConfigError } from './src/config.ts';

/** The same names as in the environment (docs/settings.md): an object, or `process.env`. Other names are ignored. */
export type Settings = { readonly [name: string]: string | undefined };

export type Options = {
  /** Takes the log, line by line as JSON, in place of the standard output. */
  logTo?: { write(line: string): void };
  /** Epoch milliseconds, in place of Redis' clock: for tests. */
  now?: () => number;
  /**
   * Traces by the OpenTelemetry SDK of your own: `trace.getTracer('readdress')` of `@opentelemetry/api`. The
   * `OTEL_*` settings are your program's, and not read.
   */
  tracer?: Tracer;
};

/** What {@link Readdress.runDueTasks} did. */
export type DueRun = {
  /** How many tasks are over and done with. */
  done: number;
  /** How many were tried and will be tried again, or were taken out of the way for an operator. */
  putOff: number;
  /** When the next task is due. Missing when there is none. */
  nextDueAt?: Date;
};

export type Readdress = {
  /**
   * For a Fastify of your own: `app.register(readdress.plugin, { prefix: '/account' })`. Encapsulated: nothing
   * of yours is changed, and nothing of ours leaks. `PUBLIC_URL` ends with the same path.
   */
  readonly plugin: FastifyPluginAsync;
  /**
   * For Express, Nest, Koa and `node:http`. Mount it before every body parser. Paths may come with or without
   * the path of `PUBLIC_URL`. Resolves when the answer has left; never rejects.
   */
  readonly handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /**
   * For Hono, Next route handlers and the like; live status is streamed.
   * @param from.ip the address of the client; without it the limits per IP are off.
   */
  readonly fetch: (request: Request, from?: { ip?: string | undefined }) => Promise<Response>;
  /**
   * Starts workers in this process, woken by BullMQ. Resolves when they take tasks, or after three seconds
   * while Redis is away: then they begin when it is back. Twice is once.
   * @throws {ConfigError} when the settings of the workers are not there or not right.
   */
  startWorkers(): Promise<void>;
  /**
   * Claims and does what is due, without BullMQ: for a schedule. May overlap with workers, and with itself.
   * Claims for `forMs` milliseconds; what was claimed by then ends within one lease (`TASK_LEASE`, 25 s). When
   * it resolves, nothing is in flight.
   * @throws {ConfigError} when the settings of the workers are not there or not right. Rejects, too, while Redis is away.
   */
  runDueTasks(options: { forMs: number }): Promise<DueRun>;
  /** Ends streams, lets what is under way end (`SHUTDOWN_GRACE`), and closes every connection. Twice is once. */
  close(): Promise<void>;
};

/**
 * Opens Readdress. Opens no port. The settings of the API are checked now, those of the workers when
 * there is work for them (at once with `TASKS=inline`): a backend that only answers holds no secret of Auth0.
 * @throws {ConfigError} with everything that is wrong in `problems`. Also for a Redis that would lose
 * acknowledged clicks, or whose records other `SEALING_KEYS` have sealed.
 * @example
 * const readdress = await openReaddress(process.env);
 * app.register(readdress.plugin, { prefix: '/account' });
 */
export async function openReaddress(settings: Settings, options: Options = {}): Promise<Readdress> {
  return (await openHome(settings, options)).readdress;
}
