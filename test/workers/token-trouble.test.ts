import { describe, expect, test } from 'vitest';
import type { FaultAction } from '../../stand-ins/tenant/faults.ts';
import type { TenantOptions } from '../../stand-ins/tenant/options.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { ask, click, commit, invite, startDeployment, untilMails, untilStatus } from './steps.ts';

/** A tenant and a budget that are in nobody's way. */
const wide = (tenant: TenantOptions = {}) => ({
  tenant: { rateLimit: { burst: 10_000, perSecond: 10_000 }, ...tenant },
  env: { AUTH0_RATE: '1000' },
});

const people = (world: World, name: string, count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      invite(world, { email: `${name}${i}@example.com`, to: `${name}${i}@example.org` }),
    ),
  );

const clickAll = async (world: World, all: Awaited<ReturnType<typeof people>>) => {
  await Promise.all(all.map(({ link }) => click(world, link)));
  await Promise.all(all.map((one) => untilStatus(world, one, 'committed')));
};

describe('a token endpoint in trouble', () => {
  /** Eight requests meet two worker processes and this fault, which mends itself in time. */
  async function trouble(fault: FaultAction, times: number) {
    const world = await startWorld(wide());
    await startDeployment(world);
    // The token of their start is worth nothing any more: the trouble begins with the first task.
    await eventually(() => world.logs.some(({ event }) => event === 'management_token.fetched'));
    world.tenant.faults.add({ ...fault, times, match: { path: '/oauth/token' } });
    world.tenant.expireManagementTokens();
    const names = Array.from({ length: 8 }, (_, i) => `u${i}`);
    const asked = await Promise.all(
      names.map((name) => ask(world, { email: `${name}@example.com`, to: `${name}@example.org` })),
    );
    await eventually(() => world.logs.some(({ event }) => event === 'task.later'), 'the trouble');
    // All of them may have met it together; here is one who comes after.
    asked.push(await ask(world, { email: 'late@example.com', to: 'late@example.org' }));
    await eventually(() => world.tenant.tokenRequests().length === times + 2, 'a token');
    world.pass(61_000);
    await Promise.all(asked.map((one) => untilMails(world, one, 2)));
    const at = world.tenant
      .tokenRequests()
      .slice(1)
      .map((request) => request.at);
    const laters = world.logs.filter(({ event }) => event === 'task.later');
    return {
      requests: at.length,
      closest: Math.min(...at.slice(1).map((time, i) => time - at[i]!)),
      alarms: laters.filter(({ level }) => level === 'error').length,
    };
  }

  test('is asked once a second by the whole deployment, and no request is lost', async () => {
    const faults: FaultAction[] = [
      { kind: 'reset' },
      { kind: 'status', status: 503, body: 'upstream' },
      { kind: 'html200' },
      { kind: 'redirect' },
    ];
    for (const seen of await Promise.all(faults.map((fault) => trouble(fault, 2)))) {
      expect(seen).toMatchObject({ requests: 3, alarms: 0 });
      expect(seen.closest).toBeGreaterThan(950);
    }
  });

  test('that refuses our credentials is an alarm for the operator, and is left alone for longer', async () => {
    const body = { error: 'access_denied' };
    const refusals = [401, 403].map((status) => trouble({ kind: 'status', status, body }, 1));
    for (const seen of await Promise.all(refusals)) {
      expect(seen.requests).toBe(2);
      expect(seen.alarms).toBeGreaterThanOrEqual(1);
      expect(seen.closest).toBeGreaterThan(4900);
    }
  });

  test('that says until when it wants to be left alone is left alone until then, by all processes', async () => {
    const headers = { 'retry-after': '3' };
    const body = { error: 'too_many_requests', error_description: 'Client quota exceeded' };
    const faults = [429, 503].map((status) =>
      trouble({ kind: 'status', status, body, headers }, 1),
    );
    for (const seen of await Promise.all(faults)) {
      expect(seen.requests).toBe(2);
      expect(seen.closest).toBeGreaterThan(2900);
    }
  });

  test('that is away for ten minutes is an alarm for the operator', async () => {
    const world = await startWorld({ workers: false });
    const away = world.tenant.faults.add({ kind: 'reset', match: { path: '/oauth/token' } });
    await startDeployment(world);
    const asked = await ask(world);
    // Written down, not only met: else the outage would begin after the time that passes.
    await eventually(() => world.logs.some(({ event }) => event === 'task.later'));
    expect(away.hits).toBeGreaterThan(0);
    world.pass(600_000);
    await eventually(() => world.logs.some(({ event }) => event === 'tenant.unwell'));
    away.remove();
    world.pass(60_000);
    await untilMails(world, asked, 2);
    expect(world.logs.filter(({ event }) => event === 'tenant.unwell')).toMatchObject([
      { level: 'error', why: 'tenant: away' },
    ]);
  });

  test('a slow one is waited for by all, and asked once', async () => {
    const world = await startWorld(wide());
    await startDeployment(world);
    world.tenant.faults.add({ kind: 'delay', ms: 1000, match: { path: '/oauth/token' } });
    await people(world, 'a', 12);
    expect(world.tenant.tokenRequests()).toHaveLength(1);
    expect(world.logs.filter(({ event }) => event === 'task.later')).toEqual([]);
  });

  test('when renewing fails, the old token does until its end', async () => {
    const world = await startWorld(wide({ managementTokenTtlSeconds: 600 }));
    const invited = await people(world, 'a', 15);
    const match = { path: '/oauth/token' };
    const broken = world.tenant.faults.add({ kind: 'status', status: 503, body: 'x', match });
    world.pass(541_000);
    await clickAll(world, invited);
    expect(broken.hits).toBeGreaterThan(0);
    expect(broken.hits).toBeLessThanOrEqual(3);
    broken.remove();
    await eventually(
      async () => (await world.redis.exists(`${world.prefix}:management-token:lock`)) === 0,
    );
    await commit(world);
    expect(world.tenant.tokenRequests().at(-1)?.status).toBe(200);
  });
});
