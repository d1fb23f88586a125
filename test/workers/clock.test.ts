/** Leases and due times are told by Redis' clock: a worker whose wall clock is wrong works like any other. */
import { expect, test } from 'vitest';
import { startProcess } from '../support/processes.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import {
  click,
  effectivePatches,
  invite,
  recordOf,
  startDeployment,
  untilStatus,
} from './steps.ts';

const startSkewed = (world: World, offMs: number) =>
  startProcess(
    'workers',
    {
      ...world.env,
      CLOCK_OFF_MS: String(offMs),
      NODE_OPTIONS: `--import ${new URL('../support/clock-off.mjs', import.meta.url).href}`,
    },
    'source',
  );

test.each([-120_000, -30_000, 30_000, 120_000])(
  'a worker whose clock is off by %i ms takes nothing from another, and writes nothing twice',
  async (offMs) => {
    const world = await startWorld();
    const invited = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        invite(world, { email: `u${i}@example.com`, to: `u${i}@example.org` }),
      ),
    );
    const skewed = await startSkewed(world, offMs);
    await skewed.untilReady();
    // The first PATCH is held up: whoever thinks that its lease is over would write again.
    world.tenant.faults.add({ kind: 'delay', ms: 3000, times: 1, match: { method: 'PATCH' } });
    await Promise.all(invited.map(({ link }) => click(world, link)));
    await Promise.all(invited.map((one) => untilStatus(world, one, 'committed')));
    for (const { sub } of invited) expect(effectivePatches(world, sub)).toHaveLength(1);
    const ready = (await (await fetch(`${skewed.url}/readyz`)).json()) as { clockSkewMs: number };
    expect(Math.abs(ready.clockSkewMs - offMs)).toBeLessThan(2000);
    const measures = await (await fetch(`${skewed.url}/metrics`)).text();
    const skew = Number(/^readdress_clock_skew_seconds (\S+)/m.exec(measures)?.[1]) * 1000;
    expect(Math.abs(skew - offMs)).toBeLessThan(2000);
  },
  30_000,
);

test.each([-120_000, 120_000])(
  'alone and off by %i ms, a worker is as quick as any, and writes Redis’ time into the record',
  async (offMs) => {
    const world = await startWorld({ workers: false });
    const skewed = await startSkewed(world, offMs);
    await skewed.untilReady();
    const invited = await invite(world);
    const clickedAt = Date.now();
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed', 3000);
    const { committedAt } = await recordOf(world, invited.id);
    expect(committedAt).toBeGreaterThan(clickedAt - 1000);
    expect(committedAt).toBeLessThan(Date.now() + 1000);
  },
  30_000,
);

test('what a killed worker with a wrong clock had in hand is taken over when its lease of Redis’ time ends', async () => {
  const world = await startWorld({ workers: false, env: { TASK_LEASE: '5s' } });
  const skewed = await startSkewed(world, 120_000);
  await skewed.untilReady();
  const invited = await invite(world);
  const held = world.tenant.faults.add({ kind: 'hang', match: { method: 'PATCH' } });
  await click(world, invited.link);
  await held.struck;
  skewed.child.kill('SIGKILL');
  const diedAt = Date.now();
  held.remove();
  await startDeployment(world, { TENANT_PATIENCE: '5s' });
  await eventually(
    () =>
      world.logs.some(({ event, task }) => String(event).startsWith('task.') && task === 'commit'),
    'the take-over',
    8000,
  );
  expect(Date.now() - diedAt).toBeLessThan(8000);
}, 30_000);
