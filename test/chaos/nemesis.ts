/**
 * The one who makes everything go wrong: one fault after the other, by a stream of chance of its own,
 * against processes, Redis, the network between them, the tenant and the mail server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultAction } from '../../demo/tenant/faults.ts';
import type { SmtpFault } from '../../demo/inbox/faults.ts';
import { CRASH_POINTS } from '../../src/crash-points.ts';
import type { Member } from './deployment.ts';
import type { Leeway } from './history.ts';
import type { Chance } from './random.ts';
import type { Stage } from './stage.ts';
import { NOBODY } from './virtual-users.ts';

export type Nemesis = {
  /** How often each kind of fault struck. */
  faults: ReadonlyMap<string, number>;
  leeway: Leeway;
  /** Ends the fault it is at, and mends everything. */
  heal(): Promise<void>;
};

const LEASE_MS = 5000;

export function startNemesis(stage: Stage, chance: Chance, paceMs: number): Nemesis {
  const faults = new Map<string, number>();
  const leeway = { mails: 0, tokens: 0 };
  const { fleet, proxy, redis, tenant, inbox } = stage;
  const note = (kind: string) => faults.set(kind, (faults.get(kind) ?? 0) + 1);
  /** Whoever dies or loses Redis in the middle of a mail or a token leaves it in doubt. */
  const doubt = (mails: number, tokens: number) => {
    leeway.mails += mails;
    leeway.tokens += tokens;
  };
  refuseNobody(stage);

  // A worker has at most this many mails on their way; all of them may be in doubt when it dies.
  const MAILS_AT_ONCE = 10;
  const kill = async (member: Member, kind: string) => {
    if (!member.signal('SIGKILL')) return;
    note(kind);
    if (member.role === 'workers') doubt(MAILS_AT_ONCE, 1);
  };

  const strikes: Record<string, () => Promise<void>> = {
    async kill() {
      const member = chance.pick(fleet.members);
      await kill(member, `SIGKILL ${member.role}`);
    },
    async crashPoint() {
      const worker = chance.happens(0.7);
      const points = CRASH_POINTS.filter((point) => /^(request|click)/.test(point) !== worker);
      const member = chance.pick(fleet.of(worker ? 'workers' : 'api'));
      const point = chance.pick(points);
      member.crashAt = `${point}:${chance.between(1, 3)}`;
      await kill(member, `CRASH_AT ${worker ? 'a task' : 'a request'}`);
      doubt(MAILS_AT_ONCE, 1);
      await sleep(4000);
      member.crashAt = '';
    },
    async stop() {
      const member = chance.pick(fleet.members);
      if (!member.signal('SIGSTOP')) return;
      note(`SIGSTOP ${member.role}`);
      doubt(MAILS_AT_ONCE, 1);
      await sleep(chance.pick([300, 1500, LEASE_MS + 1500]));
      member.signal('SIGCONT');
    },
    async term() {
      const member = chance.pick(fleet.members);
      if (!member.signal('SIGTERM')) return;
      note(`SIGTERM ${member.role}`);
      // Whoever is not done within the grace period is ended.
      doubt(MAILS_AT_ONCE, 1);
    },
    async redis() {
      const how = chance.pick(['SIGKILL', 'SIGTERM'] as const);
      note(`Redis ${how}`);
      doubt(MAILS_AT_ONCE, 1);
      await stage.restartRedis(how, chance.between(0, 1500));
    },
    async clientPause() {
      const ms = chance.between(100, 3000);
      note('Redis CLIENT PAUSE');
      doubt(MAILS_AT_ONCE, 1);
      await redis.call('CLIENT', 'PAUSE', String(ms), chance.pick(['ALL', 'WRITE']));
      await sleep(ms);
    },
    async network() {
      const how = chance.pick(['cut', 'halfClose', 'blackHole', 'swallow', 'delay', 'pause']);
      const ms = chance.between(200, 3000);
      note(`network ${how}`);
      doubt(MAILS_AT_ONCE, 1);
      if (how === 'cut') proxy.cut();
      else if (how === 'halfClose') proxy.halfClose();
      else if (how === 'blackHole') proxy.blackHole();
      else if (how === 'swallow') proxy.swallowReplies(ms);
      else if (how === 'delay') {
        proxy.delay(chance.between(5, 400));
        await sleep(ms);
        proxy.delay(0);
      } else {
        proxy.pause();
        await sleep(ms);
        proxy.resume();
      }
    },
    async tenant() {
      const fault = tenantFault(chance);
      note(`tenant ${fault.kind}${'status' in fault ? ` ${fault.status}` : ''}`);
      doubt(0, 1);
      const placed = tenant.faults.add(fault);
      await sleep(chance.between(200, 2500));
      placed.remove();
    },
    async smtp() {
      const fault = smtpFault(chance);
      const { action } = fault;
      note(`smtp ${typeof action === 'string' ? action : action.code} ${fault.stage}`);
      const placed = inbox.fault(fault);
      await sleep(chance.between(200, 2500));
      placed.remove();
      doubt(placed.hits, 0);
    },
    async tokens() {
      note('management tokens revoked');
      doubt(0, 1);
      tenant.expireManagementTokens();
    },
    async wakeUps() {
      note('wake-ups lost');
      const keys = await queueKeys(stage);
      if (keys.length > 0) await redis.del(...keys);
    },
    async time() {
      note('time passed');
      await stage.hurry();
    },
  };

  const end = new AbortController();
  const rounds = async () => {
    const under = new Set<Promise<void>>();
    while (!end.signal.aborted) {
      await sleep(chance.between(paceMs / 2, paceMs * 1.5));
      if (end.signal.aborted) break;
      const strike =
        strikes[
          chance.weigh([
            [3, 'kill'],
            [3, 'crashPoint'],
            [2, 'stop'],
            [1, 'term'],
            [1.5, 'redis'],
            [1, 'clientPause'],
            [4, 'network'],
            [6, 'tenant'],
            [4, 'smtp'],
            [0.5, 'tokens'],
            [0.5, 'wakeUps'],
            [2, 'time'],
          ])
        ]!();
      under.add(strike);
      void strike.finally(() => under.delete(strike));
      // Two or three at a time: what comes together finds what alone is harmless.
      if (under.size > 2) await Promise.race(under);
    }
    await Promise.all(under);
  };
  const over = rounds();

  return {
    faults,
    leeway,
    async heal() {
      end.abort();
      await over;
      proxy.heal();
      tenant.faults.clear();
      inbox.clearFaults();
      refuseNobody(stage);
      for (const member of fleet.members) {
        member.signal('SIGCONT');
        // Lives under a crash point end here.
        if (member.crashAt !== '') {
          member.crashAt = '';
          member.signal('SIGKILL');
        }
      }
    },
  };
}

/** Mail to NOBODY is refused for good, in good times and in bad. */
function refuseNobody({ inbox }: Stage): void {
  inbox.fault({ stage: 'rcpt', action: { code: 550, message: 'no such user' }, match: NOBODY });
}

const queueKeys = async ({ redis }: Stage): Promise<string[]> => {
  const keys = await redis.keys('readdress:*');
  return keys.filter((key) => /\}:(tenant|mail|event|upkeep):/.test(key));
};

function tenantFault(chance: Chance): Fault {
  const action = chance.pick<FaultAction>([
    { kind: 'status', status: 500 },
    { kind: 'status', status: 502, body: { message: 'bad gateway' } },
    { kind: 'status', status: 503, headers: { 'retry-after': 'soon' } },
    { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
    { kind: 'status', status: 429, headers: { 'x-ratelimit-reset': '0' } },
    { kind: 'status', status: 429, headers: { 'x-ratelimit-reset': 'tomorrow', date: 'never' } },
    { kind: 'hang' },
    { kind: 'reset' },
    { kind: 'garbage' },
    { kind: 'html200' },
    { kind: 'empty200' },
    { kind: 'halfBody' },
    { kind: 'slowBody' },
    { kind: 'redirect' },
    { kind: 'delay', ms: chance.between(50, 700) },
    { kind: 'executeThenReset' },
    { kind: 'executeThenHang' },
    { kind: 'executeThenStatus', status: chance.pick([500, 502, 504]) },
  ]);
  const match = chance.weigh<Fault['match']>([
    [5, { method: 'PATCH' }],
    [3, { method: 'GET', path: '/api/v2' }],
    [1, { path: '/oauth/token' }],
    [2, { path: '/api/v2' }],
  ]);
  return { ...action, ...(match ? { match } : {}), times: chance.between(1, 6) };
}

function smtpFault(chance: Chance): SmtpFault {
  const stage = chance.pick(['connect', 'mail', 'rcpt', 'data', 'afterData'] as const);
  const action = chance.pick([
    'hang',
    'drop',
    { code: 421, message: 'closing' },
    { code: 450, message: 'greylisted, try again later' },
    { code: 451, message: 'local error' },
    { code: 452, message: 'insufficient storage' },
  ] as const);
  // Who keeps a mail and says that he does not will get it again, from anybody.
  const lies = stage === 'afterData' && typeof action !== 'string';
  return { stage, action: lies ? 'drop' : action, times: chance.between(1, 6) };
}
