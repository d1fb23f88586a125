/**
 * The stage of a run: stand-in tenant, inbox and a Redis of its own with AOF `always`, the fleet, and
 * a fault proxy between the two. Clients speak HTTP to the fleet; whoever looks at Redis looks past
 * the proxy.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { inject, onTestFinished } from 'vitest';
import { startInbox, type Inbox } from '../../demo/inbox.ts';
import { spawnRedis, type SpawnedRedis } from '../../demo/redis.ts';
import { startTenant, type Tenant } from '../../demo/tenant.ts';
import { isOpen, type EmailChange } from '../../src/domain/email-change.ts';
import { createSealer } from '../../src/seal.ts';
import { callApi, eventually, type Answer, type CallOptions } from '../support/world.ts';
import { isReady, startFleet, type Fleet, type Member } from './deployment.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import type { History, Told } from './history.ts';

export type StageOptions = {
  apis?: number;
  workers?: number;
  env?: Record<string, string>;
  /** Calls that the tenant allows per second, and at once. */
  rate?: number;
};

export type VirtualUser = { sub: string; original: string };
export type Link = { purpose: string; token: string; change: string; at: number };

export type Stage = {
  tenant: Tenant;
  inbox: Inbox;
  fleet: Fleet;
  proxy: FaultProxy;
  redis: Redis;
  /** Ends Redis and brings it back with its files after `awayMs`. */
  restartRedis(how: 'SIGKILL' | 'SIGTERM', awayMs: number): Promise<void>;
  users: readonly VirtualUser[];
  addUser(): VirtualUser;
  told: Told[];
  /** One call as this user, or as the holder of a link; the answer goes into the history. */
  act(user: VirtualUser, op: Told['op'], what?: Act): Promise<Answer | undefined>;
  /** Links in the mails to any address of this user, oldest first. */
  linksOf(user: VirtualUser, purpose?: string): Link[];
  records(): Promise<EmailChange[]>;
  ready(): Promise<void>;
  /** Lets the time pass that postponed tasks wait for. */
  hurry(): Promise<void>;
  /** Waits until nothing is left to do. */
  quiet(timeoutMs?: number): Promise<boolean>;
  history(faults?: ReadonlyMap<string, number>): Promise<History>;
};
type Act = { email?: string; change?: string; link?: Link; prefer?: string };

const DOMAIN = 'chaos.test';
const PREFIX = `readdress:{${DOMAIN}}`;
const CALL_TIMEOUT_MS = 4000;
/** How often a load balancer asks for readiness. */
const LOOK_MS = 250;
/** Every mailbox of the run, and every link token: no log line and no key of Redis may hold one. */
const SECRET = /@(?:old|new)\.example|[\w-]{64,}/;

/** Tasks that wait for nothing but time become due; what a worker holds is left to it. */
const HURRY = `
local moved = 0
for _, task in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local lease = redis.call('HGET', KEYS[2], task)
  if not string.find(task, ':expire$') and (not lease or string.sub(lease, -2) == ' -') then
    local at = tonumber(redis.call('ZSCORE', KEYS[1], task))
    if at > tonumber(ARGV[1]) then
      redis.call('ZADD', KEYS[1], ARGV[1], task)
      moved = moved + 1
    end
  end
end
return moved`;

export async function startStage(options: StageOptions = {}): Promise<Stage> {
  const rate = options.rate ?? 50;
  let server: SpawnedRedis = await spawnRedis({ appendfsync: 'always' });
  const { port, dir } = server;
  const proxy = await startFaultProxy(port);
  const tenant = await startTenant({ rateLimit: { burst: rate, perSecond: rate } });
  const inbox = await startInbox();
  const redis = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  const key = randomBytes(32);
  const env: Record<string, string> = {
    REDIS_URL: `redis://127.0.0.1:${proxy.port}`,
    SEALING_KEYS: key.toString('base64'),
    AUTH0_DOMAIN: DOMAIN,
    AUTH0_BASE_URL: tenant.url,
    AUTH0_AUDIENCE: tenant.audience,
    AUTH0_CLIENT_ID: tenant.clientId,
    AUTH0_CLIENT_SECRET: tenant.clientSecret,
    AUTH0_RATE: String(rate),
    SMTP_URL: inbox.smtpUrl,
    MAIL_FROM: 'Readdress <no-reply@readdress.test>',
    PUBLIC_URL: 'http://localhost:3999',
    RESEND_AFTER: '1s',
    UNDO_LOCK: '0s',
    LIMIT_USER: '100000/1h',
    LIMIT_ADDRESS: '100000/1h',
    LIMIT_IP: '1000000/1m',
    LIMIT_LINK: '1000000/1m',
    ...options.env,
  };
  const fleet = startFleet({
    dist: inject('dist'),
    env,
    apis: options.apis ?? 1,
    workers: options.workers ?? 1,
    secret: SECRET,
  });
  onTestFinished(async () => {
    clearInterval(looking);
    await fleet.close();
    redis.disconnect();
    await Promise.all([proxy.close(), tenant.close(), inbox.close(), server.stop()]);
  });

  const sealer = createSealer([key], randomBytes);
  const users: VirtualUser[] = [];
  const told: Told[] = [];
  const links: (Link & { owner: string })[] = [];
  let read = 0;
  const readMail = () => {
    for (; read < inbox.messages.length; read += 1) {
      const mail = inbox.messages[read]!;
      for (const [, purpose = '', token = ''] of mail.text.matchAll(
        /\/(confirm|approve|cancel|undo)#([\w-]{64})/g,
      )) {
        const change = Buffer.from(token, 'base64url').subarray(0, 16).toString('base64url');
        const owner = /^u\d+/.exec(mail.envelope.to[0] ?? '')?.[0] ?? '';
        links.push({ purpose, token, change, at: mail.at, owner });
      }
    }
  };
  const nameOf = (user: VirtualUser): string => user.original.split('@')[0]!;
  const tokenOf = (sub: string): Promise<string> =>
    tenant.accessToken({
      sub,
      scope: 'change:email',
      claims: { 'https://readdress/auth_time': Math.floor(Date.now() / 1000) },
    });
  let turn = 0;
  const ready = new Set<Member>();
  const looking = setInterval(() => {
    for (const api of fleet.of('api'))
      void isReady(api.url).then((is) => (is ? ready.add(api) : ready.delete(api)));
  }, LOOK_MS);
  /** As a load balancer would: those in turn that are ready, and nobody who does not take the connection. */
  const balanced = async (method: string, path: string, callOptions: CallOptions) => {
    turn += 1;
    const apis = fleet.of('api').toSorted((a, b) => Number(ready.has(b)) - Number(ready.has(a)));
    const inTurn = apis.filter((api) => ready.has(api));
    if (inTurn.length > 0) apis.splice(0, inTurn.length, ...rotated(inTurn, turn));
    for (let i = 0; ; i += 1) {
      const api = apis[i]!;
      try {
        return await callApi(api.url, method, path, callOptions);
      } catch (error) {
        if (!isRefused(error) || i + 1 >= apis.length) throw error;
      }
    }
  };
  const call = async (method: string, path: string, callOptions: CallOptions) => {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('no answer')), CALL_TIMEOUT_MS).unref();
    });
    return Promise.race([balanced(method, path, callOptions), late]);
  };

  const records = async (): Promise<EmailChange[]> => {
    const keys = await redis.keys(`${PREFIX}:change:*`);
    const stored = await Promise.all(keys.map((each) => redis.get(each)));
    return stored.map((text, i) => {
      const id = keys[i]!.slice(`${PREFIX}:change:`.length);
      return JSON.parse(sealer.open(text!.split(' ')[2]!, id)) as EmailChange;
    });
  };
  const tasksLeft = async () => {
    const due = await redis.zrange(`${PREFIX}:due`, '0', '-1');
    return due.filter((task) => !task.endsWith(':expire'));
  };
  const leaks = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const each of await redis.keys('*')) {
      const bytes = await redis.dump(each);
      if (/:(?:old|new)\.example|@(?:old|new)\.example/.test(bytes ?? '')) found.push(each);
    }
    return found;
  };

  let restarting = Promise.resolve();
  const restart = async (how: NodeJS.Signals, awayMs: number) => {
    process.kill(server.pid, how);
    await eventually(() => !isAlive(server.pid), 'Redis to end', 10_000);
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    const again = await spawnRedis({ port, dir, appendfsync: 'always' });
    const before = server;
    server = {
      ...again,
      stop: async () => {
        await again.stop();
        await before.stop();
      },
    };
  };

  const stage: Stage = {
    tenant,
    inbox,
    fleet,
    proxy,
    redis,
    restartRedis: (how, awayMs) => {
      // One after the other: what is away can not be ended.
      restarting = restarting.then(() => restart(how, awayMs));
      return restarting;
    },
    users,
    addUser() {
      const original = `u${users.length}@old.example`;
      const { user_id: sub } = tenant.addUser({ email: original, email_verified: true });
      users.push({ sub, original });
      return users.at(-1)!;
    },
    told,
    async act(user, op, { email, change = '', link, prefer } = {}) {
      const at = Date.now();
      const sent: CallOptions = {
        ...(link ? { body: { token: link.token } } : { token: await tokenOf(user.sub) }),
        ...(op === 'request' ? { body: { email } } : {}),
        ...(prefer ? { headers: { prefer } } : {}),
      };
      const own = `/v1/email-changes/${change}`;
      const routes: Record<Told['op'], [string, string]> = {
        request: ['POST', '/v1/email-changes'],
        poll: ['GET', change === '' ? '/v1/email-changes/current' : own],
        resend: ['POST', `${own}/resend`],
        withdraw: ['DELETE', own],
        confirm: ['POST', '/v1/confirm'],
        approve: ['POST', '/v1/approve'],
        cancel: ['POST', '/v1/cancel'],
        undo: ['POST', '/v1/undo'],
      };
      // In the history from the start: what was never answered may have happened all the same.
      const entry: Told = { at, until: Infinity, sub: user.sub, op, status: 0 };
      const about = link?.change ?? change;
      if (about !== '') entry.change = about;
      told.push(entry);
      const answer = await call(...routes[op], sent).catch(() => undefined);
      entry.until = Date.now();
      if (!answer) return undefined;
      const body = answer.body as { id?: string; status?: unknown; code?: string } | undefined;
      entry.status = answer.status;
      if (body?.code) entry.code = body.code;
      if (body?.id !== undefined) entry.change = body.id;
      if (typeof body?.status === 'string') entry.said = body.status;
      return answer;
    },
    linksOf(user, purpose) {
      readMail();
      const owner = nameOf(user);
      return links.filter(
        (link) => link.owner === owner && (purpose === undefined || link.purpose === purpose),
      );
    },
    records,
    ready: async () => {
      await Promise.all(fleet.members.map((member) => member.untilReady()));
    },
    async hurry() {
      await redis.eval(HURRY, 2, `${PREFIX}:due`, `${PREFIX}:leases`, String(Date.now()));
    },
    async quiet(timeoutMs = 120_000) {
      const deadline = Date.now() + timeoutMs;
      for (let calm = 0; calm < 3;) {
        if (Date.now() > deadline) return false;
        await stage.hurry();
        const left = (await tasksLeft()).length + (await redis.hlen(`${PREFIX}:leases`));
        calm = left === 0 ? calm + 1 : 0;
        await new Promise((resolve) => setTimeout(resolve, calm > 0 ? 100 : 500));
      }
      return true;
    },
    async history(faults = new Map()) {
      const all = await records();
      const views: [string, { status: string; reason?: string }][] = [];
      for (const record of all) {
        const answer = await eventually(async () => {
          const token = await tokenOf(record.sub);
          const seen = await call('GET', `/v1/email-changes/${record.id}`, { token }).catch(
            () => undefined,
          );
          return seen && seen.status !== 503 && seen;
        });
        views.push([record.id, answer.body]);
      }
      const parked = await redis.zrange(`${PREFIX}:parked`, '0', '-1');
      return {
        users,
        told,
        patches: tenant
          .patches()
          .filter(({ effective }) => effective)
          .map(({ at, userId, body }) => ({
            at,
            sub: userId!,
            email: (body as { email: string }).email,
          })),
        mails: inbox.messages.map((mail) => ({
          at: mail.at,
          id: mail.messageId.slice(1, mail.messageId.lastIndexOf('@')),
          to: mail.envelope.to.join(' '),
          links: [...mail.text.matchAll(/#[\w-]{64}/g)].join(' '),
        })),
        tokens: tenant.tokenRequests().filter(({ status, fault }) => status === 200 && !fault)
          .length,
        faults,
        end: {
          accounts: new Map(
            users.map(({ sub }) => {
              const { email, email_verified } = tenant.user(sub);
              return [sub, { email: email ?? '', verified: email_verified === true }];
            }),
          ),
          records: all,
          views: new Map(views),
          due: await tasksLeft(),
          leases: Object.entries(await redis.hgetall(`${PREFIX}:leases`)).map((each) =>
            each.join(' '),
          ),
          parked,
          leaks: [...fleet.leaks, ...(await leaks())],
          crashes: fleet.stderr,
        },
      };
    },
  };
  return stage;
}

const rotated = <T>(list: readonly T[], by: number): T[] =>
  list.map((_, i) => list[(i + by) % list.length]!);

const isRefused = (error: unknown): boolean =>
  error instanceof TypeError &&
  (error.message.includes('URL') ||
    (error.cause as { code?: string } | undefined)?.code === 'ECONNREFUSED');

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A user's change to a new address, up to both mailboxes having their links. */
export async function requested(
  stage: Stage,
  user: VirtualUser,
  email: string,
): Promise<{ change: string; link: Link }> {
  const answer = await eventually(async () => {
    const given = await stage.act(user, 'request', { email });
    return given?.status === 202 && given;
  }, `a request of ${user.original} to be taken`);
  const change = (answer.body as { id: string }).id;
  const link = await eventually(
    () => stage.linksOf(user, 'confirm').findLast((each) => each.change === change),
    `the link to ${email}`,
    60_000,
  );
  return { change, link };
}

/** Presses a link until somebody says that it is recorded. */
export const pressed = (stage: Stage, user: VirtualUser, link: Link): Promise<Answer> =>
  eventually(
    async () => {
      const op = link.purpose as Told['op'];
      const answer = await stage.act(user, op, { link });
      return answer !== undefined && answer.status < 300 && answer;
    },
    `${link.purpose} to be acknowledged`,
    60_000,
  );

/** Waits until all open changes have ended; says which have not. */
export const ended = (stage: Stage, timeoutMs: number): Promise<unknown> =>
  eventually(
    async () => (await stage.records()).every((record) => !isOpen(record)),
    'all changes to end',
    timeoutMs,
  );
