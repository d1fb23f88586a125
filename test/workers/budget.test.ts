import { describe, expect, test } from 'vitest';
import type { Call } from '../../demo/tenant/calls.ts';
import { pauseMs } from '../../workers/auth0/tenant-budget.ts';
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
    const { world, clicked } = await backlog(20);
    const asked = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        ask(world, { email: `i${i}@example.com`, to: `i${i}@example.org` }),
      ),
    );
    await Promise.all(clicked.map(({ link }) => click(world, link)));
    await work(world, clicked, 20);
    await Promise.all(asked.map((one) => untilMails(world, one, 2)));
    const calls = managementCalls(world).slice(20);
    expect(calls).toHaveLength(20 * 2 + 40);

    // The bucket holds one second's worth, which may come on top once.
    expect(busiestSecond(calls)).toBeLessThanOrEqual(20 + 20);
    const lastWrite = calls.findLastIndex(({ method }) => method === 'PATCH');
    const seconds = (calls[lastWrite]!.at - calls[0]!.at) / 1000;
    const perSecond = (lastWrite + 1 - 20) / seconds;
    expect(perSecond).toBeGreaterThan(0.9 * 20);
    expect(perSecond).toBeLessThan(1.1 * 20);
    // Some invitations were under way before the first commit was seen; the others waited.
    expect(lastWrite).toBeLessThan(60);
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

  test('leave to the others of the tenant what the tenant says is left', async () => {
    const { world, clicked } = await backlog(4);
    await Promise.all(clicked.map(({ link }) => click(world, link)));
    // Somebody else has just used up all but two calls of the second.
    world.tenant.faults.add({
      kind: 'status',
      status: 503,
      body: 'upstream',
      headers: { 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '0' },
      match: { method: 'GET' },
      times: 1,
    });
    const calls = await work(world, clicked, 4);
    const [first] = calls.filter(({ status }) => status === 503);
    const soon = calls.filter(({ at }) => at > first!.at + 20 && at < first!.at + 240);
    expect(soon).toEqual([]);
  });
});

describe('how long a 429 asks to wait', () => {
  const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);
  const wait = (headers: Record<string, string>) => pauseMs(new Headers(headers), NOW);
  const seconds = NOW / 1000;
  test.each<[string, Record<string, string>, number]>([
    ['until the reset', { 'x-ratelimit-reset': String(seconds + 3) }, 3000],
    [
      "until the reset, by the tenant's own clock where it shows it",
      {
        'x-ratelimit-reset': String(seconds + 3600 + 3),
        date: new Date(NOW + 3_600_000).toUTCString(),
      },
      3000,
    ],
    ['Retry-After, where there is one', { 'retry-after': '7', 'x-ratelimit-reset': '1' }, 7000],
    ['a moment, when the reset is past', { 'x-ratelimit-reset': String(seconds - 100) }, 250],
    ['a minute at most', { 'x-ratelimit-reset': String(seconds + 99_999) }, 60_000],
    ['a second, when it does not say', {}, 1000],
    ['a second, when it says nonsense', { 'x-ratelimit-reset': 'soon', 'retry-after': 'x' }, 1000],
    [
      'a second, when Retry-After is a date we do not read',
      { 'retry-after': new Date(NOW).toUTCString() },
      1000,
    ],
  ])('%s', (_, headers, ms) => {
    expect(wait(headers)).toBe(ms);
  });
});
