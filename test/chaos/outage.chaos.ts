/** Ten minutes without the tenant, compressed: five hundred people click all the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startStage } from './stage.ts';
import { ended, pressed, requested } from './steps.ts';
import { expectNoViolation } from './verdict.ts';

const CLICKS = 500;
const RATE = 40;
const OUTAGE_MS = 15_000;

test('500 clicks while the tenant is down are all committed afterwards, within its budget', async () => {
  const stage = await startStage({ apis: 2, workers: 2, rate: RATE });
  await stage.ready();
  const users = Array.from({ length: CLICKS }, () => stage.addUser());
  const links: Awaited<ReturnType<typeof requested>>[] = [];
  for (let i = 0; i < CLICKS; i += 50)
    links.push(
      ...(await Promise.all(
        users.slice(i, i + 50).map((user, j) => requested(stage, user, `u${i + j}.1@new.example`)),
      )),
    );
  expect(await stage.quiet()).toBe(true);

  const down = stage.tenant.faults.add({ kind: 'status', status: 503, match: { path: '/api/v2' } });
  const clickedAt = Date.now();
  await Promise.all(users.map((user, i) => pressed(stage, user, links[i]!.link)));
  await sleep(Math.max(0, OUTAGE_MS - (Date.now() - clickedAt)));
  const knocks = down.hits;
  down.remove();
  const backAt = Date.now();
  await ended(stage, 240_000);
  const tookS = (Date.now() - backAt) / 1000;

  const after = stage.tenant.calls.filter(({ at }) => at >= backAt);
  const refused = stage.tenant.calls.filter(({ status, fault }) => status === 429 && !fault);
  process.stderr.write(
    `outage: ${knocks} knocks in ${OUTAGE_MS / 1000} s, ${CLICKS} committed in ${tookS.toFixed(1)} s, ` +
      `${after.length} calls (${(after.length / tookS).toFixed(1)}/s of ${RATE}), ${refused.length} × 429\n`,
  );
  expect(refused.length).toBeLessThanOrEqual(1);
  // The budget is kept while nobody answers, too.
  expect(knocks).toBeLessThanOrEqual((OUTAGE_MS / 1000) * RATE + RATE);
  const history = await expectNoViolation(stage, {
    suite: 'outage',
    faults: { 'tenant status 503': knocks },
  });
  expect(history.end.records.filter(({ status }) => status === 'committed')).toHaveLength(CLICKS);
});
