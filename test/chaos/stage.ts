/**
 * The stage of a run: stand-in tenant, inbox and a Redis of its own with AOF `always`, the fleet, and
 * a fault proxy between the two. Clients speak HTTP to the fleet; whoever looks at Redis looks past
 * the proxy.
 */
import { randomBytes } from 'node:crypto';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { inject, onTestFinished } from 'vitest';
import { startInbox, type Inbox } from '../../stand-ins/inbox.ts';
import { spawnRedis, type SpawnedRedis } from '../../demo/redis.ts';
import { startTenant, type Tenant } from '../../stand-ins/tenant.ts';
import type { EmailChange } from '../../src/domain/email-change.ts';
import { createSealer } from '../../src/seal.ts';
import { eventually, type Answer, type CallOptions } from '../support/world.ts';
import { startBalancer } from './balancer.ts';
import { startFleet, type Fleet } from './deployment.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import type { History, Told } from './history.ts';
import { createRecorded, findOnDisk } from './recorded.ts';

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
  /** Epoch ms. */
  startedAt: number;
  tenant: Tenant;
  inbox: Inbox;
  /** Settings of the service. */
  env: Readonly<Record<string, string>>;
  fleet: Fleet;
  proxy: FaultProxy;
  redis: Redis;
  /** Ends Redis and brings it back with its files after `awayMs`. */
  restartRedis(how: 'SIGKILL' | 'SIGTERM', awayMs: number, whileAway?: () => void): Promise<void>;
  /** Copies the append-only file as it is now; the way to put it back while Redis is away. */
  backUpRedis(): () => void;
  users: readonly VirtualUser[];
  addUser(): VirtualUser;
  told: Told[];
  /** An access token from a fresh login. */
  tokenOf(user: VirtualUser): Promise<string>;
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
  history(): Promise<History>;
};
type Act = { email?: string; change?: string; link?: Link; prefer?: string };

const DOMAIN = 'chaos.test';
/** Of every key. */
export const PREFIX = `readdress:{${DOMAIN}}`;
/** Every mailbox and account of the run, every JWT: no log line and no command to Redis may hold one. */
const SECRET = /(?:@|%40)(?:old|new)\.example|auth0\|[\da-f]{8}|eyJ[\w-]{8,}\.eyJ/;
/** A log line has no sealed text either, so that there is nothing else of this length but tokens. */
const LOG_SECRET = new RegExp(`${SECRET.source}|[\\w-]{64,}`);
/** How many of the newest link tokens are looked for in Redis. */
const TOKENS_SOUGHT = 100;

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
    TENANT_PATIENCE: '8s',
    LIMIT_COMMITTED: '100000/1h',
    LIMIT_USER: '100000/1h',
    LIMIT_ADDRESS: '100000/1h',
    LIMIT_ADDRESS_FIRST: '100000/1h',
    LIMIT_USER_MAILS: '1000000/1h',
    LIMIT_IP: '1000000/1m',
    LIMIT_LINK: '1000000/1m',
    ...options.env,
  };
  const fleet = startFleet({
    dist: inject('dist'),
    env,
    apis: options.apis ?? 1,
    workers: options.workers ?? 1,
    secret: LOG_SECRET,
  });
  const balancer = startBalancer(fleet);
  const { call } = balancer;
  onTestFinished(async () => {
    balancer.close();
    await fleet.close();
    redis.disconnect();
    await Promise.all([proxy.close(), tenant.close(), inbox.close(), server.stop()]);
  });

  const recorded = createRecorded(redis, PREFIX, createSealer([key], randomBytes));
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
  const tokenOf = ({ sub }: { sub: string }): Promise<string> =>
    tenant.accessToken({
      sub,
      scope: 'change:email',
      claims: { 'https://readdress/auth_time': Math.floor(Date.now() / 1000) },
    });
  const measures = async (): Promise<string[]> => {
    const texts = fleet.members.map(async ({ operatorsUrl }) =>
      (await fetch(`${operatorsUrl}/metrics`)).text(),
    );
    return (await Promise.all(texts)).flatMap((text) => text.split('\n'));
  };
  let restarting = Promise.resolve();
  const restart = async (how: NodeJS.Signals, awayMs: number, whileAway?: () => void) => {
    process.kill(server.pid, how);
    await eventually(() => !isAlive(server.pid), 'Redis to end', 10_000);
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    whileAway?.();
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
    startedAt: Date.now(),
    tenant,
    inbox,
    env,
    fleet,
    proxy,
    redis,
    restartRedis: (how, awayMs, whileAway) => {
      // One after the other: what is away can not be ended.
      restarting = restarting.then(() => restart(how, awayMs, whileAway));
      return restarting;
    },
    backUpRedis() {
      const [files, backup] = [join(dir, 'appendonlydir'), join(dir, 'backup')];
      cpSync(files, backup, { recursive: true });
      return () => {
        rmSync(files, { recursive: true });
        cpSync(backup, files, { recursive: true });
      };
    },
    users,
    addUser() {
      const original = `u${users.length}@old.example`;
      const { user_id: sub } = tenant.addUser({ email: original, email_verified: true });
      users.push({ sub, original });
      return users.at(-1)!;
    },
    told,
    tokenOf,
    async act(user, op, { email, change = '', link, prefer } = {}) {
      const at = Date.now();
      const sent: CallOptions = {
        ...(link ? { body: { token: link.token } } : { token: await tokenOf(user) }),
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
    records: () => recorded.records(),
    ready: async () => {
      await Promise.all(fleet.members.map((member) => member.untilReady()));
    },
    hurry: () => recorded.hurry(),
    async quiet(timeoutMs = 120_000) {
      const deadline = Date.now() + timeoutMs;
      for (let calm = 0; calm < 3;) {
        if (Date.now() > deadline) return false;
        await recorded.hurry();
        const left = [...(await recorded.due()), ...(await recorded.leases())];
        calm = left.length === 0 ? calm + 1 : 0;
        await new Promise((resolve) => setTimeout(resolve, calm > 0 ? 100 : 500));
      }
      return true;
    },
    async history() {
      const all = await recorded.records();
      const views: [string, { status: string; reason?: string }][] = [];
      for (const record of all) {
        const answer = await eventually(async () => {
          const token = await tokenOf(record);
          const seen = await call('GET', `/v1/email-changes/${record.id}`, { token }).catch(
            () => undefined,
          );
          return seen && seen.status !== 503 && seen;
        });
        views.push([record.id, answer.body]);
      }
      readMail();
      // The second half of a token is the secret; the first names its change, as keys do.
      const tokens = links.slice(-TOKENS_SOUGHT).map(({ token }) => token.slice(24));
      return {
        users,
        told,
        patches: tenant
          .patches()
          .filter(({ effective, body }) => effective && 'email' in (body as object))
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
        end: {
          accounts: new Map(
            users.map(({ sub }) => {
              const { email, email_verified } = tenant.user(sub);
              return [sub, { email: email ?? '', verified: email_verified === true }];
            }),
          ),
          records: all,
          views: new Map(views),
          due: await recorded.due(),
          leases: await recorded.leases(),
          parked: await recorded.parked(),
          leaks: [
            ...fleet.leaks,
            ...(await measures()).filter((line) => SECRET.test(line)),
            ...findOnDisk(dir, new RegExp([SECRET.source, ...tokens].join('|'))),
          ],
          crashes: fleet.stderr,
        },
      };
    },
  };
  return stage;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
