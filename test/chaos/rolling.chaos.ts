/** A rolling restart under load: every process ends in order, and nobody notices. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { check } from './checker.ts';
import { createChance } from './random.ts';
import { startStage } from './stage.ts';
import { startCrowd } from './virtual-users.ts';

test('a rolling restart under load loses no request and no task', async () => {
  const stage = await startStage({ apis: 2, workers: 2, env: { SHUTDOWN_GRACE: '20s' } });
  await stage.ready();
  const crowd = startCrowd(stage, createChance(21), 30, 200);
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
  // A load balancer that asks /readyz, as stage.ts plays it, sends nobody to a closed door.
  const unanswered = stage.told.filter(({ status }) => status === 0 || status >= 500);
  expect(unanswered).toEqual([]);
  expect(await stage.quiet()).toBe(true);
  expect(check(await stage.history(), { mails: 0, tokens: 0 })).toEqual([]);
});
