/** Who is asking: every token that is not a fresh user's for this very API is refused, and never by a fault. */
import { createSign, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createSigningKey } from '../../../stand-ins/tenant/keys.ts';
import type { AccessTokenWish } from '../../../stand-ins/tenant/tokens.ts';
import { ask, dump, expectProblem, newUser, send } from '../../support/wire.ts';
import { startWorld, type Answer, type World } from '../../support/world.ts';

const CURRENT = '/v1/email-changes/current';
const AUTH_TIME = 'https://readdress/auth_time';

/** A token that was taken answers 404 here: its user has no change yet. */
const look = (world: World, token: string) => world.call('GET', CURRENT, { token });
const lookWith = (world: World, authorization: string): Promise<Answer> =>
  world.call('GET', CURRENT, { headers: { authorization } });

function expectChallenge(
  answer: Answer,
  code:
    | 'missing-token'
    | 'invalid-token'
    | 'insufficient-scope'
    | 'insufficient-user-authentication',
  label: string = code,
): void {
  expectProblem(answer, code, label);
  const parameters = {
    'missing-token': '',
    'invalid-token': ', error="invalid_token"',
    'insufficient-scope': ', error="insufficient_scope", scope="change:email"',
    'insufficient-user-authentication': ', error="insufficient_user_authentication", max_age="300"',
  };
  expect(answer.headers.get('www-authenticate'), label).toBe(
    `Bearer realm="email-change"${parameters[code]}`,
  );
}

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');

describe('the Authorization header', () => {
  test('that is absent is asked for without a word on errors (RFC 6750 §3)', async () => {
    const world = await startWorld({ workers: false });
    for (const [method, path] of [
      ['GET', CURRENT],
      ['POST', '/v1/email-changes'],
      ['GET', '/v1/email-changes/AAAAAAAAAAAAAAAAAAAAAA'],
      ['DELETE', '/v1/email-changes/AAAAAAAAAAAAAAAAAAAAAA'],
      ['POST', '/v1/email-changes/AAAAAAAAAAAAAAAAAAAAAA/resend'],
    ] as const)
      expectChallenge(await world.call(method, path), 'missing-token', `${method} ${path}`);
  });

  test('that is malformed is a 401, whatever it is', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const malformed = [
      '',
      'Bearer',
      'Bearer ',
      token,
      `Basic ${Buffer.from('user:pass').toString('base64')}`,
      `DPoP ${token}`,
      `Token ${token}`,
      `Bearer: ${token}`,
      `Bearer ${token} ${token}`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer "${token}"`,
      'Bearer undefined',
      'Bearer null',
      'Bearer x',
      'Bearer a.b',
      'Bearer a.b.c',
      'Bearer ..',
      'Bearer ...',
      `Bearer ${header}.${payload}`,
      `Bearer ${header}.${payload}.`,
      `Bearer .${payload}.${signature}`,
      `Bearer ${header}..${signature}`,
      `Bearer ${token}.${signature}`,
      `Bearer ${token}.x.y`,
      `Bearer ${header}.${payload}.${signature}=`,
      `Bearer ${header}.${payload}.${signature.slice(0, -6)}+/${signature.slice(-4)}`,
      `Bearer ${header} .${payload}.${signature}`,
      `Bearer\t${token}`,
      `Bearer \u00e9${token}`,
      `Bearer ${encode('x')}.${payload}.${signature}`,
      `Bearer ${encode(null)}.${payload}.${signature}`,
      `Bearer ${encode([])}.${payload}.${signature}`,
      `Bearer ${header}.${encode('x')}.${signature}`,
      `Bearer ${header}.${encode(null)}.${signature}`,
      `Bearer ${header}.${Buffer.from('{"iss":').toString('base64url')}.${signature}`,
      `Bearer ${Buffer.from('not json').toString('base64url')}.${payload}.${signature}`,
      `Bearer ${'a'.repeat(9000)}.b.c`,
    ];
    for (const authorization of malformed)
      expectChallenge(await lookWith(world, authorization), 'invalid-token', authorization);
    expect(world.logs.filter(({ event }) => event === 'request.failed')).toEqual([]);
  });

  test('may be written in any case and with more than one space', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR', 'Bearer '])
      expectProblem(await lookWith(world, `${scheme} ${token}`), 'not-found', scheme);
  });

  test('counts once: a token in the query or in the body is none', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    expectChallenge(await world.call('GET', `${CURRENT}?access_token=${token}`), 'missing-token');
    expectChallenge(
      await world.call('POST', '/v1/email-changes', {
        body: { access_token: token, email: 'a@example.org' },
      }),
      'missing-token',
    );
    // Of two headers Node keeps the first; the second is never a way in.
    const twice = await send(world.api, CURRENT, {
      headers: ['host', 'x', 'authorization', 'Bearer x.y.z', 'authorization', `Bearer ${token}`],
    });
    expect(twice.status).toBe(401);
  });

  test('of 64 kB is too much for any server', async () => {
    const world = await startWorld({ workers: false });
    const answer = await send(world.api, CURRENT, {
      headers: { authorization: `Bearer ${'a'.repeat(65_536)}.b.c` },
    });
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([431, 'headers-too-large']);
  });
});

describe('a token', () => {
  type Wish = Partial<AccessTokenWish>;
  const claims = (changes: Record<string, unknown>): Wish => ({ claims: changes });
  const header = (changes: Record<string, unknown>): Wish => ({ header: changes });
  const inS = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

  const GOOD: Record<string, (world: World) => Wish> = {
    'of the Auth0 profile': () => ({}),
    'of the RFC 9068 profile': () => header({ typ: 'at+jwt' }),
    'without typ': () => header({ typ: undefined }),
    'with our audience alone': ({ tenant }) => ({ audience: tenant.audience }),
    'with our audience among others': ({ tenant }) => ({
      audience: ['https://other.example/', tenant.audience, `${tenant.issuer}userinfo`],
    }),
    'expired within the clock tolerance': () => ({ expiresIn: -2 }),
    'valid since a moment ago': () => claims({ nbf: inS(-1) }),
    'with our scope among others': () => ({ scope: 'openid change:email read:things' }),
    'with our scope as a permission (RBAC)': () => ({
      scope: 'openid',
      ...claims({ permissions: ['change:email'] }),
    }),
    'with an email claim, which is nobody': () =>
      claims({ email: 'victim@example.org', email_verified: true }),
    'by the next key, which the JWKS names already': ({ tenant }) => ({ key: tenant.keys.next }),
    'with a sub full of separators': () => ({ sub: 'auth0|a:b|{x}*?[y]..%2F../clients' }),
    'with a sub as long as custom stores make them': () => ({ sub: `auth0|${'u'.repeat(1000)}` }),
    'with a sub of another script': () => ({ sub: 'auth0|ünï—🙂' }),
  };

  test('of a user, for this API, with the scope, is taken', async () => {
    const world = await startWorld({ workers: false });
    for (const [label, wish] of Object.entries(GOOD))
      expectProblem(
        await look(world, await world.token('auth0|u', wish(world))),
        'not-found',
        label,
      );
  });

  const BAD: Record<string, (world: World) => Wish> = {
    'alg none': () => header({ alg: 'none' }),
    'alg None': () => header({ alg: 'None' }),
    'alg nOnE': () => header({ alg: 'nOnE' }),
    'no alg': () => header({ alg: undefined }),
    'HS256 keyed with the public key': () => header({ alg: 'HS256' }),
    RS384: () => header({ alg: 'RS384' }),
    RS512: () => header({ alg: 'RS512' }),
    PS256: () => header({ alg: 'PS256' }),
    'no kid': () => header({ kid: undefined }),
    'a number as kid': () => header({ kid: 7 }),
    'an array as kid': ({ tenant }) => header({ kid: [tenant.keys.current.kid] }),
    'an empty kid': () => header({ kid: '' }),
    'an unknown kid': () => header({ kid: 'unknown' }),
    'a kid that is a path': () => header({ kid: '../../../../dev/null' }),
    'a kid that is a query': () => header({ kid: "x' UNION SELECT 1 --" }),
    'a kid of 200 characters': () => header({ kid: 'k'.repeat(200) }),
    'a kid named like a property': () => header({ kid: '__proto__' }),
    'a kid named like a method': () => header({ kid: 'constructor' }),
    "the kid of the tenant's other key": ({ tenant }) => header({ kid: tenant.keys.next.kid }),
    'an unknown critical extension': () => header({ crit: ['x'], x: 1 }),
    'b64 false': () => header({ crit: ['b64'], b64: false }),
    expired: () => ({ expiresIn: -10 }),
    'no exp': () => claims({ exp: undefined }),
    'exp as a string': () => claims({ exp: String(inS(900)) }),
    'exp as an array': () => claims({ exp: [inS(900)] }),
    'exp null': () => claims({ exp: null }),
    'exp negative': () => claims({ exp: -1 }),
    'exp zero': () => claims({ exp: 0 }),
    'not yet valid': () => claims({ nbf: inS(600) }),
    'nbf as a string': () => claims({ nbf: 'now' }),
    'no iat': () => claims({ iat: undefined }),
    'iat as a string': () => claims({ iat: 'now' }),
    'issued in an hour': () => claims({ iat: inS(3600), exp: inS(7200) }),
    'no aud': () => claims({ aud: undefined }),
    'an empty aud': () => claims({ aud: '' }),
    'an empty list of audiences': () => ({ audience: [] }),
    'another aud': () => ({ audience: 'https://other.example/' }),
    'other audiences': ({ tenant }) => ({
      audience: ['https://other.example/', `${tenant.issuer}userinfo`],
    }),
    'our aud with more behind it': ({ tenant }) => ({ audience: `${tenant.audience}x` }),
    'our aud without its slash': ({ tenant }) => ({ audience: tenant.audience.slice(0, -1) }),
    'our aud in capitals': ({ tenant }) => ({ audience: tenant.audience.toUpperCase() }),
    'aud as an object': ({ tenant }) => claims({ aud: { 0: tenant.audience } }),
    'aud as a number': () => claims({ aud: 1 }),
    'the Management API as aud': ({ tenant }) => ({ audience: `${tenant.issuer}api/v2/` }),
    'an ID token': ({ tenant }) => ({
      audience: tenant.spaClientId,
      ...claims({ nonce: 'n', scope: undefined }),
    }),
    'no iss': () => claims({ iss: undefined }),
    'iss without its slash': ({ tenant }) => claims({ iss: tenant.issuer.slice(0, -1) }),
    'iss in capitals': ({ tenant }) => claims({ iss: tenant.issuer.toUpperCase() }),
    'iss with a path': ({ tenant }) => claims({ iss: `${tenant.issuer}x/` }),
    'iss as a list': ({ tenant }) => claims({ iss: [tenant.issuer] }),
    'another tenant': () => claims({ iss: 'https://other.eu.auth0.com/' }),
    'iss that is no URL': () => claims({ iss: 'x' }),
    'no sub': () => claims({ sub: undefined }),
    'an empty sub': () => ({ sub: '' }),
    'a number as sub': () => claims({ sub: 7 }),
    'an array as sub': () => claims({ sub: ['auth0|u'] }),
    'an object as sub': () => claims({ sub: { id: 'auth0|u' } }),
    'null as sub': () => claims({ sub: null }),
    'a machine': () => ({ sub: 'client@clients', ...claims({ gty: 'client-credentials' }) }),
    'a machine that hides its sub': () => claims({ gty: 'client-credentials' }),
    'a machine that hides its grant': () => ({ sub: 'client@clients' }),
    'an anonymous session': () => ({ sub: 'anon@1234' }),
    'an agent': () => ({ sub: 'agt_1234' }),
    'an agent on behalf of the user': () => claims({ act: { sub: 'agt_1234' } }),
    'an empty act': () => claims({ act: {} }),
    'a token bound by DPoP': () => claims({ cnf: { jkt: 'x' } }),
    'a token bound by mTLS': () => claims({ cnf: { 'x5t#S256': 'x' } }),
    'a sub without a provider': () => ({ sub: '|u' }),
    'a sub without an id': () => ({ sub: 'auth0|' }),
    'a sub of two lines': () => ({ sub: 'auth0|u\nx' }),
  };

  test('that is anything else is a 401 that does not say why, and never a fault', async () => {
    const world = await startWorld({ workers: false });
    const foreign = await createSigningKey();
    await look(world, await world.token('auth0|u'));
    await look(world, await world.token('auth0|u', { key: world.tenant.keys.next }));
    const before = await dump(world);

    const bodies = new Set<string>();
    const refuse = async (label: string, token: string) => {
      const answer = await look(world, token);
      expectChallenge(answer, 'invalid-token', label);
      bodies.add(answer.text.replace(/"instance":"[^"]+"/, ''));
    };
    for (const [label, wish] of Object.entries(BAD))
      await refuse(label, await world.token('auth0|u', wish(world)));

    const good = await world.token('auth0|u');
    const [head = '', body = '', signature = ''] = good.split('.');
    const altered = {
      ...JSON.parse(Buffer.from(body, 'base64url').toString()),
      sub: 'auth0|admin',
    };
    await refuse('altered claims', `${head}.${encode(altered)}.${signature}`);
    await refuse('a signature cut short', good.slice(0, -8));
    await refuse(
      'the signature of another token',
      `${head}.${body}.${(await world.token('auth0|x')).split('.')[2]}`,
    );
    await refuse(
      'a key of nobody under a known kid',
      await world.token('auth0|u', { key: { ...foreign, kid: world.tenant.keys.current.kid } }),
    );
    await refuse('a key of nobody', await world.token('auth0|u', { key: foreign }));
    await refuse(
      'a key that came along',
      await world.token('auth0|u', {
        key: foreign,
        header: { jwk: foreign.publicKey.export({ format: 'jwk' }) },
      }),
    );
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const es256 = `${encode({ alg: 'ES256', typ: 'JWT', kid: world.tenant.keys.current.kid })}.${body}`;
    const ecSignature = createSign('sha256')
      .update(es256)
      .sign({ key: privateKey, dsaEncoding: 'ieee-p1363' });
    await refuse('ES256', `${es256}.${ecSignature.toString('base64url')}`);
    await refuse('encrypted (JWE)', `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.a.b.c.d`);

    expect(bodies.size).toBe(1);
    expect(await dump(world)).toEqual(before);
    expect(world.logs.filter(({ level }) => level === 'error' || level === 'warn')).toEqual(
      world.logs.filter(({ event }) => event === 'config.weakened'),
    );
  });

  test('without the scope is a 403 that names it', async () => {
    const world = await startWorld({ workers: false });
    const lacking: Record<string, Wish> = {
      'no scope': claims({ scope: undefined }),
      'an empty scope': { scope: '' },
      'other scopes': { scope: 'openid profile' },
      'a longer one': { scope: 'change:emails' },
      'a shorter one': { scope: 'change:emai' },
      'one with a prefix': { scope: 'xchange:email' },
      'in capitals': { scope: 'CHANGE:EMAIL' },
      'with commas': { scope: 'openid,change:email' },
      'with a tab': { scope: 'openid\tchange:email' },
      'as an array': claims({ scope: ['change:email'] }),
      'as an object': claims({ scope: { 'change:email': true } }),
      'permissions as a string': { ...claims({ permissions: 'change:email' }), scope: 'openid' },
      'permissions within a list': {
        ...claims({ permissions: [['change:email']] }),
        scope: 'openid',
      },
    };
    for (const [label, wish] of Object.entries(lacking)) {
      const token = await world.token('auth0|u', wish);
      expectChallenge(await look(world, token), 'insufficient-scope', label);
      expectChallenge(await ask(world, token, 'a@example.org'), 'insufficient-scope', label);
    }
  });

  test('of any issuer in AUTH0_ISSUERS is taken, each with its own keys alone', async () => {
    const other = await startWorld({ workers: false });
    const own = await startWorld({ workers: false });
    const world = await startWorld({
      workers: false,
      env: {
        AUTH0_ISSUERS: `${own.tenant.url},${other.tenant.issuer}`,
        AUTH0_BASE_URL: own.tenant.url,
      },
    });
    for (const { tenant } of [own, other]) {
      const token = await tenant.accessToken({ sub: 'auth0|u', audience: world.tenant.audience });
      expectProblem(await look(world, token), 'not-found');
    }
    const crossed = await other.tenant.accessToken({
      sub: 'auth0|u',
      audience: world.tenant.audience,
      claims: { iss: own.tenant.issuer },
    });
    expectChallenge(await look(world, crossed), 'invalid-token');
    // The list replaces the default.
    expectChallenge(await look(world, await world.token('auth0|u')), 'invalid-token');
  });
});

describe('a login that has to be recent', () => {
  const request = async (world: World, changes: Record<string, unknown>) => {
    const token = await world.token('auth0|u', { claims: { [AUTH_TIME]: undefined, ...changes } });
    return ask(world, token, 'a@example.org');
  };
  const nowS = (): number => Math.floor(Date.now() / 1000);

  test('is asked for with max_age unless the token proves it (RFC 9470)', async () => {
    const world = await startWorld({ workers: false });
    const before = await dump(world);
    const stale: [string, unknown][] = [
      ['missing', undefined],
      ['a second too old', nowS() - 302],
      ['an hour old', nowS() - 3600],
      ['zero', 0],
      ['negative', -1],
      ['minus now', -nowS()],
      ['in the future', nowS() + 3600],
      ['in milliseconds', Date.now()],
      ['a string', String(nowS())],
      ['an ISO date', new Date().toISOString()],
      ['a float', nowS() + 0.5 - 10],
      ['null', null],
      ['true', true],
      ['an array', [nowS()]],
      ['an object', { time: nowS() }],
      ['beyond all numbers', Number.MAX_VALUE],
    ];
    for (const claim of [AUTH_TIME, 'auth_time'])
      for (const [label, value] of stale)
        expectChallenge(
          await request(world, { [claim]: value }),
          'insufficient-user-authentication',
          `${claim} ${label}`,
        );
    expect(await dump(world)).toEqual(before);
    // A browser may read the challenge.
    const token = await world.token('auth0|u', { claims: {} });
    const seen = await world.call('POST', '/v1/email-changes', {
      token,
      body: {},
      headers: { origin: 'https://spa.example' },
    });
    expect(seen.headers.get('access-control-expose-headers')).toContain('www-authenticate');
  });

  test('is proved by the namespaced claim or the standard one, up to the last second', async () => {
    const world = await startWorld({ workers: false });
    for (const claim of [AUTH_TIME, 'auth_time'])
      for (const age of [0, 1, 298, -5])
        expect((await request(world, { [claim]: nowS() - age })).status, `${claim} ${age}`).toBe(
          202,
        );
    // The Action's word counts, also against the standard claim.
    expectChallenge(
      await request(world, { [AUTH_TIME]: nowS() - 4000, auth_time: nowS() }),
      'insufficient-user-authentication',
    );
  });

  test('is a matter of what sends mail: looking and withdrawing need none', async () => {
    const world = await startWorld({ workers: false });
    const { body: change } = await request(world, { [AUTH_TIME]: nowS() });
    const token = await world.token('auth0|u', { claims: {} });
    const at = `/v1/email-changes/${change.id}`;
    expect((await world.call('GET', at, { token })).status).toBe(200);
    expect((await world.call('DELETE', at, { token })).status).toBe(204);
  });

  test('a resend needs the login that the request came with, or a later one', async () => {
    const world = await startWorld({ workers: false });
    const login = nowS() - 200;
    const { body: change } = await request(world, { [AUTH_TIME]: login });
    // Long after the login, as with a slow mailbox.
    world.pass(600_000);
    const resend = async (changes: Record<string, unknown>) => {
      const exp = Math.floor(world.now() / 1000) + 900;
      const token = await world.token('auth0|u', { claims: { exp, ...changes } });
      return world.call('POST', `/v1/email-changes/${change.id}/resend`, { token });
    };
    const later = Math.floor(world.now() / 1000);
    for (const wrong of [
      {},
      { [AUTH_TIME]: login - 1 },
      { auth_time: 0 },
      { [AUTH_TIME]: 'x' },
      { [AUTH_TIME]: later + 3600 },
    ])
      expectChallenge(
        await resend(wrong),
        'insufficient-user-authentication',
        JSON.stringify(wrong),
      );
    expect((await resend({ [AUTH_TIME]: login })).status).toBe(202);
    world.pass(61_000);
    expect((await resend({ [AUTH_TIME]: login + 5 })).status).toBe(202);
    // Whose request said nothing of a login, since none was asked for, needs one now.
    const off = await startWorld({ workers: false, env: { MAX_AUTH_AGE: '0' } });
    const { body: silent } = await request(off, {});
    off.pass(61_000);
    const token = await off.token('auth0|u', { claims: {} });
    const at = `/v1/email-changes/${silent.id}/resend`;
    expect((await off.call('POST', at, { token })).status).toBe(202);
  });

  test('is not asked for with MAX_AUTH_AGE=0, and by another name with AUTH_TIME_CLAIM', async () => {
    const off = await startWorld({ workers: false, env: { MAX_AUTH_AGE: '0' } });
    for (const value of [undefined, 0, 'x'])
      expect((await request(off, { [AUTH_TIME]: value })).status).toBe(202);
    expect(off.logs.some((line) => String(line['weakening']).startsWith('MAX_AUTH_AGE=0'))).toBe(
      true,
    );

    const named = await startWorld({
      workers: false,
      env: { AUTH_TIME_CLAIM: 'https://acme.example/login', MAX_AUTH_AGE: '60' },
    });
    expect((await request(named, { 'https://acme.example/login': nowS() - 50 })).status).toBe(202);
    for (const late of [{ 'https://acme.example/login': nowS() - 70 }, { [AUTH_TIME]: nowS() }]) {
      const refused = await request(named, late);
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toContain('max_age="60"');
    }
  });
});
