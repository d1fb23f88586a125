/** Things that count once, whichever process sees them: the first to name one wins. */
import { answered, type RedisClient } from './redis.ts';

export type Replays = {
  /** Whether nobody came with this key before, as far back as it matters. @throws {StoreUnavailable} */
  isFirst(key: string): Promise<boolean>;
};

export const createReplays = (redis: RedisClient, keyPrefix: string, keepMs: number): Replays => ({
  isFirst: async (key) =>
    (await answered(redis.set(`${keyPrefix}:${key}`, '1', 'PX', keepMs, 'NX'))) === 'OK',
});
