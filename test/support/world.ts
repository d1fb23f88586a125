/**
 * A world of its own for one test: stand-in tenant, inbox, API and workers in this process, on a
 * private key prefix of a real Redis, spoken to over HTTP and SMTP alone.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { inject, onTestFinished } from 'vitest';
import { startInbox, type Inbox } from '../../stand-ins/inbox.ts';
import { startTenant, type Tenant } from '../../stand-ins/tenant.ts';
import type { TenantOptions } from '../../stand-ins/tenant/options.ts';
import { readBothConfigs } from '../../src/config.ts';
import type { Tracing } from '../../src/process/tracing.ts';
import { startApi } from '../../src/process/start-api.ts';
import { startWorkers, type RunningWorkers } from '../../workers/start-workers.ts';

export type LogLine = { event?: string; level: string } & Record<string, unknown>;

export type WorldOptions = {
  env?: Record<string, string>;
  tenant?: TenantOptions;
  /** Default true. */
  workers?: boolean;
  /** How often the workers look for what no bell rang for; short, so that time that has passed is seen. */
  tickMs?: number;
  tracing?: Tracing | undefined;
  /** In place of the machine's own, for CHECK_MX. */
  dnsServers?: readonly string[];
  /** For all tests of a file: who starts it closes it. */
  lasting?: true;
};

export type World = {
  tenant: Tenant;
  inbox: Inbox;
  api: string;
  workers: RunningWorkers | undefined;
  env: Record<string, string>;
  redis: Redis;
  /** `readdress:{<tenant>}` */
  prefix: string;
  logs: LogLine[];
  /** Moves this world's clock on; the processes' timers stay real. */
  pass(ms: number): void;
  now(): number;
  /** A user's access token, logged in just now. */
  token(sub: string, wish?: Parameters<Tenant['accessToken']>[0] | object): Promise<string>;
  /** A call to the API as JSON. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
};
export type CallOptions = { token?: string; body?: unknown; headers?: Record<string, string> };
export type Answer = {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what the wire says.
  body: any;
  text: string;
};

/** Of workers in a world of passing time. */
export const TICK_MS = 100;

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const redisUrl = inject('redisUrl');
  const domain = `w-${randomBytes(6).toString('hex')}.test`;
  const tenant = await startTenant({ ...options.tenant });
  const inbox = await startInbox();
  let offset = 0;
  const now = () => Date.now() + offset;
  const logs: LogLine[] = [];
  const logTo = { write: (line: string) => void logs.push(JSON.parse(line) as LogLine) };
  const env: Record<string, string> = {
    REDIS_URL: redisUrl,
    SEALING_KEYS: randomBytes(32).toString('base64'),
    AUTH0_DOMAIN: domain,
    AUTH0_BASE_URL: tenant.url,
    AUTH0_AUDIENCE: tenant.audience,
    AUTH0_CLIENT_ID: tenant.clientId,
    AUTH0_CLIENT_SECRET: tenant.clientSecret,
    AUTH0_RATE: '50',
    SMTP_URL: inbox.smtpUrl,
    MAIL_FROM: 'Readdress <no-reply@readdress.example>',
    BRAND_NAME: 'Acme',
    PUBLIC_URL: 'http://localhost:3999',
    PORT: '0',
    WORKER_PORT: '0',
    LOG_LEVEL: 'debug',
    RESEND_AFTER: '60s',
    // The tenant here is quick: what was not carried out by then never will be.
    TENANT_PATIENCE: '1s',
    LIMIT_USER: '1000/1h',
    LIMIT_COMMITTED: '1000/1h',
    LIMIT_ADDRESS: '1000/1h',
    LIMIT_ADDRESS_FIRST: '1000/1h',
    LIMIT_USER_MAILS: '1000/1h',
    LIMIT_IP: '10000/1m',
    LIMIT_LINK: '10000/1m',
    ...options.env,
  };
  const configs = readBothConfigs(env);
  const { tracing } = options;
  const { dnsServers = [] } = options;
  const api = await startApi(configs.api, { now, logTo, tracing, dnsServers });
  const workers =
    options.workers === false
      ? undefined
      : await startWorkers(configs.workers, {
          now,
          logTo,
          tracing,
          tickMs: options.tickMs ?? TICK_MS,
        });
  // A door that is still looking for its Redis answers 503, and a story would start with that.
  if (env['REDIS_URL'] === redisUrl)
    for (const { url } of [api, ...(workers ? [workers] : [])])
      await eventually(async () => (await fetch(`${url}/readyz`)).ok, `${url} to be ready`);
  const redis = new Redis(redisUrl);
  const prefix = `readdress:{${domain}}`;

  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await Promise.all([api.close(), workers?.close()]);
    await Promise.all([tenant.close(), inbox.close()]);
    const keys = await redis.keys(`${prefix.replaceAll(/[{}[\]]/g, String.raw`\$&`)}*`);
    if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();
  };
  if (!options.lasting) onTestFinished(close);

  return {
    tenant,
    inbox,
    api: api.url,
    workers,
    env,
    redis,
    prefix,
    logs,
    now,
    pass: (ms) => {
      offset += ms;
    },
    token: (sub, wish = {}) =>
      tenant.accessToken({
        sub,
        scope: 'change:email',
        claims: { 'https://readdress/auth_time': Math.floor(now() / 1000) },
        ...wish,
      }),
    call: (method, path, callOptions = {}) => callApi(api.url, method, path, callOptions),
    close,
  };
}

/** A call to an API as JSON. */
export async function callApi(
  base: string,
  method: string,
  path: string,
  { token, body, headers = {} }: CallOptions,
): Promise<Answer> {
  const response = await fetch(`${base}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json');
  return {
    status: response.status,
    headers: response.headers,
    body: json ? JSON.parse(text) : undefined,
    text,
  };
}

/** The token of the one link in a mail that leads to `purpose`. */
export function tokenIn(text: string | undefined, purpose: string): string {
  const token = new RegExp(`/${purpose}#([\\w-]{64})`).exec(text ?? '')?.[1];
  if (token === undefined) throw new Error(`no ${purpose} link in: ${text}`);
  return token;
}

/** Waits until `check` gives something, woken by nothing but a short timer: for what has no signal. */
export async function eventually<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
  what = 'the expected state',
  timeoutMs = 8000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const result = await check();
    if (result !== undefined && result !== false) return result;
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** Polls a change until it has this status. */
export const untilStatus = (world: World, token: string, id: string, status: string) =>
  eventually(async () => {
    const { body } = await world.call('GET', `/v1/email-changes/${id}`, { token });
    return body.status === status && body;
  }, `status ${status}`);
