/** A wrong clock, another build, an older file, and somebody else's hands in Redis. */
import { setTimeout as sleep } from 'node:timers/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { eventually } from '../support/world.ts';
import { SEED } from './plan.ts';
import { createChance } from './random.ts';
import { PREFIX, startStage } from './stage.ts';
import { ended, pressed, requested } from './steps.ts';
import { expectNoViolation } from './verdict.ts';
import { startCrowd } from './virtual-users.ts';

const CLOCK_OFF = pathToFileURL(resolve(import.meta.dirname, '../support/clock-off.mjs')).href;

test.each([-120_000, -30_000, 30_000, 120_000])(
  'one worker’s wall clock is off by %i ms, under load, with workers that die: nothing is written twice',
  async (offMs) => {
    const stage = await startStage({ apis: 2, workers: 2, env: { TASK_LEASE: '5s' } });
    await stage.ready();
    const [skewed, right] = stage.fleet.of('workers');
    skewed!.env = { NODE_OPTIONS: `--import ${CLOCK_OFF}`, CLOCK_OFF_MS: String(offMs) };
    skewed!.signal('SIGKILL');
    await skewed!.ended();
    await skewed!.untilReady();
    const crowd = startCrowd(stage, createChance(SEED + offMs), 30, 150);
    for (let kills = 0; kills < 4; kills += 1) {
      await sleep(4000);
      (kills % 2 === 0 ? right : skewed)!.signal('SIGKILL');
    }
    await sleep(3000);
    await crowd.stop();
    await expectNoViolation(stage, {
      suite: 'other-hands',
      seed: SEED + offMs,
      faults: { 'a clock moved': 1, 'SIGKILL workers': 5 },
      leeway: { mails: 60, tokens: 5 },
    });
  },
);

test('a newer build beside this one, with a record and a task of its own: nothing is parked, and every click ends', async () => {
  const stage = await startStage({ workers: 2 });
  await stage.ready();
  const asked = [];
  for (let i = 0; i < 5; i += 1) {
    const user = stage.addUser();
    asked.push({ user, ...(await requested(stage, user, `u${i}.1@new.example`)) });
  }
  await stage.quiet();
  // The newer build has written these: in a shape and with a task that this one does not know.
  const keys = asked.map(({ change }) => `${PREFIX}:change:${change}`);
  const stored = await Promise.all(keys.map(async (key) => (await stage.redis.get(key))!));
  for (const [i, key] of keys.entries())
    await stage.redis.set(key, stored[i]!.replace(/^(\d+) 1 /, '$1 2 '));
  const members = asked.flatMap(({ change }) => [`${change}:commit`, `${change}:juggle`]);
  await stage.redis.zadd(`${PREFIX}:due`, ...members.flatMap((each) => [Date.now(), each]));
  for (let tries = 0; tries < 6; tries += 1) {
    await sleep(1500);
    await stage.hurry();
  }
  expect(stage.fleet.events.get('task.given_back') ?? 0).toBeGreaterThan(members.length);
  expect(await stage.redis.zcard(`${PREFIX}:parked`)).toBe(0);
  // It does its own task, and this one reads its records again after a roll-back.
  for (const [i, key] of keys.entries()) await stage.redis.set(key, stored[i]!);
  const juggles = asked.map(({ change }) => `${change}:juggle`);
  await stage.redis.zrem(`${PREFIX}:due`, ...juggles);
  await stage.redis.hdel(`${PREFIX}:leases`, ...juggles);
  for (const { user, link } of asked) await pressed(stage, user, link);
  await ended(stage, 30_000);
  await expectNoViolation(stage, {
    suite: 'other-hands',
    faults: { 'records of a newer build': 5, 'tasks of a newer build': 5 },
  });
});

test('an older append-only file is put back under load: what was withdrawn, canceled or undone since is not written', async () => {
  const stage = await startStage({ apis: 2, workers: 2, env: { TASK_LEASE: '5s' } });
  await stage.ready();
  const asked = [];
  for (let i = 0; i < 12; i += 1) {
    const user = stage.addUser();
    asked.push({ user, ...(await requested(stage, user, `u${i}.1@new.example`)) });
  }
  await stage.quiet();
  // A third has clicked, and the tenant cannot be reached.
  const away = stage.tenant.faults.add({
    kind: 'status',
    status: 503,
    match: { path: '/api/v2/' },
  });
  for (const { user, link } of asked.slice(0, 4)) await pressed(stage, user, link);
  await away.struck;
  const from = Date.now();
  const putBack = stage.backUpRedis();
  away.remove();
  await eventually(() => stage.tenant.patches().length >= 4, 'the commits', 30_000);
  await stage.quiet();
  for (const { user } of asked.slice(0, 4)) {
    const undo = await eventually(
      () => stage.linksOf(user, 'undo').at(-1),
      'the undo link',
      20_000,
    );
    await pressed(stage, user, undo);
  }
  for (const { user, change } of asked.slice(4, 8)) await stage.act(user, 'withdraw', { change });
  for (const { user } of asked.slice(8))
    await pressed(stage, user, stage.linksOf(user, 'cancel').at(-1)!);
  await eventually(() => stage.tenant.patches().length >= 8, 'the undos', 30_000);
  await stage.quiet();
  await stage.restartRedis('SIGKILL', 500, putBack);
  const at = Date.now();
  await eventually(() => (stage.fleet.events.get('store.lost_writes') ?? 0) > 0, 'the notice');
  for (const { user, link } of asked) await pressed(stage, user, link);
  await ended(stage, 60_000);
  const history = await expectNoViolation(stage, {
    suite: 'other-hands',
    faults: { 'an older file put back': 1 },
    leeway: { mails: 40, tokens: 3 },
    restored: { at, from },
  });
  expect(history.patches.filter((patch) => patch.at > at)).toEqual([]);
});
