/** Access tokens whose key is in doubt; the other vectors are with the plugins that refuse them. */
import { expect, test } from 'vitest';
import { createSigningKey } from '../../stand-ins/tenant/keys.ts';
import { expectProblem, newUser, send } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';

const look = (world: World, token: string) =>
  world.call('GET', '/v1/email-changes/current', { token });
const faults = ({ logs }: World) => logs.filter(({ event }) => event === 'request.failed');

test('of two keys with one kid the first counts, and a token by the other is a 401', async () => {
  const world = await startWorld({ workers: false });
  const { current } = world.tenant.keys;
  const twin = { ...(await createSigningKey()), kid: current.kid };
  const jwkOf = ({ publicKey, kid }: typeof current) => ({
    ...publicKey.export({ format: 'jwk' }),
    kid,
    alg: 'RS256',
    use: 'sig',
  });
  const byCurrent = await world.token('auth0|u');
  const byTwin = await world.token('auth0|u', { key: twin });
  for (const [first, second, good, bad] of [
    [current, twin, byCurrent, byTwin],
    [twin, current, byTwin, byCurrent],
  ] as const) {
    const fault = world.tenant.faults.add({
      kind: 'status',
      status: 200,
      body: { keys: [jwkOf(first), jwkOf(second)] },
      match: { path: '/.well-known/jwks.json' },
    });
    // What was known before is asked for again.
    world.pass(300_001);
    for (let i = 0; i < 3; i += 1) {
      expectProblem(await look(world, good), 'not-found');
      expectProblem(await look(world, bad), 'invalid-token');
    }
    fault.remove();
  }
  expect(faults(world)).toEqual([]);
});

test('a certificate or a key that a token brings along is not looked at', async () => {
  const world = await startWorld({ workers: false });
  const own = await createSigningKey();
  const jwk = own.publicKey.export({ format: 'jwk' });
  const der = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  for (const header of [
    { x5c: [der] },
    { x5c: [der], kid: undefined },
    { x5c: der },
    { x5t: 'AAAA', 'x5t#S256': 'AAAA' },
    { jwk, kid: 'mine' },
    { jwk: [jwk] },
    { zip: 'DEF' },
    { enc: 'A256GCM' },
    { typ: 'dpop+jwt', jwk },
  ]) {
    const token = await world.token('auth0|u', { key: own, header });
    expectProblem(await look(world, token), 'invalid-token', JSON.stringify(header));
  }
  expect(faults(world)).toEqual([]);
});

test('a token is taken from the Authorization header alone, wherever else it stands', async () => {
  const world = await startWorld({ workers: false });
  const { token } = await newUser(world);
  const path = '/v1/email-changes/current';
  for (const [name, value] of [
    ['cookie', `access_token=${token}; token=${token}`],
    ['x-access-token', token],
    ['x-forwarded-authorization', `Bearer ${token}`],
    ['proxy-authorization', `Bearer ${token}`],
    ['x-original-authorization', `Bearer ${token}`],
  ] as const)
    expect((await send(world.api, path, { headers: { [name]: value } })).status, name).toBe(401);
  const formed = await send(world.api, '/v1/email-changes', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': 13 },
    body: 'access_token=',
  });
  expect(formed.status).toBe(401);
});
