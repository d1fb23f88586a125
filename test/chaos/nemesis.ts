/**
 * The one who makes everything go wrong: one fault after the other, by a stream of chance of its own,
 * against processes, Redis, the network between them, the tenant and the mail server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CRASH_POINTS } from './crash-points.mjs';
import type { Member } from './deployment.ts';
import type { Leeway } from './history.ts';
import { smtpFault, tenantFault } from './outside-faults.ts';
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

/** What whoever can write to Redis would like to see done. */
const FORGED = [
  ...'invite commit undo verify password keep revoke revoke.undo'.split(' '),
  ...['done', 'changed', 'undone', 'restored', 'failed', 'stopped'].map((name) => `mail.${name}`),
  ...'mail.notice.7 mail.confirm.9 mail.approve.9 event.undone event.committed'.split(' '),
];

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
    async readOnly() {
      note('Redis demoted to a replica');
      doubt(MAILS_AT_ONCE, 1);
      await redis.call('REPLICAOF', '127.0.0.1', '1');
      await sleep(chance.between(200, 2500));
      await promote(stage);
    },
    async outOfMemory() {
      note('Redis out of memory');
      doubt(MAILS_AT_ONCE, 1);
      await redis.call('CONFIG', 'SET', 'maxmemory', '1');
      await sleep(chance.between(200, 2500));
      await redis.call('CONFIG', 'SET', 'maxmemory', '0');
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
      if (keys.length > 0) await redis.del(...keys).catch(unlessRefused);
    },
    async forged() {
      note('tasks forged by ZADD');
      const keys = await redis.keys('readdress:*:change:*');
      if (keys.length === 0) return;
      const id = chance.pick(keys).split(':').at(-1)!;
      const key = keys[0]!.replace(/:change:.*/, ':due');
      const members = FORGED.flatMap((name) => [Date.now(), `${id}:${name}`]);
      await redis.zadd(key, ...members).catch(unlessRefused);
    },
    async time() {
      note('time passed');
      // It does not, for who is not let to write it down.
      await stage.hurry().catch(unlessRefused);
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
            [1, 'readOnly'],
            [1, 'outOfMemory'],
            [4, 'network'],
            [6, 'tenant'],
            [4, 'smtp'],
            [0.5, 'tokens'],
            [0.5, 'wakeUps'],
            [1, 'forged'],
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
      await promote(stage);
      await redis.call('CONFIG', 'SET', 'maxmemory', '0');
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

const promote = async ({ redis }: Stage): Promise<unknown> => redis.call('REPLICAOF', 'NO', 'ONE');

function unlessRefused(error: unknown): void {
  if (!(error instanceof Error) || !/READONLY|OOM/.test(error.message)) throw error;
}
