/**
 * The outbox: the `due` set of tasks, its lanes, and the leases on tasks. Tasks come in with the records
 * that they follow from (changes.ts) and leave in the write that records their outcome; here they are
 * claimed, filed into their lanes, and taken out of the way when nobody can do them. Redis tells the
 * time, inside the scripts.
 */
import type { Result } from 'ioredis';
import type { Clock } from '../clock.ts';
import type { Keys } from './keys.ts';
import { kindOfMember, LANE_OF, LANES, type Lane } from './lanes.ts';
import { answered, lua, type RedisClient } from './redis.ts';

type Taken = [string, string, number, string, number, number, string | null];
declare module 'ioredis' {
  interface RedisCommander<Context> {
    claim(keys: number, ...args: string[]): Result<[0 | 1, ...Taken[]], Context>;
    park(keys: number, ...args: string[]): Result<0 | 1, Context>;
    replay(keys: number, ...args: string[]): Result<0 | 1, Context>;
    file(keys: number, ...args: string[]): Result<[string, number, ...(0 | 1)[]], Context>;
  }
}

/** A lease on a due task. Whoever acts under an old epoch is told `stale` and changes nothing. */
export type Claim = {
  task: string;
  epoch: string;
  attempts: number;
  /** The end of the lease by Redis' clock: for the scripts alone. */
  until: number;
  /** How often in a row a worker gave the task back because it could not do it at all. */
  unable: number;
  /** How often in a row a worker took the task and never said how it ended. */
  deaths: number;
  /** What is left of the lease by this process's monotonic clock: never more than Redis would say. */
  leftMs(): number;
};

/** A claimed task with its record as it is stored. Of a member that is not ours `change` is empty, and `name` is all of it. */
export type DueTask = { change: string; name: string; claim: Claim; stored: string | undefined };

export type Backlog = {
  /** How many due tasks nobody has taken, and for how long the oldest has waited. */
  overdue: number;
  oldestMs: number;
  parked: number;
  /** For how long the oldest of each kind has waited, where some wait. */
  ageMs: ReadonlyMap<string, number>;
};
/** So many of a lane are looked at for the ages of its kinds. */
const SAMPLE = 100;

const MEMBER = /^([\w-]{1,64}):([^:]{1,100})$/;

/** The first places of every script of the outbox. */
export const outboxKeys = (keys: Keys): string[] => [
  keys.due,
  keys.leases,
  keys.epoch,
  keys.parked,
  keys.whys,
  ...LANES.map(keys.lane),
];
const placeOf = (lane: Lane): string => String(6 + LANES.indexOf(lane));
const LANE_PLACES = JSON.stringify(
  Object.fromEntries(Object.entries(LANE_OF).map(([kind, lane]) => [kind, Number(placeOf(lane))])),
);
export const outboxArgs = (clock: Clock): string[] => [String(clock.shiftMs()), LANE_PLACES];

export function createOutbox(redis: RedisClient, keys: Keys, clock: Clock) {
  for (const name of ['claim', 'park', 'replay', 'file'])
    redis.defineCommand(name, { lua: lua('outbox', name) });
  const places = outboxKeys(keys);
  const parameters = (...args: string[]) =>
    [places.length, ...places, ...outboxArgs(clock), ...args] as const;

  return {
    /**
     * Claims what is due of a lane, `count` tasks at most, and says whether more is. Asking `again`, with
     * the same holder, finds what was claimed when only the answer was lost.
     */
    async claim(
      lane: Lane,
      count: number,
      leaseMs: number,
      holder: string,
      again: boolean,
    ): Promise<{ tasks: DueTask[]; more: boolean }> {
      const askedAt = clock.monotonic();
      const args = [placeOf(lane), String(count), String(leaseMs), holder, keys.change('')];
      const [more, ...taken] = await answered(
        redis.claim(...parameters(...args, again ? 'again' : '')),
      );
      const tasks = taken.map(([task, epoch, attempts, until, unable, deaths, stored]) => {
        const [, change = '', name = task] = MEMBER.exec(task) ?? [];
        const leftMs = () => askedAt + leaseMs - clock.monotonic();
        const claim = { task, epoch, attempts, until: Number(until), unable, deaths, leftMs };
        return { change, name, claim, stored: stored ?? undefined };
      });
      return { tasks, more: more === 1 };
    },

    /** Whether the lease is still ours, by Redis: asked in the last moment before what cannot be taken back. */
    async isHeld({ task, epoch }: Claim): Promise<boolean> {
      const lease = await answered(redis.hget(keys.leases, task));
      return lease?.startsWith(`${epoch} `) ?? false;
    },

    /** Takes a task that nobody here can do out of the way, to where an operator sees it. */
    async park({ task, epoch }: Claim, why: string): Promise<void> {
      await answered(redis.park(...parameters(task, epoch, why)));
    },

    /**
     * Files tasks that are due and stand in no lane, `count` of those due since `from`, and says in which
     * lanes something is due.
     */
    async file(
      from: number,
      offset: number,
      count: number,
    ): Promise<{ now: number; seen: number; lanes: Lane[] }> {
      const args = [from === -Infinity ? '-inf' : String(from), String(offset), String(count)];
      const [now, seen, ...busy] = await answered(redis.file(...parameters(...args)));
      return { now: Number(now), seen, lanes: LANES.filter((_, i) => busy[i] === 1) };
    },

    /** When the next task is due, or the lease on it ends (epoch ms). */
    async nextDueAt(): Promise<number | undefined> {
      const [, at] = await answered(redis.zrange(keys.due, '0', '0', 'WITHSCORES'));
      return at === undefined ? undefined : Number(at);
    },

    /** What nobody has taken, and what is out of the way. */
    async backlog(now: number): Promise<Backlog> {
      const [overdue, oldest, parked, ...lanes] = await answered(
        Promise.all([
          redis.zcount(keys.due, '-inf', now),
          redis.zrange(keys.due, '0', '0', 'WITHSCORES'),
          redis.zcard(keys.parked),
          ...LANES.map((lane) =>
            redis.zrangebyscore(keys.lane(lane), '-inf', now, 'WITHSCORES', 'LIMIT', 0, SAMPLE),
          ),
        ]),
      );
      const ageMs = new Map<string, number>();
      for (const lane of lanes)
        for (let i = 0; i < lane.length; i += 2) {
          const kind = kindOfMember(lane[i]!);
          // The oldest of a lane come first.
          if (!ageMs.has(kind)) ageMs.set(kind, now - Number(lane[i + 1]));
        }
      return { overdue, oldestMs: Math.max(0, now - Number(oldest[1] ?? now)), parked, ageMs };
    },

    /** Tasks that were taken out of the way, oldest first, and why; builds before 0.2 did not say. */
    async parked(count = 0): Promise<{ task: string; why: string | undefined }[]> {
      const tasks = await answered(redis.zrange(keys.parked, '0', String(count - 1)));
      if (tasks.length === 0) return [];
      const whys = await answered(redis.hmget(keys.whys, ...tasks));
      return tasks.map((task, i) => ({ task, why: whys[i] ?? undefined }));
    },

    /** Puts a parked task back among the due ones. Says whether it was there. */
    replay: async (task: string): Promise<boolean> =>
      (await answered(redis.replay(...parameters(task)))) === 1,
  };
}
