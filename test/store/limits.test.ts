import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createSharedLimiter } from '../../src/store/limits.ts';
import { StoreUnavailable } from '../../src/store/redis.ts';

test('without Redis nothing is counted, and giving back what costs nothing is no fault', async () => {
  const redis = new Redis(inject('redisUrl'), {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
  });
  onTestFinished(() => redis.disconnect());
  await redis.connect();
  const limiter = createSharedLimiter(redis, 'limits-test', { points: 2, windowMs: 1000 });
  expect(await limiter.take('somebody')).toMatchObject({ allowed: true, remaining: 1 });
  redis.disconnect();
  await expect(limiter.take('somebody')).rejects.toThrow(StoreUnavailable);
  await expect(limiter.giveBack('somebody')).resolves.toBeUndefined();
});
