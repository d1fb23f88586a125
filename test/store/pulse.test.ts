import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createClock } from '../../src/clock.ts';
import { createLog } from '../../src/process/log.ts';
import { feelPulse } from '../../src/store/pulse.ts';

test('a loss is noted and told once: what is asked for after it is trusted again', async () => {
  const redis = new Redis(inject('redisUrl'));
  onTestFinished(() => redis.disconnect());
  const lines: string[] = [];
  const log = createLog({ logLevel: 'error' }, 'test', { write: (line) => void lines.push(line) });
  const prefix = `readdress:{l-${randomUUID()}}`;
  let ahead = 0;
  const clock = createClock(() => Date.now() + ahead);
  const pulse = feelPulse(redis, clock, { prefix, process: 'me', log });
  await once(redis, 'ready');
  // It was acknowledged, and Redis knows nothing of it.
  pulse.wrote(clock.now());
  await pulse.noteStart();
  const { lostAt } = await pulse.readRestored();
  expect(Math.abs(lostAt - clock.now())).toBeLessThan(60_000);
  ahead = 3_600_000;
  await pulse.noteStart();
  expect((await pulse.readRestored()).lostAt).toBe(lostAt);
  expect(lines.filter((line) => line.includes('store.lost_writes'))).toHaveLength(1);
  await redis.del(`${prefix}:pulse`, `${prefix}:lost`);
});
