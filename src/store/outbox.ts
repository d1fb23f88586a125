/**
 * The outbox: the `due` set of tasks and the leases on them. Tasks come in with the records that they
 * follow from (changes.ts) and leave in the write that records their outcome; here they are found,
 * claimed, and taken out of the way when nobody can do them.
 */
import type { Result } from 'ioredis';
import type { Keys } from './keys.ts';
import { answered, lua, type RedisClient } from './redis.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    claim(keys: number, ...args: string[]): Result<[] | [string, number], Context>;
    park(keys: number, ...args: string[]): Result<0 | 1, Context>;
    replay(keys: number, ...args: string[]): Result<0 | 1, Context>;
  }
}

/** A task and when it is due (epoch ms). What no version of ours wrote has no change, and is all name. */
export type Due = { change: string; name: string; at: number };

const MEMBER = /^([^:]+):([^:]+)$/;
const parseMember = (member: string, at: number): Due => {
  const [, change = '', name = member] = MEMBER.exec(member) ?? [];
  return { change, name, at };
};
const memberOf = ({ change, name }: Due): string => (change === '' ? name : `${change}:${name}`);

/** A lease on a due task. Whoever acts under an old epoch is told `stale` and changes nothing. */
export type Claim = { task: string; epoch: string; attempts: number; until: number };

export function createOutbox(redis: RedisClient, keys: Keys) {
  redis.defineCommand('claim', { lua: lua('claim') });
  redis.defineCommand('park', { lua: lua('park') });
  redis.defineCommand('replay', { lua: lua('replay') });

  return {
    /** `undefined`: done meanwhile, not due yet, or in another worker's hands. */
    async claim(
      due: Due,
      now: number,
      leaseMs: number,
      holder: string,
    ): Promise<Claim | undefined> {
      const task = memberOf(due);
      const args = [task, String(now), String(leaseMs), holder];
      const lease = await answered(redis.claim(3, keys.due, keys.leases, keys.epoch, ...args));
      if (lease.length === 0) return undefined;
      return { task, epoch: lease[0], attempts: lease[1], until: now + leaseMs };
    },

    /** Takes a task that nobody here can do out of the way, to where an operator sees it. */
    async park(claim: Claim, now: number): Promise<void> {
      const args = [claim.task, claim.epoch, String(now)];
      await answered(redis.park(3, keys.due, keys.leases, keys.parked, ...args));
    },

    /** The tasks that are due by `now`, oldest first, at most `count`. */
    async due(now: number, count: number): Promise<Due[]> {
      const found = await answered(
        redis.zrangebyscore(keys.due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, count),
      );
      const tasks: Due[] = [];
      for (let i = 0; i < found.length; i += 2)
        tasks.push(parseMember(found[i]!, Number(found[i + 1])));
      return tasks;
    },

    /** How many due tasks nobody has taken, for how long the oldest has waited, and how many are parked. */
    async backlog(now: number): Promise<{ overdue: number; oldestMs: number; parked: number }> {
      const [overdue, oldest, parked] = await answered(
        Promise.all([
          redis.zcount(keys.due, '-inf', now),
          redis.zrange(keys.due, '0', '0', 'WITHSCORES'),
          redis.zcard(keys.parked),
        ]),
      );
      return { overdue, oldestMs: Math.max(0, now - Number(oldest[1] ?? now)), parked };
    },

    /** Tasks that were taken out of the way, oldest first. */
    parked: (): Promise<string[]> => answered(redis.zrange(keys.parked, '0', '-1')),

    /** Puts a parked task back among the due ones. Says whether it was there. */
    async replay(task: string, now: number): Promise<boolean> {
      const args = [task, String(now)];
      return (await answered(redis.replay(2, keys.parked, keys.due, ...args))) === 1;
    },
  };
}
