/** Tokens bound to a key (RFC 9449): nothing without a proof by it, made now, for this request, once. */
import { randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnRedis } from '../../../demo/redis.ts';
import { readApiConfig } from '../../../src/config.ts';
import { startApi } from '../../../src/process/start-api.ts';
import { createAppKey, proofOf, type AppKey, type ProofWish } from '../../support/dpop.ts';
import { ask, dump, expectProblem, send } from '../../support/wire.ts';
import { callApi, eventually, startWorld, type Answer, type World } from '../../support/world.ts';

const CURRENT = '/v1/email-changes/current';
/** Where the service is for its users: PUBLIC_URL, not where the tests reach it. */
const PUBLIC = 'http://localhost:3999';
const DPOP = 'DPoP realm="email-change"';
const ALGS = 'algs="ES256 PS256 RS256"';

const key = createAppKey();
const stranger = createAppKey();
const rsa = createAppKey('RSA');

const startDpop = (mode: string, more: Parameters<typeof startWorld>[0] = {}): Promise<World> =>
  startWorld({ workers: false, ...more, env: { DPOP: mode, ...more.env } });

const boundToken = (world: World, { jkt }: AppKey = key, wish: object = {}): Promise<string> =>
  world.token('auth0|u', {
    ...wish,
    claims: { 'https://readdress/auth_time': Math.floor(world.now() / 1000), cnf: { jkt } },
  });

const proofFor = (token: string, wish: Partial<ProofWish> = {}): string =>
  proofOf({ key, method: 'GET', url: `${PUBLIC}${CURRENT}`, token, ...wish });

/** A look at one's change: whoever is let in gets 404 here, since the user has none. */
const look = (
  world: World,
  token: string,
  proof: string | undefined,
  scheme = 'DPoP',
): Promise<Answer> =>
  world.call('GET', CURRENT, {
    headers: {
      authorization: `${scheme} ${token}`,
      ...(proof === undefined ? {} : { dpop: proof }),
    },
  });

const challengeOf = (answer: Answer): string | null => answer.headers.get('www-authenticate');

describe('the schemes', () => {
  test('off: a bound token is refused with a proof and without one, and DPoP is not offered', async () => {
    const world = await startDpop('off');
    const token = await boundToken(world);
    for (const scheme of ['DPoP', 'Bearer']) {
      const answer = await look(world, token, proofFor(token), scheme);
      expectProblem(answer, 'invalid-token', scheme);
      expect(challengeOf(answer)).toBe('Bearer realm="email-change", error="invalid_token"');
    }
    expect(challengeOf(await world.call('GET', CURRENT))).toBe('Bearer realm="email-change"');
  });

  test('allowed: plain tokens as Bearer, bound ones as DPoP, in any case, and never crosswise', async () => {
    const world = await startDpop('allowed');
    const [plain, bound] = [await world.token('auth0|u'), await boundToken(world)];
    expectProblem(await look(world, plain, undefined, 'Bearer'), 'not-found');
    for (const scheme of ['DPoP', 'dpop', 'DPOP', 'DPoP '])
      expectProblem(await look(world, bound, proofFor(bound), scheme), 'not-found', scheme);

    const nobody = await world.call('GET', CURRENT);
    expectProblem(nobody, 'missing-token');
    expect(challengeOf(nobody)).toBe(`Bearer realm="email-change", ${DPOP}, ${ALGS}`);
    for (const proof of [undefined, proofFor(bound)]) {
      const downgraded = await look(world, bound, proof, 'Bearer');
      expectProblem(downgraded, 'invalid-token');
      expect(challengeOf(downgraded)).toBe(
        `Bearer realm="email-change", error="invalid_token", ${DPOP}, ${ALGS}`,
      );
    }
    const narrow = await world.token('auth0|u', { scope: 'openid' });
    const unscoped = await look(world, narrow, undefined, 'Bearer');
    expectProblem(unscoped, 'insufficient-scope');
    // Coming back as DPoP would not help.
    expect(challengeOf(unscoped)).toBe(
      'Bearer realm="email-change", error="insufficient_scope", scope="change:email"',
    );
    const unbound = await look(world, plain, proofFor(plain));
    expectProblem(unbound, 'invalid-token');
    expect(challengeOf(unbound)).toBe(
      `${DPOP}, error="invalid_token", ${ALGS}, Bearer realm="email-change"`,
    );
  });

  test('required: a plain token is refused, and Bearer is not offered', async () => {
    const world = await startDpop('required');
    const [plain, bound] = [await world.token('auth0|u'), await boundToken(world)];
    expectProblem(await look(world, bound, proofFor(bound)), 'not-found');
    for (const token of [plain, bound]) {
      const answer = await look(world, token, proofFor(token), 'Bearer');
      expectProblem(answer, 'invalid-token');
      expect(challengeOf(answer)).toBe(`${DPOP}, error="invalid_token", ${ALGS}`);
    }
    expect(challengeOf(await world.call('GET', CURRENT))).toBe(`${DPOP}, ${ALGS}`);
    const { description } = (await world.call('GET', '/openapi.json')).body.components
      .securitySchemes.accessToken;
    expect(description).toContain('`Authorization: DPoP`');
  });

  test('a change is asked for and withdrawn with proofs; a lacking scope or login is said as DPoP', async () => {
    const world = await startDpop('required');
    const url = `${PUBLIC}/v1/email-changes`;
    const asked = async (wish: object) => {
      const token = await boundToken(world, key, wish);
      return world.call('POST', '/v1/email-changes', {
        body: { email: 'new@example.org' },
        headers: {
          authorization: `DPoP ${token}`,
          dpop: proofFor(token, { method: 'POST', url }),
        },
      });
    };
    const answer = await asked({});
    expect(answer.status, answer.text).toBe(202);

    const path = `/v1/email-changes/${answer.body.id}`;
    const token = await boundToken(world);
    const withdrawn = await world.call('DELETE', path, {
      headers: {
        authorization: `DPoP ${token}`,
        dpop: proofFor(token, { method: 'DELETE', url: `${PUBLIC}${path}` }),
      },
    });
    expect(withdrawn.status).toBe(204);

    const narrow = await asked({ scope: 'openid' });
    expectProblem(narrow, 'insufficient-scope');
    expect(challengeOf(narrow)).toBe(
      `${DPOP}, error="insufficient_scope", scope="change:email", ${ALGS}`,
    );
    world.pass(301_000);
    const old = await world.token('auth0|u', {
      claims: { cnf: { jkt: key.jkt }, 'https://readdress/auth_time': 1 },
    });
    const stale = await world.call('POST', '/v1/email-changes', {
      body: { email: 'new@example.org' },
      headers: {
        authorization: `DPoP ${old}`,
        dpop: proofFor(old, {
          method: 'POST',
          url,
          claims: { iat: Math.floor(world.now() / 1000) },
        }),
      },
    });
    expectProblem(stale, 'insufficient-user-authentication');
    expect(challengeOf(stale)).toBe(
      `${DPOP}, error="insufficient_user_authentication", max_age="300", ${ALGS}`,
    );
  });
});

describe('a proof', () => {
  const nowS = (): number => Math.floor(Date.now() / 1000);
  const at = (url: string): Partial<ProofWish> => ({ url });
  const claims = (changes: object): Partial<ProofWish> => ({ claims: { ...changes } });
  const header = (changes: object): Partial<ProofWish> => ({ header: { ...changes } });

  /** A function, since tests before it take their time. */
  const good = (): Record<string, Partial<ProofWish>> => ({
    'as Auth0’s SDK makes it': {},
    'of a key among RSA’s (PS256)': { key: rsa, header: { alg: 'PS256' } },
    'of a key among RSA’s (RS256)': { key: rsa, header: { alg: 'RS256' } },
    'with typ in full': header({ typ: 'application/dpop+jwt' }),
    'almost a minute old': claims({ iat: nowS() - 55 }),
    'of a clock that is fast': claims({ iat: nowS() + 4 }),
    'with a query, which does not count': at(`${PUBLIC}${CURRENT}?a=b`),
    'with a fragment, which does not count': at(`${PUBLIC}${CURRENT}#x`),
    'with the host in capitals': at(`HTTP://LOCALHOST:3999${CURRENT}`),
    'with a path that has to be normalised': at(`${PUBLIC}/v1/./x/../email-changes/current`),
    'with a jti of 256 characters': claims({ jti: randomBytes(128).toString('hex') }),
    'with claims of its own': claims({ sub: 'x', exp: nowS() + 60 }),
  });

  test('by the key of the token, fresh and for this request, opens', async () => {
    const world = await startDpop('required');
    for (const label of Object.keys(good())) {
      const wish = good()[label]!;
      const token = await boundToken(world, wish.key);
      expectProblem(await look(world, token, proofFor(token, wish)), 'not-found', label);
    }
    // Neither the query of the request nor HEAD is special; a change of the path is.
    const token = await boundToken(world);
    const authorization = `DPoP ${token}`;
    const queried = await world.call('GET', `${CURRENT}?x=1`, {
      headers: { authorization, dpop: proofFor(token) },
    });
    expectProblem(queried, 'not-found');
    const head = async (method: string) =>
      send(world.api, CURRENT, {
        method: 'HEAD',
        headers: { authorization, dpop: proofFor(token, { method }) },
      });
    expect((await head('HEAD')).status).toBe(404);
    expect((await head('GET')).status).toBe(401);
  });

  const { d } = key.privateKey.export({ format: 'jwk' });
  const { alg: _alg, ...jwk } = key.jwk;
  const BAD: Record<string, Partial<ProofWish>> = {
    'of another type': header({ typ: 'JWT' }),
    'of no type': header({ typ: undefined }),
    'unsigned (alg none)': header({ alg: 'none' }),
    'without alg': header({ alg: undefined }),
    'with HS256': header({ alg: 'HS256' }),
    'with HS256 and a secret as jwk': {
      header: { alg: 'HS256', jwk: { kty: 'oct', k: 'c2VjcmV0' } },
    },
    'with an algorithm that is not on the list': { key: rsa, header: { alg: 'RS512' } },
    'with the algorithm of another kind of key': header({ alg: 'RS256' }),
    'without a key': header({ jwk: undefined }),
    'with a key that is a string': header({ jwk: 'x' }),
    'with a key that is not one': header({ jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } }),
    'with a private key': header({ jwk: { ...jwk, d } }),
    'with a secret key': header({ jwk: { kty: 'oct', k: 'c2VjcmV0' } }),
    'with a key of others named instead': header({ jwk: undefined, kid: 'x', jku: 'http://x/' }),
    'with an extension that nobody knows': header({ crit: ['x'], x: 1 }),
    'signed by another key': { key: { ...stranger, jwk: key.jwk } },
    'without htm': claims({ htm: undefined }),
    'for another method': claims({ htm: 'POST' }),
    'for the method in small letters': claims({ htm: 'get' }),
    'without htu': claims({ htu: undefined }),
    'for an htu that is no URL': claims({ htu: CURRENT }),
    'for a list of URLs': claims({ htu: [`${PUBLIC}${CURRENT}`] }),
    'for another path': at(`${PUBLIC}/v1/email-changes`),
    'for another host': at(`http://127.0.0.1:3999${CURRENT}`),
    'for another port': at(`http://localhost${CURRENT}`),
    'for https instead of http': at(`https://localhost:3999${CURRENT}`),
    'for a URL with credentials': at(`http://u:p@localhost:3999${CURRENT}`),
    'for a path with a slash more': at(`${PUBLIC}${CURRENT}/`),
    'for another access token': claims({ ath: 'x' }),
    'without ath': claims({ ath: undefined }),
    'without iat': claims({ iat: undefined }),
    'with a string as iat': claims({ iat: String(nowS()) }),
    'without jti': claims({ jti: undefined }),
    'with an empty jti': claims({ jti: '' }),
    'with a number as jti': claims({ jti: 7 }),
    'with a jti of 257 characters': claims({ jti: 'j'.repeat(257) }),
    'of 10 kB': claims({ padding: 'x'.repeat(10_000) }),
    'that says itself that it is over': claims({ exp: nowS() - 10 }),
    'that says itself that it is not yet': claims({ nbf: nowS() + 100 }),
  };

  test('with any one thing wrong is a 401 that names DPoP, and leaves no trace', async () => {
    const world = await startDpop('allowed');
    const token = await boundToken(world);
    const ofRsa = await boundToken(world, rsa);
    const before = await dump(world);
    const refuse = async (label: string, proof: string | undefined, access = token) => {
      const answer = await look(world, access, proof);
      expectProblem(answer, 'invalid-dpop-proof', label);
      expect(challengeOf(answer), label).toBe(
        `${DPOP}, error="invalid_dpop_proof", ${ALGS}, Bearer realm="email-change"`,
      );
    };
    for (const [label, wish] of Object.entries(BAD)) {
      const access = wish.key === rsa ? ofRsa : token;
      await refuse(label, proofFor(access, wish), access);
    }

    await refuse('none at all', undefined);
    const good = proofFor(token);
    const [head = '', body = '', signature = ''] = good.split('.');
    await refuse('empty', '');
    await refuse('two parts', `${head}.${body}`);
    await refuse('no signature', `${head}.${body}.`);
    await refuse('four parts', `${good}.x`);
    await refuse('no JSON', `x.y.${signature}`);
    await refuse('a list of proofs', `${good}, ${proofFor(token)}`);
    await refuse('padding', `${good}=`);
    await refuse(
      'claims of another proof',
      `${head}.${proofFor(token).split('.')[1]}.${signature}`,
    );
    await refuse('a jti of 10 kB', proofFor(token, claims({ jti: 'j'.repeat(10_000) })));
    expect(await dump(world)).toEqual(before);
    expect(world.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('that comes twice in one request is none, be they the same or two good ones', async () => {
    const world = await startDpop('required');
    const token = await boundToken(world);
    const [one, two] = [proofFor(token), proofFor(token)];
    for (const second of [one, two, 'x', '']) {
      const answer = await send(world.api, CURRENT, {
        headers: ['host', 'x', 'authorization', `DPoP ${token}`, 'dpop', one, 'DPoP', second],
      });
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([401, 'invalid-dpop-proof']);
    }
    expectProblem(await look(world, token, one), 'not-found');
  });

  test('for the address in the Host header, or in the request line, is for somebody else', async () => {
    const world = await startDpop('required');
    const token = await boundToken(world);
    for (const path of [CURRENT, `http://evil.example${CURRENT}`])
      for (const [host, url, status] of [
        ['evil.example', `http://evil.example${CURRENT}`, 401],
        ['evil.example', `${PUBLIC}${CURRENT}`, 404],
      ] as const) {
        const answer = await send(world.api, path, {
          headers: {
            host,
            'x-forwarded-host': host,
            authorization: `DPoP ${token}`,
            dpop: proofFor(token, { url }),
          },
        });
        expect([answer.status, path, url]).toEqual([status, path, url]);
      }
  });

  test('of the thief of a token is by the wrong key, and is told so as of a wrong token', async () => {
    const world = await startDpop('required');
    const token = await boundToken(world);
    const stolen = await look(world, token, proofFor(token, { key: stranger }));
    expectProblem(stolen, 'invalid-token');
    expect(challengeOf(stolen)).toBe(`${DPOP}, error="invalid_token", ${ALGS}`);
    const BINDINGS: unknown[] = [
      { jkt: [key.jkt] },
      { jkt: '' },
      { 'x5t#S256': 'x' },
      // A binding to a certificate beside it can not be checked here.
      { jkt: key.jkt, 'x5t#S256': 'x' },
      {},
      [],
      'x',
      null,
    ];
    for (const cnf of BINDINGS) {
      const odd = await world.token('auth0|u', { claims: { cnf } });
      const answer = await look(world, odd, proofFor(odd));
      expectProblem(answer, 'invalid-token', JSON.stringify(cnf));
    }
  });
});

describe('a proof counts once', () => {
  test('of many copies at two processes at the same time one gets in', async () => {
    const world = await startDpop('required');
    const other = await startApi(readApiConfig(world.env), { logTo: { write: () => undefined } });
    try {
      const token = await boundToken(world);
      const dpop = proofFor(token);
      const headers = { authorization: `DPoP ${token}`, dpop };
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          callApi(i % 2 ? world.api : other.url, 'GET', CURRENT, { headers }),
        ),
      );
      const codes = answers.map(({ body }) => body.code as string);
      expect(codes.filter((code) => code === 'not-found')).toHaveLength(1);
      expect(codes.filter((code) => code === 'invalid-dpop-proof')).toHaveLength(19);
      expect(answers.find(({ status }) => status === 401)?.body.detail).toMatch(/jti/);

      // What is kept goes by itself, and is nothing that one could read or use.
      const kept = Object.entries(await dump(world)).filter(([name]) => name.includes(':dpop:'));
      expect(kept).toHaveLength(1);
      const [name, value] = kept[0]!;
      const { jti } = JSON.parse(Buffer.from(dpop.split('.')[1]!, 'base64url').toString());
      for (const secret of [jti, token, key.jkt]) expect(`${name}${value}`).not.toContain(secret);
      expect(await world.redis.pttl(name)).toBeGreaterThan(120_000);
      expect(await world.redis.pttl(name)).toBeLessThanOrEqual(130_000);
    } finally {
      await other.close();
    }
  });

  test('also with its signature or its encoding altered; another path or key is another proof', async () => {
    const world = await startDpop('required');
    const token = await boundToken(world);
    const jti = 'the-very-same';
    expectProblem(await look(world, token, proofFor(token, { claims: { jti } })), 'not-found');
    // ES256 signs differently every time.
    const again = await look(world, token, proofFor(token, { claims: { jti } }));
    expectProblem(again, 'invalid-dpop-proof');
    const theirs = await boundToken(world, stranger);
    const wish = { key: stranger, claims: { jti } };
    expectProblem(await look(world, theirs, proofFor(theirs, wish)), 'not-found');
    const path = '/v1/email-changes/AAAAAAAAAAAAAAAAAAAAAA';
    const elsewhere = await world.call('GET', path, {
      headers: {
        authorization: `DPoP ${token}`,
        dpop: proofFor(token, { url: `${PUBLIC}${path}`, claims: { jti } }),
      },
    });
    expectProblem(elsewhere, 'not-found');
  });

  test('when Redis can not say, nobody is let in: 503', async () => {
    const redis = await spawnRedis();
    onTestFinished(() => redis.stop());
    const world = await startDpop('required', { env: { REDIS_URL: redis.url } });
    const token = await boundToken(world);
    // This path asks Redis for nothing but the proof.
    const path = '/v1/email-changes/not-an-id';
    const visit = () =>
      world.call('GET', path, {
        headers: {
          authorization: `DPoP ${token}`,
          dpop: proofFor(token, { url: `${PUBLIC}${path}` }),
        },
      });
    const isReady = async () => (await world.call('GET', '/readyz')).status === 200;
    await eventually(isReady, 'ready');
    expectProblem(await visit(), 'not-found');
    await redis.kill();
    const shut = await visit();
    expectProblem(shut, 'unavailable');
    expect(shut.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  });
});

describe('a clock that is wrong', () => {
  const nonceOf = (answer: Answer): string => {
    expectProblem(answer, 'use-dpop-nonce');
    expect(challengeOf(answer)).toBe(`${DPOP}, error="use_dpop_nonce", ${ALGS}`);
    return answer.headers.get('dpop-nonce')!;
  };

  test('is helped by a nonce, which is ours, good at every process, and soon over', async () => {
    const world = await startDpop('required');
    const token = await boundToken(world, key, { expiresIn: 3600 });
    const visit = (claims: object) =>
      look(world, token, proofFor(token, { claims: { ...claims } }));
    const nowS = Math.floor(Date.now() / 1000);
    let nonce = '';
    for (const iat of [nowS - 70, nowS + 20, nowS - 86_400, 0, -1, 1e300])
      nonce = nonceOf(await visit({ iat }));
    expect(nonce).toMatch(/^[\w-]{22}$/);
    const iat = nowS - 86_400;
    expectProblem(await visit({ iat, nonce }), 'not-found');
    const replayed = proofFor(token, { claims: { iat, nonce } });
    expectProblem(await look(world, token, replayed), 'not-found');
    expectProblem(await look(world, token, replayed), 'invalid-dpop-proof');

    const other = await startApi(readApiConfig(world.env), { logTo: { write: () => undefined } });
    const dpop = proofFor(token, { claims: { iat, nonce } });
    const headers = { authorization: `DPoP ${token}`, dpop };
    expectProblem(await callApi(other.url, 'GET', CURRENT, { headers }), 'not-found');
    await other.close();

    world.pass(121_000);
    const next = nonceOf(await visit({ iat: nowS + 121, nonce }));
    expect(next).not.toBe(nonce);
    for (const foreign of ['x', '', 7, null, [next], `${next}x`])
      nonceOf(await visit({ nonce: foreign }));
    // Nobody else's deployment makes it.
    const elsewhere = await startDpop('required');
    const theirToken = await boundToken(elsewhere);
    const wish = { claims: { iat: 0 } };
    const theirs = nonceOf(await look(elsewhere, theirToken, proofFor(theirToken, wish)));
    nonceOf(await visit({ nonce: theirs }));
  });

  test('is told to browsers: the challenge and the nonce may be read, the proof may be sent', async () => {
    const origin = 'https://spa.example';
    const world = await startDpop('required', { env: { CORS_ORIGINS: origin } });
    const preflight = await send(world.api, CURRENT, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,dpop',
      },
    });
    expect(preflight.headers['access-control-allow-headers']).toContain('dpop');
    const exposed = (await ask(world, 'x', 'a@example.org')).headers;
    expect(exposed.get('access-control-expose-headers')).toMatch(/www-authenticate.*dpop-nonce/);
  });
});
