import { describe, expect, test } from 'vitest';
import { eventually, startWorld } from '../support/world.ts';
import {
  callsAbout,
  click,
  effectivePatches,
  invite,
  managementCalls,
  OLD,
  recordOf,
  startDeployment,
  untilDrained,
  untilStatus,
} from './steps.ts';

describe('a tenant in trouble', () => {
  test('after a 429 nobody calls until the reset, and no attempt is lost', async () => {
    const world = await startWorld();
    await startDeployment(world);
    const users = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) =>
        invite(world, { email: `${name}@example.com`, to: `${name}@example.org` }),
      ),
    );
    const reset = Math.ceil(Date.now() / 1000) + 1;
    world.tenant.faults.add({
      kind: 'status',
      status: 429,
      body: { statusCode: 429, error: 'Too Many Requests', errorCode: 'too_many_requests' },
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) },
      match: { method: 'GET' },
      times: 1,
    });
    await click(world, users[0]!.link);
    const refused = await world.tenant.waitFor(({ status }) => status === 429);
    await eventually(() => world.redis.hget(`${world.prefix}:budget`, 'closed').then(Boolean));
    const before = managementCalls(world).length;
    await Promise.all(users.slice(1).map(({ link }) => click(world, link)));

    await Promise.all(users.map((user) => untilStatus(world, user, 'committed')));
    await untilDrained(world);
    const later = managementCalls(world).slice(before);
    expect(refused.at).toBeLessThan(reset * 1000);
    expect(Math.min(...later.map(({ at }) => at))).toBeGreaterThanOrEqual(reset * 1000);
    expect(managementCalls(world).filter(({ status }) => status === 429)).toHaveLength(1);
    const commits = world.logs.filter(
      ({ task, outcome }) => task === 'commit' && outcome !== 'pause',
    );
    expect(commits.map(({ event, attempt }) => [event, attempt])).toEqual(
      users.map(() => ['task.done', 1]),
    );
  });

  test('a tenant that is down for a while is asked ever less often, and the click is not lost', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const down = world.tenant.faults.add({
      kind: 'status',
      status: 503,
      body: 'upstream',
      match: { path: '/api/v2/' },
    });
    await click(world, invited.link);
    await eventually(() => down.hits >= 2);
    expect(await untilStatus(world, invited, 'confirmed')).toHaveProperty('confirmedAt');
    const laters = world.logs.filter(({ event }) => event === 'task.later');
    expect(laters.map(({ attempt, level }) => [attempt, level])).toEqual(
      [
        [1, 'info'],
        [2, 'info'],
      ].slice(0, laters.length),
    );
    down.remove();
    await untilStatus(world, invited, 'committed');
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('a tenant that answers nothing but 429 for ten minutes is an alarm for the operator, once in ten minutes', async () => {
    const world = await startWorld();
    const alarms = () => world.logs.filter(({ event }) => event === 'tenant.unwell');
    const invited = await invite(world);
    const ill = world.tenant.faults.add({
      kind: 'status',
      status: 429,
      headers: { 'retry-after': '0' },
      match: { path: '/api/v2/' },
    });
    await click(world, invited.link);
    const asked = async () => {
      const { hits } = ill;
      // Whatever was put off after the last refusal, also if that is written down only now.
      world.pass(60_000);
      await eventually(() => {
        world.pass(500);
        return ill.hits > hits;
      });
    };
    await eventually(() => ill.hits > 0);
    await asked();
    expect(alarms()).toEqual([]);
    world.pass(480_000);
    await asked();
    await asked();
    await asked();
    expect(alarms()).toMatchObject([{ level: 'error', why: 'tenant: busy (429)' }]);
    ill.remove();
    await untilStatus(world, invited, 'committed');
  });

  test('a 401 drops the token, fetches one new token, and the call is made again at once', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    world.tenant.expireManagementTokens();
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(callsAbout(world, invited.sub)).toEqual(['GET 200', 'GET 401', 'GET 200', 'PATCH 200']);
    expect(world.tenant.tokenRequests()).toHaveLength(2);
    expect(world.logs.filter(({ event }) => event === 'task.later')).toEqual([]);
  });

  test('a 401 at the PATCH itself is known not to have written: once more, with a new token', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const body = { statusCode: 401, error: 'Unauthorized', message: 'Expired token' };
    const match = { method: 'PATCH' };
    world.tenant.faults.add({ kind: 'status', status: 401, body, match, times: 1 });
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(callsAbout(world, invited.sub)).toEqual([
      'GET 200',
      'GET 200',
      'PATCH 401',
      'PATCH 200',
    ]);
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test.each([
    ['401 for ever', { statusCode: 401, error: 'Unauthorized', message: 'Bad audience' }],
    ['403', { statusCode: 403, error: 'Forbidden', errorCode: 'insufficient_scope' }],
  ])('%s is an alarm for the operator and a slow knock, not a lost click', async (_, body) => {
    const world = await startWorld();
    const invited = await invite(world);
    const match = { path: '/api/v2/' };
    const refusing = world.tenant.faults.add({
      kind: 'status',
      status: body.statusCode,
      body,
      match,
    });
    await click(world, invited.link);
    const alarm = await eventually(() => world.logs.find(({ event }) => event === 'task.later'));
    expect(alarm).toMatchObject({
      level: 'error',
      task: 'commit',
      why: `tenant: configuration (${body.statusCode})`,
    });
    const { hits } = refusing;
    refusing.remove();
    expect(hits).toBeLessThanOrEqual(2);
    expect((await recordOf(world, invited.id)).status).toBe('confirmed');
    world.pass(61_000);
    await untilStatus(world, invited, 'committed');
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('a page of some proxy that says 404 or 400 is not the word of Auth0', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const { faults } = world.tenant;
    faults.add({
      kind: 'status',
      status: 404,
      body: 'no such app',
      match: { method: 'GET' },
      times: 1,
    });
    faults.add({
      kind: 'status',
      status: 400,
      body: 'bad gateway',
      match: { method: 'PATCH' },
      times: 1,
    });
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('an account that is no account as we know them is asked for again', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const body = { user_id: invited.sub, email: OLD, identities: [null, 7, 'x'] };
    world.tenant.faults.add({
      kind: 'status',
      status: 200,
      body,
      match: { method: 'GET' },
      times: 1,
    });
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(world.logs.filter(({ event }) => event === 'task.failed')).toEqual([]);
  });
});
