/** Redis away, back, gone in silence, under load: what was acknowledged is there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/world.ts';
import { check } from './checker.ts';
import { createChance } from './random.ts';
import { ended, pressed, requested, startStage, type Stage } from './stage.ts';
import { startCrowd } from './virtual-users.ts';

/** Ends of Redis in the middle of a mail leave it in doubt, up to ten at once in each worker. */
const expectNoViolation = async (stage: Stage, restarts: number): Promise<void> => {
  expect(await stage.quiet(), 'quiet').toBe(true);
  const leeway = { mails: 20 * restarts, tokens: restarts };
  expect(check(await stage.history(), leeway)).toEqual([]);
};

describe('Redis', () => {
  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'ended by %s under load, three times: every acknowledged click is there',
    async (how) => {
      const stage = await startStage({ apis: 2, workers: 2, env: { TASK_LEASE: '5s' } });
      await stage.ready();
      const crowd = startCrowd(stage, createChance(7), 40, 150);
      for (const awayMs of [0, 500, 2000]) {
        await sleep(4000);
        await stage.restartRedis(how, awayMs);
      }
      await sleep(3000);
      await crowd.stop();
      const clicks = stage.told.filter(({ op, status }) => op === 'confirm' && status < 300);
      expect(clicks.length).toBeGreaterThan(10);
      await expectNoViolation(stage, 3);
    },
  );

  test('that loses the answers to what it carried out is asked again, and nothing happens twice', async () => {
    const stage = await startStage({ apis: 2, workers: 2, env: { TASK_LEASE: '5s' } });
    await stage.ready();
    const crowd = startCrowd(stage, createChance(8), 30, 150);
    for (let i = 0; i < 12; i += 1) {
      await sleep(1200);
      stage.proxy.swallowReplies(300);
    }
    await crowd.stop();
    await expectNoViolation(stage, 12);
  });

  test('whose connections went dead in silence is found again: requests within 3 s, tasks within the lease', async () => {
    const stage = await startStage();
    await stage.ready();
    const user = stage.addUser();
    await requested(stage, user, 'u0.0@new.example');
    await stage.quiet();
    stage.proxy.blackHole();
    const silentAt = Date.now();
    await eventually(
      async () => (await stage.act(user, 'poll'))?.status === 200,
      'an answer',
      60_000,
    );
    expect(Date.now() - silentAt).toBeLessThan(4000);
    const { link } = await requested(stage, user, 'u0.1@new.example');
    await pressed(stage, user, link);
    await ended(stage, 30_000);
    expect(Date.now() - silentAt).toBeLessThan(30_000);
  });

  test('that hangs for three seconds costs callers an honest 503 and no one a click', async () => {
    const stage = await startStage();
    await stage.ready();
    const user = stage.addUser();
    const { link } = await requested(stage, user, 'u0.1@new.example');
    await stage.redis.call('CLIENT', 'PAUSE', '3000', 'ALL');
    const askedAt = Date.now();
    const answer = await stage.act(user, 'confirm', { link });
    expect(answer?.status).toBe(503);
    expect(Date.now() - askedAt).toBeLessThan(2000);
    await pressed(stage, user, link);
    await ended(stage, 40_000);
    await expectNoViolation(stage, 1);
  });
});
