/**
 * Counters behind the limits, by rate-limiter-flexible. Per user and per target address they are
 * shared by all processes through Redis; per IP they live in the process, so that a flood from
 * outside never becomes a flood of Redis (with N processes an IP gets up to N times its share).
 */
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Limit } from '../config-grammar.ts';
import { lua, StoreUnavailable, type RedisClient } from './redis.ts';

/** What a caller may know of its own limit (draft-ietf-httpapi-ratelimit-headers). */
export type Share = { limit: Limit; allowed: boolean; remaining: number; resetMs: number };

export type Limiter = {
  /** All or nothing. */
  take(key: string, points?: number): Promise<Share>;
  /** Gives back what turned out to cost nothing; `undefined` when nobody can say what is left. */
  giveBack(key: string, points?: number): Promise<Share | undefined>;
  /** Looks and takes nothing. */
  see(key: string): Promise<Share>;
};

export function createSharedLimiter(redis: RedisClient, keyPrefix: string, limit: Limit): Limiter {
  return limiter(
    new RateLimiterRedis({
      storeClient: redis,
      keyPrefix,
      points: limit.points,
      duration: Math.ceil(limit.windowMs / 1000),
      rejectIfRedisNotReady: true,
      customIncrTtlLuaScript: lua('limit'),
    }),
    limit,
  );
}

export const createLocalLimiter = (limit: Limit): Limiter =>
  limiter(
    new RateLimiterMemory({ points: limit.points, duration: Math.ceil(limit.windowMs / 1000) }),
    limit,
  );

function limiter(counter: RateLimiterRedis | RateLimiterMemory, limit: Limit): Limiter {
  const share = (result: RateLimiterRes, allowed: boolean): Share => ({
    limit,
    allowed,
    remaining: result.remainingPoints,
    resetMs: result.msBeforeNext,
  });
  return {
    async take(key, points = 1) {
      try {
        return share(await counter.consume(key, points), true);
      } catch (error) {
        if (error instanceof RateLimiterRes) return share(error, false);
        throw new StoreUnavailable('limits could not be counted', { cause: error });
      }
    },
    async see(key) {
      // Nothing is taken, in one call: `get` of this library makes three.
      const seen = await this.take(key, 0);
      return { ...seen, allowed: seen.remaining > 0 };
    },
    async giveBack(key, points = 1) {
      // A courtesy: what cannot be given back comes back with the window.
      return counter.reward(key, points).then(
        (result) => share(result, true),
        () => undefined,
      );
    },
  };
}
