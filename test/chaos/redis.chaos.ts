/** Redis away, back, gone in silence, under load: what was acknowledged is there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/world.ts';
import { isReady, type Member } from './deployment.ts';
import { SEED } from './plan.ts';
import { createChance } from './random.ts';
import { startStage, type Stage } from './stage.ts';
import { ended, pressed, requested } from './steps.ts';
import { expectNoViolation } from './verdict.ts';
import { startCrowd } from './virtual-users.ts';

/** Ends of Redis in the middle of a mail leave it in doubt, up to ten at once in each worker. */
const expectWhole = (stage: Stage, fault: string, times: number) =>
  expectNoViolation(stage, {
    suite: 'redis',
    seed: SEED,
    faults: { [fault]: times },
    leeway: { mails: 20 * times, tokens: times },
  });

describe('Redis', () => {
  const expectSurvival = async (how: 'SIGKILL' | 'SIGTERM') => {
    const stage = await startStage({ apis: 2, workers: 2, env: { TASK_LEASE: '5s' } });
    await stage.ready();
    const crowd = startCrowd(stage, createChance(SEED), 40, 150);
    for (const awayMs of [0, 500, 2000]) {
      await sleep(4000);
      await stage.restartRedis(how, awayMs);
    }
    await sleep(3000);
    await crowd.stop();
    const clicks = stage.told.filter(
      ({ op, status }) => op === 'confirm' && status >= 200 && status < 300,
    );
    expect(clicks.length).toBeGreaterThan(10);
    await expectWhole(stage, `Redis ${how}`, 3);
  };
  test(
    'killed by SIGKILL under load, three times: every acknowledged click is there',
    { tags: ['short'] },
    () => expectSurvival('SIGKILL'),
  );
  test('ended by SIGTERM under load, three times: every acknowledged click is there', () =>
    expectSurvival('SIGTERM'));

  test('that loses the answers to what it carried out is asked again, and nothing happens twice', async () => {
    const stage = await startStage({ apis: 2, workers: 2, env: { TASK_LEASE: '5s' } });
    await stage.ready();
    const crowd = startCrowd(stage, createChance(SEED + 1), 30, 150);
    for (let i = 0; i < 12; i += 1) {
      await sleep(1200);
      stage.proxy.swallowReplies(300);
    }
    await crowd.stop();
    await expectWhole(stage, 'network swallow', 12);
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
    await expectWhole(stage, 'network blackHole', 1);
  });

  test('that is away is a 503 with Retry-After within 1.5 s, and back within 3 s of its return, also for processes that started without it', async () => {
    const stage = await startStage();
    await stage.ready();
    const user = stage.addUser();
    const { link } = await requested(stage, user, 'u0.1@new.example');
    await stage.quiet();
    const [api] = stage.fleet.of('api') as [Member];
    for (const newborn of [false, true]) {
      const back = stage.restartRedis('SIGKILL', 6000);
      await eventually(async () => !(await isReady(api.url)), 'the API to notice', 3000);
      if (newborn) {
        const ends = stage.fleet.members.map((member) => member.ended());
        for (const member of stage.fleet.members) member.signal('SIGKILL');
        await Promise.all(ends);
      }
      const refused = await eventually(async () => {
        const askedAt = Date.now();
        const answer = await stage.act(user, 'poll');
        expect(Date.now() - askedAt).toBeLessThan(1500);
        return answer;
      });
      expect(refused.status).toBe(503);
      expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      await back;
      await Promise.all(stage.fleet.members.map((member) => member.untilReady(3000)));
      expect((await stage.act(user, 'poll'))?.status).toBe(200);
    }
    await pressed(stage, user, link);
    await ended(stage, 30_000);
    await expectWhole(stage, 'Redis SIGKILL', 2);
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
    expect(answer?.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(Date.now() - askedAt).toBeLessThan(1500);
    await pressed(stage, user, link);
    await ended(stage, 40_000);
    await expectWhole(stage, 'Redis CLIENT PAUSE', 1);
  });
});
