/** Who counts as one client, and how exactly. */
import { describe, expect, test } from 'vitest';
import { expectProblem } from '../support/wire.ts';
import { startWorld, type Answer, type World } from '../support/world.ts';

/** A call that is refused anyway, after it was counted. */
const knock = (world: World, from?: string): Promise<Answer> =>
  world.call('POST', '/v1/email-changes', {
    body: {},
    ...(from === undefined ? {} : { headers: { 'x-forwarded-for': from } }),
  });
const guess = (world: World): Promise<Answer> =>
  world.call('POST', '/v1/confirm', { body: { token: 'x' } });

describe('a hundred calls at once', () => {
  test.each([
    ['LIMIT_IP', 'ip', 'missing-token', knock],
    ['LIMIT_LINK', 'link', 'invalid-link', guess],
  ] as const)(
    'are counted exactly by %s, and each is told its own place',
    async (limit, policy, code, call) => {
      const world = await startWorld({ workers: false, env: { [limit]: '40/1m' } });
      const answers = await Promise.all(Array.from({ length: 100 }, () => call(world)));
      const told = answers.map(({ status, headers }) => {
        const [, r, t] = /^"\w+";r=(\d+);t=(\d+)$/.exec(headers.get('ratelimit') ?? '') ?? [];
        expect(headers.get('ratelimit-policy')).toBe(`"${policy}";q=40;w=60`);
        expect(Number(t)).toBeGreaterThan(30);
        expect(Number(t)).toBeLessThanOrEqual(60);
        // Never earlier than RateLimit says.
        expect(Number(headers.get('retry-after') ?? 60)).toBeGreaterThanOrEqual(Number(t));
        return { status, left: Number(r) };
      });
      const taken = told.filter(({ status }) => status !== 429).map(({ left }) => left);
      expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, r) => r));
      const refused = told.filter(({ status }) => status === 429);
      expect([refused.length, ...new Set(refused.map(({ left }) => left))]).toEqual([60, 0]);
      for (const answer of answers)
        expectProblem(answer, answer.status === 429 ? 'too-many-requests' : code);
    },
  );
});

test('pages are limited per client too, on a count of their own, and say so in words', async () => {
  const world = await startWorld({ workers: false, env: { LIMIT_IP: '4/1m' } });
  const accept = { accept: 'text/html' };
  for (const path of ['/confirm', '/undo', '/result?receipt=x', '/problems', '/'])
    await world.call('GET', path, { headers: accept });
  for (const path of ['/confirm', '/result?receipt=x', '/']) {
    const { status, headers, text } = await world.call('GET', path, { headers: accept });
    expect([status, headers.get('content-type')], path).toEqual([429, 'text/html; charset=utf-8']);
    expect(headers.get('retry-after'), path).toMatch(/^\d+$/);
    expect(text).toContain('Please wait a minute');
  }
  expectProblem(await knock(world), 'missing-token');
  expectProblem(await guess(world), 'invalid-link');
});

test('a client of IPv6 is its /64: another address of it is no way round a limit, the next /64 is somebody else', async () => {
  const world = await startWorld({
    workers: false,
    env: { LIMIT_IP: '2/1m', TRUST_PROXY: 'loopback' },
  });
  expectProblem(await knock(world, '2001:db8:1:2::1'), 'missing-token');
  expectProblem(await knock(world, '2001:db8:1:2:ffff:abcd::9'), 'missing-token');
  for (const same of [
    '2001:db8:1:2::1',
    '2001:db8:1:2:1:2:3:4',
    '2001:0DB8:0001:0002::dead:beef',
    '[2001:db8:1:2::77]:4711',
  ])
    expectProblem(await knock(world, same), 'too-many-requests', same);
  expectProblem(await knock(world, '2001:db8:1:3::1'), 'missing-token');

  // IPv4 in whatever clothes, and with the port that some proxies write behind it.
  expectProblem(await knock(world, '203.0.113.7:1000'), 'missing-token');
  expectProblem(await knock(world, '203.0.113.7'), 'missing-token');
  for (const same of ['203.0.113.7:2000', '::ffff:203.0.113.7', '::ffff:cb00:7107'])
    expectProblem(await knock(world, same), 'too-many-requests', same);
  expectProblem(await knock(world, '203.0.113.8'), 'missing-token');

  // Who has no address shares one place with all others who have none.
  for (const [i, code] of (
    ['missing-token', 'missing-token', 'too-many-requests'] as const
  ).entries())
    expectProblem(await knock(world, `unknown-${i}`), code);
});
