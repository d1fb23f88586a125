import { randomUUID } from 'node:crypto';
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

test('what was refused is not counted, and what is given back after its window makes no larger share', async () => {
  const redis = new Redis(inject('redisUrl'));
  const key = `limits-test-${randomUUID()}`;
  onTestFinished(async () => {
    await redis.del(`${key}:x`);
    redis.disconnect();
  });
  await redis.ping();
  const limiter = createSharedLimiter(redis, key, { points: 2, windowMs: 60_000 });
  const takeAll = async () => {
    const shares = await Promise.all(Array.from({ length: 50 }, () => limiter.take('x')));
    expect(shares.filter(({ allowed }) => allowed).map(({ remaining }) => remaining)).toEqual([
      1, 0,
    ]);
    for (const { resetMs } of shares) {
      expect(resetMs).toBeGreaterThan(50_000);
      expect(resetMs).toBeLessThanOrEqual(60_000);
    }
  };
  await takeAll();
  expect(await redis.get(`${key}:x`)).toBe('2');
  expect(await limiter.giveBack('x')).toMatchObject({ remaining: 1 });
  expect(await limiter.take('x')).toMatchObject({ allowed: true, remaining: 0 });
  expect(await limiter.take('x')).toMatchObject({ allowed: false, remaining: 0 });

  // The window ends.
  await redis.del(`${key}:x`);
  expect(await limiter.giveBack('x')).toMatchObject({ remaining: 2, resetMs: 60_000 });
  await takeAll();
});
