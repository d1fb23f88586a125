import { expect, test } from 'vitest';
import { agree } from '../../src/domain/agree.ts';
import { recorded } from '../../src/domain/email-change.ts';
import { StaleClaim } from '../../src/store/changes.ts';
import type { Claim } from '../../src/store/outbox.ts';
import { startWorld } from '../support/world.ts';
import { ask, claimOne, startDeployment, storeOf, untilStatus } from '../workers/steps.ts';

test('a task that becomes due again while a worker is at it does not end with that worker', async () => {
  const world = await startWorld({ workers: false });
  const asked = await ask(world);
  const first = await startDeployment(world);
  await world.inbox.waitFor({ to: asked.to });
  await first.close();
  // A replayed commit of a change that nobody has confirmed; then, in the middle of it, the click.
  await world.redis.zadd(`${world.prefix}:due`, world.now(), `${asked.id}:commit`);
  await storeOf(world).file(-Infinity, 0, 10);
  const claim = (await claimOne(world, 'write', 'replayed'))!;
  await storeOf(world).decide(asked.id, (change) => agree(change, 'new', world.now()));
  await storeOf(world).release({ ...claim, fate: 'done' });
  expect(await world.redis.hexists(`${world.prefix}:leases`, claim.task)).toBe(0);
  await startDeployment(world);
  await untilStatus(world, asked, 'committed');
});

test('a lease from before a fail-over is not taken for one from after it, though its epoch was lost', async () => {
  const world = await startWorld({ workers: false });
  const asked = await ask(world);
  const before = (await claimOne(world, 'tenant', 'before'))!;
  // What the new master never heard of: the lease and its epoch.
  await world.redis.del(`${world.prefix}:epoch`, `${world.prefix}:leases`);
  await world.redis.zadd(`${world.prefix}:due`, world.now(), before.task);
  world.pass(1000);
  await storeOf(world).file(-Infinity, 0, 10);
  const after = (await claimOne(world, 'tenant', 'after'))!;
  expect(Number(after.epoch)).toBeGreaterThan(Number(before.epoch));
  const settle = (claim: Claim) =>
    storeOf(world).decide(asked.id, recorded, { claim: { ...claim, fate: 'done' } });
  await expect(settle(before)).rejects.toThrow(StaleClaim);
  await settle(after);
});
