/**
 * Many virtual users, a nemesis, and a checker. The seed is printed and makes the same decisions
 * again; how processes and packets interleave is the machine's own.
 *
 *   npm run test:chaos                                   the short run of CI
 *   CHAOS_SECONDS=1800 CHAOS_USERS=100 CHAOS_RUNS=1 …    a long one
 *   CHAOS_SEED=12345 …                                   that one again
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { check } from './checker.ts';
import { startNemesis } from './nemesis.ts';
import { createChance } from './random.ts';
import { startStage } from './stage.ts';
import { startCrowd } from './virtual-users.ts';

const setting = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);
const SECONDS = setting('CHAOS_SECONDS', 45);
const USERS = setting('CHAOS_USERS', 30);
const RUNS = setting('CHAOS_RUNS', 1);
const SEED = setting('CHAOS_SEED', 20_261_122);

describe.each(Array.from({ length: RUNS }, (_, i) => SEED + i))('seed %i', (seed) => {
  test('nothing acknowledged is lost, whatever happens', async () => {
    const chance = createChance(seed);
    process.stderr.write(`chaos: seed ${seed}, ${SECONDS} s, ${USERS} users\n`);
    const stage = await startStage({
      apis: 2,
      workers: 3,
      env: { TASK_LEASE: '5s', CONFIRMATION: chance.fork(1).pick(['new', 'both']) },
    });
    await stage.ready();
    const crowd = startCrowd(stage, chance.fork(2), USERS, 700);
    const nemesis = startNemesis(stage, chance.fork(3), 400);
    await sleep(SECONDS * 1000);
    await nemesis.heal();
    await crowd.stop();
    await stage.ready();
    const quiet = await stage.quiet();
    const history = await stage.history(nemesis.faults);
    const violations = check(history, nemesis.leeway);

    const tally = (words: readonly string[]) =>
      Object.fromEntries(
        [...new Set(words)].map((word) => [word, words.filter((each) => each === word).length]),
      );
    const report = {
      seed,
      seconds: SECONDS,
      users: USERS,
      faults: Object.fromEntries([...nemesis.faults].toSorted((a, b) => a[0].localeCompare(b[0]))),
      injected: [...nemesis.faults.values()].reduce((sum, count) => sum + count, 0),
      ends: Object.fromEntries(stage.fleet.ends),
      calls: history.told.length,
      answers: tally(history.told.map(({ status }) => String(status))),
      changes: tally(history.end.records.map(({ status }) => status)),
      reasons: tally(history.end.records.flatMap(({ reason }) => reason ?? [])),
      patches: history.patches.length,
      mails: history.mails.length,
      repeatedMails: history.mails.length - new Set(history.mails.map(({ id }) => id)).size,
      // Given up after two ends in doubt, and neither attempt had arrived.
      lostMails: history.end.records.flatMap(({ id, mails }) =>
        Object.entries(mails).filter(
          ([name, state]) =>
            state === 'doubt' && !history.mails.some((mail) => mail.id === `${id}.${name}`),
        ),
      ).length,
      tokens: history.tokens,
      events: Object.fromEntries(
        [...stage.fleet.events].toSorted((a, b) => a[0].localeCompare(b[0])),
      ),
      violations,
    };
    mkdirSync('.reports', { recursive: true });
    writeFileSync(`.reports/chaos-${seed}.json`, JSON.stringify(report, undefined, 2));
    process.stderr.write(`${JSON.stringify(report, undefined, 1)}\n`);
    expect(violations).toEqual([]);
    expect(quiet).toBe(true);
  });
});
