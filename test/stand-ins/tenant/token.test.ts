import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTenant, type Tenant } from '../../../stand-ins/tenant.ts';
import { ASSERTION_TYPE } from '../../../stand-ins/tenant/clients.ts';
import { decodeJwt, signJwt, signatureFits, type Claims } from '../../../stand-ins/tenant/jwt.ts';
import { postToken } from './browser.ts';
import { managementToken, usersClient } from './worker.ts';

const client = generateKeyPairSync('rsa', { modulusLength: 2048 });

let tenant: Tenant;

beforeAll(async () => {
  tenant = await startTenant({
    clientPublicKey: client.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    actions: ['login-evidence'],
    users: [{ user_id: 'auth0|ada', email: 'ada@example.com' }],
  });
});

afterAll(() => tenant.close());

async function ask(fields: Record<string, string>) {
  const response = await postToken(tenant, {
    grant_type: 'client_credentials',
    client_id: tenant.clientId,
    audience: `${tenant.issuer}api/v2/`,
    ...fields,
  });
  const body: unknown = await response.json();
  return { status: response.status, body };
}

describe('client credentials', () => {
  it('give a management token as Auth0 makes them', async () => {
    const answer = await managementToken(tenant);
    expect(answer).toMatchObject({
      token_type: 'Bearer',
      expires_in: 86_400,
      scope: 'read:users update:users delete:sessions delete:refresh_tokens',
    });
    const token = decodeJwt(answer.access_token);
    expect(token?.header).toEqual({ alg: 'RS256', typ: 'JWT', kid: tenant.keys.current.kid });
    expect(token?.claims).toEqual({
      iss: tenant.issuer,
      sub: `${tenant.clientId}@clients`,
      aud: `${tenant.issuer}api/v2/`,
      iat: expect.any(Number),
      exp: Number(token?.claims['iat']) + 86_400,
      scope: answer.scope,
      gty: 'client-credentials',
      azp: tenant.clientId,
    });
  });

  it('are taken as JSON too', async () => {
    const response = await fetch(`${tenant.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'client_credentials',
        client_id: tenant.clientId,
        client_secret: tenant.clientSecret,
        audience: `${tenant.issuer}api/v2/`,
      }),
    });
    expect(response.status).toBe(200);
  });

  it('are refused in Auth0’s words', async () => {
    const unauthorized = {
      status: 401,
      body: { error: 'access_denied', error_description: 'Unauthorized' },
    };
    expect(await ask({ client_secret: 'wrong' })).toEqual(unauthorized);
    expect(await ask({})).toEqual(unauthorized);
    expect(await ask({ client_id: 'nobody', client_secret: 'x' })).toEqual(unauthorized);
    const { clientSecret: secret } = tenant;
    const elsewhere = await ask({ client_secret: secret, audience: 'https://other.example/' });
    expect(elsewhere).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(await ask({ client_secret: secret, grant_type: 'password' })).toEqual({
      status: 403,
      body: {
        error: 'unauthorized_client',
        error_description: "Grant type 'password' not allowed for the client.",
      },
    });
  });

  it('are recorded without the secret', () => {
    const record = tenant.tokenRequests();
    expect(record[0]?.body).toEqual({
      grant_type: 'client_credentials',
      client_id: tenant.clientId,
      audience: `${tenant.issuer}api/v2/`,
    });
    expect(JSON.stringify(record)).not.toContain(tenant.clientSecret);
  });
});

describe('private_key_jwt', () => {
  function assertion(claims: Claims = {}, alg = 'RS256') {
    const now = Math.floor(Date.now() / 1000);
    const { clientId: id } = tenant;
    const standard = { iss: id, sub: id, aud: tenant.issuer, iat: now, exp: now + 60 };
    return signJwt({ alg }, { ...standard, jti: randomUUID(), ...claims }, client.privateKey);
  }
  const prove = (jwt: string) =>
    ask({ client_assertion_type: ASSERTION_TYPE, client_assertion: jwt });

  it.each(['RS256', 'RS384', 'PS256'])('is taken when signed with %s', async (alg) => {
    expect((await prove(assertion({}, alg))).status).toBe(200);
  });

  it('is taken once only', async () => {
    const jwt = assertion();
    expect((await prove(jwt)).status).toBe(200);
    expect(await prove(jwt)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it.each<[string, () => Claims]>([
    ['another audience', () => ({ aud: `${tenant.url}/oauth/token` })],
    ['another issuer', () => ({ iss: 'someone' })],
    ['a past', () => ({ exp: Math.floor(Date.now() / 1000) - 1 })],
    ['a life of an hour', () => ({ exp: Math.floor(Date.now() / 1000) + 3600 })],
    ['a future', () => ({ nbf: Math.floor(Date.now() / 1000) + 60 })],
    ['no id', () => ({ jti: undefined })],
  ])('is refused with %s', async (_what, claims) => {
    expect((await prove(assertion(claims()))).status).toBe(401);
  });

  it('is refused with another key or algorithm', async () => {
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const token = decodeJwt(assertion());
    const forged = signJwt({ alg: 'RS256' }, token?.claims ?? {}, stranger.privateKey);
    expect((await prove(forged)).status).toBe(401);
    expect((await prove(assertion({}, 'RS512'))).status).toBe(401);
    expect((await prove(assertion({}, 'none'))).status).toBe(401);
  });
});

describe('the signing keys', () => {
  async function kids(of: Tenant) {
    const response = await fetch(`${of.url}/.well-known/jwks.json`);
    const { keys }: { keys: { kid: string; d?: string }[] } = JSON.parse(await response.text());
    expect(keys.every((key) => key.d === undefined)).toBe(true);
    return keys.map((key) => key.kid);
  }

  it('rotate: the next key is known beforehand, the former one until it is revoked', async () => {
    const other = await startTenant();
    const { current, next } = other.keys;
    const before = await managementToken(other);
    expect(await kids(other)).toEqual([current.kid, next.kid]);
    await other.rotateKeys();
    expect(other.keys.current).toBe(next);
    expect(await kids(other)).toEqual([next.kid, other.keys.next.kid, current.kid]);
    expect(decodeJwt((await managementToken(other)).access_token)?.header.kid).toBe(next.kid);
    const client = await usersClient(other, before.access_token);
    await expect(client.get('auth0|ada')).rejects.toMatchObject({ statusCode: 404 });
    other.revokeOldKeys();
    expect(await kids(other)).toEqual([next.kid, other.keys.next.kid]);
    await expect(client.get('auth0|ada')).rejects.toMatchObject({ statusCode: 401 });
    expect(other.jwksRequests()).toHaveLength(3);
    await other.close();
  });
});

describe('accessToken', () => {
  const read = async (wish: Parameters<Tenant['accessToken']>[0]) =>
    decodeJwt(await tenant.accessToken(wish));

  it('makes a good user token by default', async () => {
    const token = await read({ sub: 'auth0|ada', authTime: 1234 });
    expect(token && signatureFits(token, tenant.keys.current.publicKey, ['RS256'])).toBe(true);
    expect(token?.claims).toMatchObject({
      sub: 'auth0|ada',
      aud: [tenant.audience, `${tenant.issuer}userinfo`],
      scope: 'openid profile email change:email',
      azp: tenant.spaClientId,
      'https://readdress/auth_time': 1234,
    });
    expect((await read({ sub: 'auth0|ada', scope: 'change:email' }))?.claims['aud']).toBe(
      tenant.audience,
    );
  });

  it('makes bad ones on demand', async () => {
    const token = await read({
      sub: 'auth0|ada',
      claims: { aud: undefined, iss: 'https://evil.example/' },
      header: { kid: undefined, typ: 'at+jwt' },
      expiresIn: -60,
    });
    expect(token?.header).toEqual({ alg: 'RS256', typ: 'at+jwt' });
    expect(token?.claims).not.toHaveProperty('aud');
    expect(token?.claims['iss']).toBe('https://evil.example/');
    expect(Number(token?.claims['exp'])).toBeLessThan(Date.now() / 1000);
    const unsigned = await tenant.accessToken({ sub: 'auth0|ada', header: { alg: 'none' } });
    expect(unsigned.endsWith('.')).toBe(true);
    expect((await read({ sub: 'x', key: tenant.keys.next }))?.header.kid).toBe(
      tenant.keys.next.kid,
    );
  });
});
