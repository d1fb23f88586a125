/** The tenant's signing keys: rotated, unreachable, odd, and never fetched from anywhere else. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createSigningKey } from '../../../stand-ins/tenant/keys.ts';
import { expectProblem } from '../../support/wire.ts';
import { eventually, startWorld, type World } from '../../support/world.ts';

const JWKS = '/.well-known/jwks.json';

/** A token that was taken answers 404 here: its user has no change yet. */
const look = (world: World, token: string) =>
  world.call('GET', '/v1/email-changes/current', { token });

describe('signing keys', () => {
  test('rotate without a gap, and a revoked one is refused within its time to live', async () => {
    const world = await startWorld({ workers: false });
    const old = await world.token('auth0|u', { expiresIn: 7200 });
    expectProblem(await look(world, old), 'not-found');
    for (let i = 0; i < 3; i += 1) {
      await world.tenant.rotateKeys();
      expectProblem(await look(world, await world.token('auth0|u')), 'not-found');
      expectProblem(await look(world, old), 'not-found');
    }
    world.tenant.revokeOldKeys();
    world.pass(300_001);
    expectProblem(await look(world, old), 'invalid-token');
    expectProblem(await look(world, await world.token('auth0|u')), 'not-found');
  });

  test('are asked for once, not once per request', async () => {
    const world = await startWorld({ workers: false });
    const tokens = await Promise.all(
      Array.from({ length: 30 }, (_, i) => world.token(`auth0|u${i}`)),
    );
    await Promise.all(tokens.map((token) => look(world, token)));
    await Promise.all(tokens.map((token) => look(world, token)));
    expect(world.tenant.jwksRequests().length).toBeLessThanOrEqual(2);
  });

  test('invented key ids cost the tenant next to nothing and keep no genuine key out', async () => {
    const world = await startWorld({ workers: false });
    const junk = (i: number) =>
      world.token('auth0|u', { header: { kid: `junk-${i}-${Math.floor(i / 3)}` } });
    const flood = async (from: number) => {
      const tokens = await Promise.all(Array.from({ length: 100 }, (_, i) => junk(from + i)));
      for (const answer of await Promise.all(tokens.map((token) => look(world, token))))
        expectProblem(answer, 'invalid-token');
    };
    // Cold: nothing was known when the flood came.
    await flood(0);
    expect(world.tenant.jwksRequests().length).toBeLessThanOrEqual(5);
    expectProblem(await look(world, await world.token('auth0|u')), 'not-found');

    // A key that is new, while the flood goes on and is always first.
    await world.tenant.rotateKeys();
    await world.tenant.rotateKeys();
    for (let i = 1; i <= 3; i += 1) {
      world.pass(10_001);
      await flood(i * 100);
    }
    expectProblem(await look(world, await world.token('auth0|u')), 'not-found');
    expect(world.tenant.jwksRequests().length).toBeLessThanOrEqual(15);
  });

  test('unreachable: a known key still opens, an unknown one is a 503, and it recovers at once', async () => {
    const world = await startWorld({ workers: false });
    const known = await world.token('auth0|u', { expiresIn: 7200 });
    expectProblem(await look(world, known), 'not-found');
    const unknown = await world.token('auth0|u', { key: world.tenant.keys.next });

    for (const fault of [
      { kind: 'status', status: 503 },
      { kind: 'status', status: 404 },
      { kind: 'status', status: 429 },
      { kind: 'reset' },
      { kind: 'html200' },
      { kind: 'empty200' },
      { kind: 'garbage' },
      { kind: 'halfBody' },
      { kind: 'redirect' },
      { kind: 'status', status: 200, body: { keys: [] } },
      { kind: 'status', status: 200, body: { keys: 'none' } },
      { kind: 'status', status: 200, body: null },
    ] as const) {
      const placed = world.tenant.faults.add({ ...fault, match: { path: JWKS } });
      world.pass(300_001);
      // However often: nobody can say, so nobody is called a liar.
      for (let i = 0; i < 8; i += 1) {
        const refused = await look(world, unknown);
        expectProblem(refused, 'unavailable', JSON.stringify(fault));
        expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
        expect(refused.headers.has('www-authenticate')).toBe(false);
      }
      expectProblem(await look(world, known), 'not-found', JSON.stringify(fault));
      placed.remove();
    }
    world.pass(5000);
    expectProblem(await look(world, unknown), 'not-found');
  });

  test('with a tenant that never answers it is a 503 within four seconds, and right after it recovers', async () => {
    const world = await startWorld({ workers: false });
    world.tenant.faults.add({ kind: 'hang', match: { path: JWKS } });
    const token = await world.token('auth0|u');
    const startedAt = performance.now();
    const answers = await Promise.all(Array.from({ length: 20 }, () => look(world, token)));
    expect(performance.now() - startedAt).toBeLessThan(4000);
    for (const answer of answers) expectProblem(answer, 'unavailable');
    // Many waited for one request.
    expect(world.tenant.jwksRequests()).toHaveLength(1);

    world.tenant.faults.clear();
    await eventually(async () => (await look(world, token)).status === 404, 'recovery', 4000);
  });

  test('of odd shape never become a fault', async () => {
    const world = await startWorld({ workers: false });
    const { kid } = world.tenant.keys.current;
    const token = await world.token('auth0|u');
    const { publicKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const odd = [
      { kty: 'oct', k: 'c2VjcmV0', kid },
      { kty: 'RSA', kid },
      { kty: 'RSA', n: 'AQAB', e: 'AQAB', kid, alg: 'RS256' },
      { ...ec.export({ format: 'jwk' }), kid },
      { kid },
      null,
    ];
    for (const key of odd) {
      const fault = world.tenant.faults.add({
        kind: 'status',
        status: 200,
        body: { keys: [key] },
        match: { path: JWKS },
      });
      const answer = await look(world, token);
      expect([401, 503], JSON.stringify(key)).toContain(answer.status);
      fault.remove();
      world.pass(300_001);
    }
    expect(world.logs.filter(({ event }) => event === 'request.failed')).toEqual([]);
    await eventually(async () => (await look(world, token)).status === 404, 'recovery', 4000);
  });

  test('are fetched from the settings alone: no address in a token is ever visited', async () => {
    const visits: string[] = [];
    const canary = createServer((req, res) => {
      visits.push(req.url ?? '');
      res.end('{"keys":[]}');
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void canary.close());
    await new Promise((resolve) => canary.once('listening', resolve));
    const url = `http://127.0.0.1:${(canary.address() as AddressInfo).port}/`;
    const world = await startWorld({ workers: false });
    const foreign = await createSigningKey();
    for (const wish of [
      { claims: { iss: url } },
      { claims: { iss: url.slice(0, -1) } },
      { claims: { iss: `${world.tenant.issuer}@${url.slice(7)}` } },
      { header: { jku: url } },
      { header: { x5u: url } },
      { header: { iss: url } },
      { header: { kid: url } },
      { header: { kid: `../..//${url.slice(7)}` } },
      { key: foreign, header: { jku: `${url}jwks`, kid: foreign.kid } },
    ])
      await look(world, await world.token('auth0|u', wish));
    expect(visits).toEqual([]);
    for (const { path } of world.tenant.jwksRequests()) expect(path).toBe(JWKS);
    expect(world.tenant.calls).toEqual(world.tenant.jwksRequests());
  });
});
