/**
 * Records and their outbox. One sealed string per email change, one small index per user, and the
 * `due` set of tasks; every write is a compare-and-set that carries its tasks along. All keys of a
 * tenant share one hash tag, so that all of this works unchanged on Redis Cluster.
 */
import type { Result } from 'ioredis';
import {
  keepUntil,
  type EmailChange,
  type Recorded,
  type Refused,
  type Step,
  type UserChanges,
  type Verdict,
} from '../domain/email-change.ts';
import type { Sealer } from '../seal.ts';
import { answered, lua, StoreUnavailable, type RedisClient } from './redis.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    swap(keys: number, ...args: string[]): Result<'written' | 'conflict' | 'stale', Context>;
    claim(keys: number, ...args: string[]): Result<[] | [string, number], Context>;
  }
}

/** The shape of what is sealed. Records of a newer shape are left alone and reported. */
const SCHEMA = 1;

/** A record that this version can not read: altered, sealed by an unknown key, or from the future. */
export class UnreadableRecord extends Error {
  override name = 'UnreadableRecord';
}

export type Found<T> = { value: T; version: number };

/** A lease on a due task. Whoever acts under an old epoch is told `stale` and changes nothing. */
export type Claim = { task: string; epoch: string; attempts: number; until: number };
/** What becomes of the claimed task with this write. */
export type ClaimEnd =
  | { fate: 'done' }
  | { fate: 'hold' }
  | { fate: 'later'; at: number; uncounted?: boolean };

/** The claim was lost: the lease ran out and somebody else took the task. Nothing was written. */
export class StaleClaim extends Error {
  override name = 'StaleClaim';
}

/** A decision about one change, or about one among the user's later ones (oldest first). */
export type Rule = (change: EmailChange) => Verdict;
export type RuleAmong = (
  change: EmailChange,
  user: UserChanges,
  followers: readonly EmailChange[],
) => Verdict;

/** What a rule said and the change as it is recorded now. */
export type Decided =
  | { verdict: Step | Recorded; change: EmailChange; before?: EmailChange }
  | { verdict: Refused };

const NOTHING: Step = { kind: 'write', changes: [], tasks: [] };
/** Lost races in a row before we give up: each lost race is somebody else's progress. */
const RACES = 50;

export type Due = { change: string; name: string; at: number };

export type ChangeStore = ReturnType<typeof createChangeStore>;

export function createChangeStore(redis: RedisClient, sealer: Sealer, prefix: string) {
  redis.defineCommand('swap', { lua: lua('swap') });
  redis.defineCommand('claim', { lua: lua('claim') });
  const keys = {
    due: `${prefix}:due`,
    leases: `${prefix}:leases`,
    epoch: `${prefix}:epoch`,
    parked: `${prefix}:parked`,
    changed: `${prefix}:changed`,
    change: (id: string) => `${prefix}:change:${id}`,
    user: (sub: string) => `${prefix}:user:${sealer.fingerprint(sub, 'user')}`,
  };

  const read = async <T>(key: string, place: string): Promise<Found<T> | undefined> => {
    const stored = await answered(redis.get(key));
    if (stored === null) return undefined;
    const [, version = '', schema = '', sealed = ''] = /^(\d+) (\d+) (\S+)$/.exec(stored) ?? [];
    if (Number(schema) !== SCHEMA) throw new UnreadableRecord(`${place}: schema ${schema || '?'}`);
    try {
      return { value: JSON.parse(sealer.open(sealed, place)) as T, version: Number(version) };
    } catch (cause) {
      throw new UnreadableRecord(place, { cause });
    }
  };

  const findChange = (id: string): Promise<Found<EmailChange> | undefined> =>
    read(keys.change(id), id);

  /** What a user has going; an empty one, at version 0, for who has nothing. */
  const readUser = async (sub: string): Promise<Found<UserChanges>> =>
    (await read<UserChanges>(keys.user(sub), keys.user(sub))) ?? {
      value: { committed: [] },
      version: 0,
    };

  /**
   * Writes a step over what was read (`versions` by change id; 0 = must not exist yet), together
   * with its tasks and, for a worker, the fate of the task under its claim.
   */
  const swap = (
    step: Step,
    versions: { changes: Record<string, number>; user?: number },
    claim?: Claim & ClaimEnd,
  ): Promise<'written' | 'conflict' | 'stale'> => {
    const userKey = step.user ? keys.user(step.changes[0]!.sub) : undefined;
    const writes = step.changes.map((change) => ({
      version: String(versions.changes[change.id] ?? 0),
      body: `${SCHEMA} ${sealer.seal(JSON.stringify(change), change.id)}`,
      ...withKeepUntil(keepUntil(change)),
    }));
    if (step.user && userKey)
      writes.push({
        version: String(versions.user ?? 0),
        body: `${SCHEMA} ${sealer.seal(JSON.stringify(step.user), userKey)}`,
        ...withKeepUntil(keepUserUntil(step)),
      });
    const plan = {
      ...(claim ? { claim } : {}),
      writes,
      tasks: step.tasks.map((task) => [String(task.at), `${task.change}:${task.name}`]),
      ...(step.changes.length > 0
        ? { announce: [keys.changed, step.changes.map((change) => change.id).join(' ')] }
        : {}),
    };
    const names = [
      keys.due,
      keys.leases,
      ...step.changes.map((change) => keys.change(change.id)),
      ...(userKey ? [userKey] : []),
    ];
    return answered(redis.swap(names.length, ...names, JSON.stringify(plan)));
  };

  const findFollowers = async (
    change: EmailChange,
    user: UserChanges,
  ): Promise<Found<EmailChange>[]> => {
    const place = user.committed.indexOf(change.id);
    const later = place === -1 ? [] : user.committed.slice(place + 1);
    const latest = user.latest === undefined || user.latest === change.id ? [] : [user.latest];
    const found = await Promise.all([...new Set([...later, ...latest])].map(findChange));
    return found.filter((follower) => follower !== undefined);
  };

  return {
    keys,

    findChange,

    readUser,

    swap,

    /**
     * Reads one change, asks the rule, writes what it says; who loses a race reads again and asks
     * again, so the answer is always about what is recorded. `undefined`: there is no such change.
     */
    async decide(id: string, rule: Rule, claim?: Claim & ClaimEnd): Promise<Decided | undefined> {
      for (let attempt = 0; attempt < RACES; attempt += 1) {
        const found = await findChange(id);
        if (!found) return undefined;
        const verdict = rule(found.value);
        const before = found.value;
        if (verdict.kind === 'refused') return { verdict };
        if (verdict.kind === 'recorded' && !claim) return { verdict, change: before, before };
        const result = await swap(
          verdict.kind === 'write' ? verdict : NOTHING,
          { changes: { [id]: found.version } },
          claim,
        );
        if (result === 'stale') throw new StaleClaim(claim!.task);
        if (result === 'written')
          return {
            verdict,
            change: verdict.kind === 'write' ? verdict.changes[0]! : before,
            before,
          };
      }
      throw new StoreUnavailable(`change ${id} did not hold still`);
    },

    /** The same for a user's next request, which looks at what the user has going. */
    async decideRequest(
      sub: string,
      rule: (user: UserChanges, latest: EmailChange | undefined) => Verdict,
    ): Promise<Decided> {
      for (let attempt = 0; attempt < RACES; attempt += 1) {
        const user = await readUser(sub);
        const latest = user.value.latest ? await findChange(user.value.latest) : undefined;
        const verdict = rule(user.value, latest?.value);
        if (verdict.kind === 'recorded') return { verdict, change: verdict.change };
        if (verdict.kind === 'refused') return { verdict };
        const versions = latest ? { [latest.value.id]: latest.version } : {};
        const result = await swap(verdict, { changes: versions, user: user.version });
        if (result === 'written') return { verdict, change: verdict.changes[0]! };
      }
      throw new StoreUnavailable('the changes of a user did not hold still');
    },

    /** The user's changes that came after this one, oldest first. */
    async readFollowers(change: EmailChange): Promise<EmailChange[]> {
      const user = await readUser(change.sub);
      return (await findFollowers(change, user.value)).map((follower) => follower.value);
    },

    /** The same for what concerns the user's other changes: those committed after this one, and the open one. */
    async decideAmong(
      id: string,
      rule: RuleAmong,
      claim?: Claim & ClaimEnd,
    ): Promise<Decided | undefined> {
      for (let attempt = 0; attempt < RACES; attempt += 1) {
        const found = await findChange(id);
        if (!found) return undefined;
        const before = found.value;
        const user = await readUser(before.sub);
        const followers = await findFollowers(before, user.value);
        const verdict = rule(
          before,
          user.value,
          followers.map((follower) => follower.value),
        );
        if (verdict.kind === 'refused') return { verdict };
        const versions = Object.fromEntries(
          [found, ...followers].map(({ value, version }) => [value.id, version]),
        );
        const step = verdict.kind === 'write' ? verdict : NOTHING;
        const result = await swap(step, { changes: versions, user: user.version }, claim);
        if (result === 'stale') throw new StaleClaim(claim!.task);
        if (result === 'written') return { verdict, change: step.changes[0] ?? before, before };
      }
      throw new StoreUnavailable(`change ${id} did not hold still`);
    },

    /** Ends or postpones a claimed task without writing a record. */
    release: (claim: Claim & ClaimEnd): Promise<'written' | 'conflict' | 'stale'> =>
      swap(NOTHING, { changes: {} }, claim),

    async claim(
      due: Due,
      now: number,
      leaseMs: number,
      holder: string,
    ): Promise<Claim | undefined> {
      const task = `${due.change}:${due.name}`;
      const args = [task, String(now), String(leaseMs), holder];
      const lease = await answered(redis.claim(3, keys.due, keys.leases, keys.epoch, ...args));
      if (lease.length === 0) return undefined;
      return { task, epoch: lease[0], attempts: lease[1], until: now + leaseMs };
    },

    /** Takes a task that nobody here can do out of the way, to where an operator sees it. */
    async park(claim: Claim, now: number): Promise<void> {
      await answered(redis.zadd(keys.parked, now, claim.task));
      await swap(NOTHING, { changes: {} }, { ...claim, fate: 'done' });
    },

    /** The tasks that are due by `now`, oldest first, at most `count`. */
    async due(now: number, count: number): Promise<Due[]> {
      const found = await answered(
        redis.zrangebyscore(keys.due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count),
      );
      const tasks: Due[] = [];
      for (let i = 0; i < found.length; i += 2) {
        const [change = '', name = ''] = found[i]!.split(':');
        tasks.push({ change, name, at: Number(found[i + 1]) });
      }
      return tasks;
    },
  };
}

const withKeepUntil = (until: number | undefined) =>
  until === undefined ? {} : { keepUntil: String(until) };

/** The index outlives all it points to: the longest undo window is 30 days. */
function keepUserUntil(step: Step): number | undefined {
  const ends = step.changes.map((change) => keepUntil(change) ?? Infinity);
  const end = Math.max(...ends, step.user?.lockedUntil ?? 0) + 30 * 24 * 3_600_000;
  return end === Infinity ? undefined : end;
}
