/** A rolling restart under load: every process ends in order, and nobody notices. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { SEED } from './plan.ts';
import { createChance } from './random.ts';
import { startStage } from './stage.ts';
import { expectNoViolation } from './verdict.ts';
import { startCrowd } from './virtual-users.ts';

test('a rolling restart under load loses no request and no task', async () => {
  const stage = await startStage({ apis: 2, workers: 2, env: { SHUTDOWN_GRACE: '20s' } });
  await stage.ready();
  const crowd = startCrowd(stage, createChance(SEED), 30, 200);
  await sleep(3000);
  for (const member of stage.fleet.members) {
    const endedAt = Date.now();
    member.signal('SIGTERM');
    expect(await member.ended()).toBe(0);
    expect(Date.now() - endedAt).toBeLessThan(20_000);
    await member.untilReady();
    await sleep(1000);
  }
  await crowd.stop();
  // A load balancer that asks /readyz, as balancer.ts plays it, sends nobody to a closed door.
  const unanswered = stage.told.filter(({ status }) => status === 0 || status >= 500);
  expect(unanswered).toEqual([]);
  await expectNoViolation(stage, {
    suite: 'rolling',
    seed: SEED,
    faults: { 'SIGTERM api': 2, 'SIGTERM workers': 2 },
  });
});
