/** A 401 or 403 tells its caller no more than it must, and its operator the one word that mends it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { freePort } from '../../../demo/ports.ts';
import { createSigningKey } from '../../../stand-ins/tenant/keys.ts';
import { WHYS, type Why } from '../../../src/http/auth/why.ts';
import { createAppKey, proofOf, type ProofWish } from '../../support/dpop.ts';
import { eventually, startWorld, type CallOptions, type World } from '../../support/world.ts';

const CURRENT = '/v1/email-changes/current';
const AUTH_TIME = 'https://readdress/auth_time';
const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const inS = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

/** What the log says of this call, and what its caller was told. */
async function refuse(world: World, method: string, path: string, call: CallOptions) {
  const { status, text, headers } = await world.call(method, path, call);
  const { instance } = JSON.parse(text) as { instance: string };
  const reqId = instance.replace('urn:uuid:', '');
  const line = await eventually(() =>
    world.logs.find((each) => each.event === 'request.done' && each['reqId'] === reqId),
  );
  return {
    why: line['why'],
    level: line.level,
    told: [status, headers.get('www-authenticate'), text.replace(instance, '')].join(' '),
  };
}

type Wish = Parameters<World['token']>[1];
const claims = (changes: object): Wish => ({ claims: changes });

test('the log and a counter say why a token was refused; its caller hears the same for all', async () => {
  const port = await freePort(0);
  const world = await startWorld({ workers: false, env: { METRICS_PORT: String(port) } });
  const foreign = await createSigningKey();
  const { tenant } = world;
  const cases: [Why, string | Wish][] = [
    ['scheme', 'Basic dTpw'],
    ['scheme', 'eyJhbGciOiJSUzI1NiJ9.e30.x'],
    ['scheme', 'DPoP a.b.c'],
    ['malformed', 'Bearer'],
    ['malformed', 'Bearer undefined'],
    ['malformed', 'Bearer a.b.c'],
    ['malformed', `Bearer ${'a'.repeat(9000)}.b.c`],
    // What Auth0 hands out when the app asked for no audience.
    ['malformed', `Bearer ${encode({ alg: 'dir', enc: 'A256GCM', iss: tenant.issuer })}..a.b.c`],
    ['audience', { audience: 'https://other.example/' }],
    ['audience', { audience: ['https://other.example/', `${tenant.issuer}userinfo`] }],
    ['audience', claims({ aud: undefined })],
    ['issuer', claims({ iss: 'https://other.eu.auth0.com/' })],
    ['issuer', claims({ iss: tenant.issuer.slice(0, -1) })],
    ['issuer', claims({ iss: undefined })],
    ['algorithm', { header: { alg: 'HS256' } }],
    ['algorithm', { header: { alg: 'RS512' } }],
    ['malformed', { header: { alg: 'none' } }],
    ['unknown-key', { header: { kid: 'unknown' } }],
    ['unknown-key', { header: { kid: undefined } }],
    ['unknown-key', { key: foreign }],
    ['signature', { key: { ...foreign, kid: tenant.keys.current.kid } }],
    // Of two faults the one that a forger can not write himself.
    [
      'signature',
      { key: { ...foreign, kid: tenant.keys.current.kid }, audience: 'https://other.example/' },
    ],
    ['expired', { expiresIn: -10 }],
    ['malformed', claims({ exp: undefined })],
    ['malformed', claims({ exp: 'soon' })],
    ['not-yet-valid', claims({ nbf: inS(600) })],
    ['not-yet-valid', claims({ iat: inS(3600), exp: inS(7200) })],
    ['machine-token', { sub: 'client@clients' }],
    ['machine-token', claims({ gty: 'client-credentials' })],
    ['delegated-token', claims({ act: { sub: 'agt_1' } })],
    ['sub', { sub: 'anon@1234' }],
    ['sub', claims({ sub: undefined })],
    ['sub', claims({ sub: 7 })],
    ['bound-token', claims({ cnf: { jkt: 'x' } })],
  ];
  const told = new Set<string>();
  for (const [why, wish] of cases) {
    const authorization =
      typeof wish === 'string' ? wish : `Bearer ${await world.token('auth0|u', wish)}`;
    const refused = await refuse(world, 'GET', CURRENT, { headers: { authorization } });
    expect([refused.why, refused.level], JSON.stringify(wish)).toEqual([why, 'info']);
    told.add(refused.told);
  }
  expect([...told]).toHaveLength(1);

  expect((await refuse(world, 'GET', CURRENT, {})).why).toBe('no-token');
  const unscoped = await world.token('auth0|u', { scope: 'openid' });
  expect((await refuse(world, 'GET', CURRENT, { token: unscoped })).why).toBe('scope');

  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  for (const why of new Set([...cases.map(([each]) => each), 'no-token', 'scope']))
    expect(text).toMatch(new RegExp(`^readdress_denied_total\\{why="${why}"\\} [1-9]`, 'm'));
});

test('a missing Action is told from a login that is too old, to the operator alone', async () => {
  const world = await startWorld({ workers: false });
  const cases: [Why, unknown][] = [
    ['claim-missing', undefined],
    ['claim-missing', null],
    ['claim-invalid', new Date().toISOString()],
    ['claim-invalid', String(inS(0))],
    ['too-old', inS(-302)],
    ['too-old', 0],
    ['not-yet-valid', inS(3600)],
  ];
  const told = new Set<string>();
  for (const [why, value] of cases) {
    const token = await world.token('auth0|u', claims({ [AUTH_TIME]: value }));
    const body = { email: 'a@example.org' };
    const refused = await refuse(world, 'POST', '/v1/email-changes', { token, body });
    expect(refused.why, String(value)).toBe(why);
    told.add(refused.told);
  }
  expect([...told]).toHaveLength(1);
});

test('what is wrong with a proof of possession is in the log too', async () => {
  const world = await startWorld({ workers: false, env: { DPOP: 'required' } });
  const [key, stranger] = [createAppKey(), createAppKey()];
  const token = await world.token('auth0|u', claims({ cnf: { jkt: key.jkt } }));
  const url = `http://localhost:3999${CURRENT}`;
  const proof = (wish: Partial<ProofWish> = {}) =>
    proofOf({ key, method: 'GET', url, token, ...wish });
  const one = proof();
  await world.call('GET', CURRENT, { headers: { authorization: `DPoP ${token}`, dpop: one } });
  const cases: [Why, string | undefined][] = [
    ['proof-missing', undefined],
    ['proof-malformed', 'x'],
    ['proof-malformed', proof({ header: { typ: 'JWT' } })],
    ['proof-key', proof({ key: stranger })],
    ['proof-method', proof({ method: 'POST' })],
    ['proof-url', proof({ url: `${url}/x` })],
    ['proof-token', proof({ claims: { ath: 'x' } })],
    ['proof-claims', proof({ claims: { iat: undefined } })],
    ['proof-claims', proof({ claims: { jti: '' } })],
    ['proof-time', proof({ claims: { iat: inS(-600) } })],
    ['proof-replayed', one],
  ];
  for (const [why, dpop] of cases) {
    const headers = { authorization: `DPoP ${token}`, ...(dpop === undefined ? {} : { dpop }) };
    expect((await refuse(world, 'GET', CURRENT, { headers })).why).toBe(why);
  }
  const unbound = await world.token('auth0|u');
  const headers = { authorization: `DPoP ${unbound}`, dpop: proof({ token: unbound }) };
  expect((await refuse(world, 'GET', CURRENT, { headers })).why).toBe('unbound-token');
});

test('what was not refused has no why, and every why is documented', async () => {
  const world = await startWorld({ workers: false });
  await world.call('GET', CURRENT, { token: await world.token('auth0|u') });
  const line = await eventually(() => world.logs.find(({ event }) => event === 'request.done'));
  expect(line).not.toHaveProperty('why');

  const docs = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const [, section = ''] = docs.split('## Why a caller was refused');
  const listed = [...section.split('\n## ')[0]!.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([\w-]+)`/g)].map(([, why]) => why),
  );
  expect(new Set(listed)).toEqual(new Set(WHYS));
});
