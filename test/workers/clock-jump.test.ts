/**
 * A fail-over may bring in a machine whose clock is another one: Redis' `TIME` then jumps. What was due
 * is done, what a dead worker had in hand is taken over, and nothing is written twice.
 */
import { expect, onTestFinished, test } from 'vitest';
import { createClock, type Clock } from '../../src/clock.ts';
import { readWorkerConfig } from '../../src/config.ts';
import { createChangeStore } from '../../src/store/changes.ts';
import { startWriting } from '../../src/domain/commit.ts';
import { startWorkers } from '../../workers/start-workers.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import {
  ask,
  claimOne,
  click,
  effectivePatches,
  invite,
  sealerOf,
  storeOf,
  untilDrained,
  untilMails,
  untilStatus,
} from './steps.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** A worker of a deployment whose Redis tells the time of another machine. */
async function startWorker(world: World, jump: { ms: number }, env: Record<string, string> = {}) {
  const clock: Clock = { ...createClock(), shiftMs: () => jump.ms };
  const logTo = { write: (line: string) => void world.logs.push(JSON.parse(line)) };
  const config = readWorkerConfig({ ...world.env, ...env });
  const running = await startWorkers(config, { clock, logTo, tickMs: 100 });
  onTestFinished(() => running.close());
  return clock;
}

test.each([-5000, -MINUTE, -HOUR])(
  'set back by %i ms, what was due is done at once and the leases of the dead end in time',
  async (ms) => {
    const world = await startWorld({ workers: false });
    const [dead, waiting] = [await ask(world, { email: 'dead@example.com' }), await ask(world)];
    const claim = (await claimOne(world, 'tenant', 'dead'))!;
    expect(claim.task).toBe(`${dead.id}:invite`);
    await startWorker(world, { ms });
    await untilMails(world, waiting, 2);
    const { due } = storeOf(world).keys;
    await eventually(async () => {
      const until = Number(await world.redis.zscore(due, claim.task)) - (Date.now() + ms);
      return until > 0 && until <= 25_000;
    }, 'the lease to be one of this time');
    // Nothing that is to come later comes now.
    const expiry = Number(await world.redis.zscore(due, `${waiting.id}:expire`));
    expect(expiry - Date.now()).toBeGreaterThan(50 * MINUTE);
  },
);

test('set back, and again, the outbox is brought along once for all workers', async () => {
  const world = await startWorld({ workers: false });
  const jump = { ms: 0 };
  const open = () =>
    createChangeStore(world.redis, sealerOf(world), world.prefix, {
      events: undefined,
      auditLength: 0,
      clock: { ...createClock(), shiftMs: () => jump.ms },
    });
  const [one, other] = [open(), open()];
  const { due } = one.keys;
  const inMs = async (task: string) => Number(await world.redis.zscore(due, task)) - Date.now();
  await one.file(-Infinity, 0, 10);
  const at = Date.now();
  await world.redis.zadd(
    due,
    at - 1000,
    'x:invite',
    at + 30_000,
    'y:commit',
    at + HOUR,
    'z:expire',
  );
  for (const ms of [-2000, -MINUTE, -HOUR / 2]) {
    jump.ms = ms;
    const { lanes } = await other.file(-Infinity, 0, 10);
    expect(lanes).toEqual(['tenant']);
    await one.file(-Infinity, 0, 10);
    // As far away as before, in the new time.
    expect(await inMs('y:commit')).toBeGreaterThan(ms + 20_000);
    expect(await inMs('y:commit')).toBeLessThanOrEqual(ms + 30_005);
  }
});

test('leapt ahead, a PATCH that may still land is waited for as if it had not', async () => {
  const world = await startWorld();
  const invited = await invite(world);
  await untilMails(world, invited, 2);
  await untilDrained(world);
  await world.workers!.close();
  await click(world, invited.link);
  await claimOne(world, 'write', 'dead');
  const patience = { TENANT_PATIENCE: '10s', TASK_LEASE: '5s' };
  await storeOf(world).decide(invited.id, (change) => startWriting(change, Date.now() + 14_500));
  const jump = { ms: 0 };
  const clock = await startWorker(world, jump, patience);
  await eventually(() => clock.skewMs() !== 0, 'the first look at the time');
  jump.ms = HOUR;
  await eventually(() => clock.leaptAgoMs() < MINUTE, 'the leap to be noticed');
  const leaptAt = Date.now() - clock.leaptAgoMs();
  await untilStatus(world, invited, 'committed', 40_000);
  // The lease of whoever sent it and the tenant's patience, from the moment of the leap.
  const [patch] = effectivePatches(world);
  expect(patch!.at - leaptAt).toBeGreaterThan(14_500);
  expect(effectivePatches(world)).toHaveLength(1);
}, 60_000);
