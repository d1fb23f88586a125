import { describe, expect, test } from 'vitest';
import type { Call } from '../../stand-ins/tenant/calls.ts';
import { startWorld, type World } from '../support/world.ts';
import {
  ask,
  click,
  invite,
  managementCalls,
  startDeployment,
  untilMails,
  untilStatus,
  type Invited,
} from './steps.ts';

/** A world in which `clicks` users have clicked and nobody is at work; its tenant has no limit yet. */
async function backlog(clicks: number): Promise<{ world: World; clicked: Invited[] }> {
  const world = await startWorld({
    workers: false,
    tenant: { rateLimit: { burst: 10_000, perSecond: 10_000 } },
    env: { AUTH0_RATE: '1000' },
  });
  const workers = await startDeployment(world);
  const clicked = await Promise.all(
    Array.from({ length: clicks }, (_, i) =>
      invite(world, { email: `c${i}@example.com`, to: `c${i}@example.org` }),
    ),
  );
  await Promise.all(clicked.map((one) => untilMails(world, one, 2)));
  await workers.close();
  return { world, clicked };
}

/** Three worker processes take up the work at this rate; the calls that it takes. */
async function work(world: World, clicked: Invited[], rate: number): Promise<Call[]> {
  const before = managementCalls(world).length;
  await world.redis.del(`${world.prefix}:budget`);
  const env = { AUTH0_RATE: String(rate) };
  await Promise.all(Array.from({ length: 3 }, () => startDeployment(world, env)));
  await Promise.all(clicked.map((one) => untilStatus(world, one, 'committed', 18_000)));
  return managementCalls(world).slice(before);
}

const statuses = (calls: Call[]) => new Set(calls.map(({ status }) => status));

/** The most calls that fell into any second. */
const busiestSecond = (calls: Call[]): number =>
  Math.max(...calls.map(({ at }) => calls.filter((c) => c.at >= at && c.at < at + 1000).length));

describe('three worker processes', () => {
  test('never call more often than AUTH0_RATE allows, use nearly all of it, and commit before they invite', async () => {
    const { world, clicked } = await backlog(15);
    const asked = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ask(world, { email: `i${i}@example.com`, to: `i${i}@example.org` }),
      ),
    );
    await Promise.all(clicked.map(({ link }) => click(world, link)));
    await work(world, clicked, 10);
    await Promise.all(asked.map((one) => untilMails(world, one, 2)));
    const calls = managementCalls(world).slice(15);
    expect(calls).toHaveLength(15 * 2 + 20);

    // The bucket holds one second's worth, which may come on top once.
    expect(busiestSecond(calls)).toBeLessThanOrEqual(10 + 10);
    const lastWrite = calls.findLastIndex(({ method }) => method === 'PATCH');
    const seconds = (calls[lastWrite]!.at - calls[0]!.at) / 1000;
    const perSecond = (lastWrite + 1 - 10) / seconds;
    expect(perSecond).toBeGreaterThan(0.9 * 10);
    expect(perSecond).toBeLessThan(1.1 * 10);
    // Some invitations were under way before the first commit was seen; the others waited.
    expect(lastWrite).toBeLessThan(45);
  });

  test('at the limit of a free tenant provoke no 429, and make not one call too many', async () => {
    const { world, clicked } = await backlog(5);
    await Promise.all(clicked.map(({ link }) => click(world, link)));
    world.tenant.rateLimit.set({ burst: 2, perSecond: 2 });
    const calls = await work(world, clicked, 2);
    expect(statuses(calls)).toEqual(new Set([200]));
    expect(calls.map(({ method }) => method).toSorted()).toEqual([
      ...Array<string>(5).fill('GET'),
      ...Array<string>(5).fill('PATCH'),
    ]);
    expect(busiestSecond(calls)).toBeLessThanOrEqual(4);
  });

  test('told a rate four times too high, meet about one 429 each time the tenant says stop, and get there', async () => {
    const { world, clicked } = await backlog(8);
    await Promise.all(clicked.map(({ link }) => click(world, link)));
    world.tenant.rateLimit.set({ burst: 5, perSecond: 5 });
    const calls = await work(world, clicked, 20);
    const refused = calls.filter(({ status }) => status === 429);
    // Those that were under way together when it said so first, and then one by one.
    const firstStop = refused[0]!.at;
    const later = refused.filter(({ at }) => at > firstStop + 500);
    expect(later.length).toBeLessThanOrEqual(6);
    expect(calls.length).toBeLessThan(50);
  });
});
