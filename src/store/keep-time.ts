/** Asks Redis for the time, at every connection and now and then, so that the process's clock is its clock. */
import type { Result } from 'ioredis';
import type { Clock } from '../clock.ts';
import { answered, StoreUnavailable, type RedisClient } from './redis.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    tell(keys: number, ...args: string[]): Result<[string, string], Context>;
  }
}

const EVERY_MS = 5000;

/** `key` is one of the tenant's: in a cluster each node has a clock of its own. */
export function keepTime(redis: RedisClient, clock: Clock, key: string): void {
  redis.defineCommand('tell', { lua: `return redis.call('TIME')` });
  const ask = async () => {
    if (redis.status !== 'ready') return;
    const askedAt = clock.monotonic();
    const [seconds, micros] = await answered(redis.tell(1, key));
    clock.learn(Number(seconds) * 1000 + Number(micros) / 1000 + clock.shiftMs(), askedAt);
  };
  const learn = () =>
    void ask().catch((error: unknown) => {
      // Asked again soon; until then the monotonic clock counts on.
      if (!(error instanceof StoreUnavailable)) throw error;
    });
  redis.on('ready', learn);
  const timer = setInterval(learn, EVERY_MS).unref();
  redis.on('end', () => clearInterval(timer));
}
