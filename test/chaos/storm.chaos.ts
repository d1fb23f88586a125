/** Many virtual users, a nemesis, and a checker. `plan.ts` says how to make it long, or to see it again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'vitest';
import { startNemesis } from './nemesis.ts';
import { RUNS, SECONDS, SEED, USERS } from './plan.ts';
import { createChance } from './random.ts';
import { startStage } from './stage.ts';
import { expectNoViolation } from './verdict.ts';
import { startCrowd } from './virtual-users.ts';

/** Mending, and the end of all that was begun, take their time too. */
const TIMEOUT_MS = (SECONDS + 600) * 1000;

describe.each(Array.from({ length: RUNS }, (_, i) => SEED + i))('seed %i', (seed) => {
  test(
    'nothing acknowledged is lost, whatever happens',
    { tags: ['short'], timeout: TIMEOUT_MS },
    async () => {
      const chance = createChance(seed);
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
      await expectNoViolation(stage, {
        suite: 'storm',
        seed,
        faults: Object.fromEntries(nemesis.faults),
        leeway: nemesis.leeway,
      });
    },
  );
});
