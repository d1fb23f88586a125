/**
 * The ground of a measurement: a Redis of its own with the append-only file, a stand-in tenant, a mail sink,
 * and the built service as an API process and a workers process. Everything but the service shares a core.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { spawnRedis } from '../demo/redis.ts';
import { freePort } from '../demo/redis/ready.ts';
import { startTenant, type Tenant } from '../stand-ins/tenant.ts';
import { pinToOthers, startMeasured, type Measured } from './processes.ts';
import { startSink, type Sink } from './sink.ts';

export type Person = { sub: string; email: string; token: string };

export type Stage = {
  url: string;
  redis: Redis;
  tenant: Tenant;
  sink: Sink;
  /** Settings of the service, for whoever starts another process of it. */
  env: Readonly<Record<string, string>>;
  startApi(): Promise<Measured>;
  /** `more`: settings of this process alone. */
  startWorkers(more?: Readonly<Record<string, string>>): Promise<Measured>;
  addPeople(count: number): Promise<Person[]>;
  close(): Promise<void>;
};

const DIST = new URL('../dist/', import.meta.url).pathname;
const LOTS = '1000000/1h';
/** `BENCH_NODE_ARGS="--cpu-prof --cpu-prof-dir=profiles"` leaves a profile of each process. */
const NODE_ARGS = [
  // As `npm start` and the image have it.
  '--max-semi-space-size=4',
  ...(process.env['BENCH_NODE_ARGS'] ?? '').split(' ').filter(Boolean),
];
let stages = 0;

export async function openStage(
  settings: Readonly<Record<string, string>> = {},
  { rate = 1000 }: { rate?: number } = {},
): Promise<Stage> {
  stages += 1;
  const server = await spawnRedis();
  pinToOthers(server.pid);
  const redis = new Redis(server.url);
  const tenant = await startTenant({
    accessTokenTtlSeconds: 3600,
    rateLimit: { burst: rate, perSecond: rate },
  });
  const sink = await startSink();
  const [port, operatorsPort] = [await freePort(), await freePort()];
  const env: Record<string, string> = {
    REDIS_URL: server.url,
    SEALING_KEYS: randomBytes(32).toString('base64'),
    AUTH0_DOMAIN: `bench${stages}.test`,
    AUTH0_BASE_URL: tenant.url,
    AUTH0_AUDIENCE: tenant.audience,
    AUTH0_CLIENT_ID: tenant.clientId,
    AUTH0_CLIENT_SECRET: tenant.clientSecret,
    AUTH0_RATE: String(rate),
    SMTP_URL: sink.url,
    MAIL_FROM: 'Readdress <no-reply@readdress.test>',
    PUBLIC_URL: `http://localhost:${port}`,
    HOST: '127.0.0.1',
    PORT: String(port),
    METRICS_PORT: String(operatorsPort),
    LOG_LEVEL: 'info',
    LIMIT_USER: LOTS,
    LIMIT_ADDRESS: LOTS,
    LIMIT_ADDRESS_FIRST: LOTS,
    LIMIT_USER_MAILS: LOTS,
    LIMIT_COMMITTED: LOTS,
    LIMIT_IP: LOTS,
    LIMIT_LINK: LOTS,
    ...settings,
  };
  const running = new Set<Measured>();
  const start = async (
    entry: string,
    listens: number,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Measured> => {
    const url = `http://127.0.0.1:${listens}/readyz`;
    const started = await startMeasured(
      [...NODE_ARGS, `${DIST}${entry}`],
      { ...env, ...more },
      url,
    );
    running.add(started);
    return started;
  };
  let people = 0;

  return {
    url: `http://127.0.0.1:${port}`,
    redis,
    tenant,
    sink,
    env,
    startApi: () => start('src/server.js', port),
    startWorkers: async (more) => {
      const own = await freePort();
      return start('workers/main.js', own, { WORKER_PORT: String(own), ...more });
    },
    async addPeople(count) {
      const added: Person[] = [];
      for (let i = 0; i < count; i += 1) {
        const email = `u${(people += 1)}@old.example`;
        const { user_id: sub } = tenant.addUser({ email, email_verified: true });
        const token = await tenant.accessToken({
          sub,
          scope: 'change:email',
          claims: { 'https://readdress/auth_time': Math.floor(Date.now() / 1000) },
        });
        added.push({ sub, email, token });
      }
      return added;
    },
    async close() {
      await Promise.all([...running].map((each) => each.stop()));
      redis.disconnect();
      sink.close();
      await Promise.all([tenant.close(), server.stop()]);
    },
  };
}

/** How a request of this person for a new address looks on the wire. */
export const requestOf = ({ token }: Person, email: string) => ({
  method: 'POST',
  path: '/v1/email-changes',
  headers: { authorization: `Bearer ${token}` },
  body: JSON.stringify({ email }),
});

export const newAddress = ({ email }: Person): string => email.replace('@old.', '@new.');

/** The click on the link in the newest mail to that address. */
export const clickOf = ({ sink }: Stage, person: Person) => ({
  method: 'POST',
  path: '/v1/confirm',
  body: JSON.stringify({ token: sink.token(newAddress(person), 'confirm') }),
});
