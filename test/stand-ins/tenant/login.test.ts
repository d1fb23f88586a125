import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTenant, type Tenant } from '../../../stand-ins/tenant.ts';
import { decodeJwt, signatureFits } from '../../../stand-ins/tenant/jwt.ts';
import { refreshTokensAnswer } from '../../../stand-ins/tenant/schema.ts';
import { callbackOf, createBrowser, postToken, REDIRECT_URI, type Tokens } from './browser.ts';

const AUTH_TIME = 'https://readdress/auth_time';
const AMR = 'https://readdress/amr';
const ADA = { email: 'ada@example.com', password: 'correct horse' };

let tenant: Tenant;

beforeAll(async () => {
  tenant = await startTenant({
    actions: ['login-evidence'],
    spa: { redirectUris: [REDIRECT_URI], logoutUris: ['http://localhost:4401/'] },
    users: [
      { user_id: 'auth0|ada', ...ADA },
      { user_id: 'auth0|eve', email: 'eve@example.com', password: 'x', blocked: true },
    ],
  });
});

afterAll(() => tenant.close());

let users = 0;
/** A user of one's own, for tests that change theirs. */
function newUser() {
  users += 1;
  const email = `user${users}@example.com`;
  const { user_id: userId } = tenant.addUser({ email, password: 'x' });
  return { userId, credentials: { email, password: 'x' } };
}

function claimsOf(token: string) {
  return decodeJwt(token)?.claims ?? {};
}

function shape(token: string) {
  const { iat, exp, [AUTH_TIME]: at, ...rest } = claimsOf(token);
  return { ...rest, times: [typeof iat, typeof exp, typeof at] };
}

async function refresh(tokens: Tokens, fields: Record<string, string> = {}) {
  return postToken(tenant, {
    grant_type: 'refresh_token',
    client_id: tenant.spaClientId,
    refresh_token: tokens.refresh_token ?? '',
    ...fields,
  });
}

async function manage(method: string, path: string, body?: unknown) {
  const scope = 'update:users delete:sessions read:refresh_tokens delete:refresh_tokens';
  const audience = `${tenant.issuer}api/v2/`;
  const token = await tenant.accessToken({ sub: 'worker@clients', scope, audience });
  return fetch(`${tenant.url}/api/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

describe('the login', () => {
  it('asks for credentials on a page that people and assistive technology can use', async () => {
    const page = await createBrowser(tenant).authorize({ login_hint: 'ada@example.com' });
    expect(page.status).toBe(200);
    const html = await page.text();
    expect(html).toContain('<html lang="en">');
    expect(html).toMatch(/<label for="email">[^]*id="email"[^]*value="ada@example.com"/);
    expect(html).toMatch(/<label for="password">[^]*id="password"/);
  });

  it('gives an access token for our API as Auth0 makes them', async () => {
    const tokens = await createBrowser(tenant).logIn(ADA);
    const token = decodeJwt(tokens.access_token);
    expect(token?.header).toEqual({ alg: 'RS256', typ: 'JWT', kid: tenant.keys.current.kid });
    expect(token && signatureFits(token, tenant.keys.current.publicKey, ['RS256'])).toBe(true);
    expect(token?.claims).toEqual({
      iss: tenant.issuer,
      sub: 'auth0|ada',
      aud: [tenant.audience, `${tenant.issuer}userinfo`],
      iat: expect.any(Number),
      exp: expect.any(Number),
      scope: 'openid profile email change:email',
      azp: tenant.spaClientId,
      [AUTH_TIME]: expect.any(Number),
      [AMR]: ['pwd'],
    });
    expect(tokens.scope).toBe('openid profile email change:email');
    expect(tokens.expires_in).toBe(900);
    expect(tokens.refresh_token).toBeUndefined();
  });

  it('looks the same as a token of the accessToken helper', async () => {
    const { access_token: real } = await createBrowser(tenant).logIn(ADA);
    const made = await tenant.accessToken({ sub: 'auth0|ada' });
    expect(shape(made)).toEqual(shape(real));
  });

  it('puts the profile into the ID token', async () => {
    const tokens = await createBrowser(tenant).logIn(ADA, { nonce: 'n-1' });
    expect(claimsOf(tokens.id_token)).toMatchObject({
      iss: tenant.issuer,
      aud: tenant.spaClientId,
      sub: 'auth0|ada',
      email: 'ada@example.com',
      email_verified: true,
      name: 'ada@example.com',
      nonce: 'n-1',
    });
  });

  it('remembers a second factor', async () => {
    const tokens = await createBrowser(tenant).logIn({ ...ADA, mfa: '1' });
    expect(claimsOf(tokens.access_token)[AMR]).toEqual(['pwd', 'mfa']);
  });

  it('refuses wrong passwords and blocked users on the page', async () => {
    const browser = createBrowser(tenant);
    const page = await browser.authorize();
    const wrong = await browser.submit(page, { ...ADA, password: 'wrong' });
    expect(wrong.status).toBe(400);
    expect(await wrong.text()).toContain('Wrong email address or password.');
    const blocked = await browser.submit(page, { email: 'eve@example.com', password: 'x' });
    expect(blocked.status).toBe(403);
    expect(callbackOf(await browser.submit(page, ADA)).get('code')).toBeTruthy();
  });

  it('counts logins', async () => {
    const { userId, credentials } = newUser();
    await createBrowser(tenant).logIn(credentials);
    expect(tenant.user(userId)).toMatchObject({ logins_count: 1, last_login: expect.any(String) });
    expect(tenant.sessions(userId)).toMatchObject([{ clientIds: [tenant.spaClientId] }]);
  });

  it('sends errors to the application, and unknown callbacks nowhere', async () => {
    const browser = createBrowser(tenant);
    const unknown = await browser.authorize({ audience: 'https://other.example/' });
    expect(callbackOf(unknown).get('error')).toBe('access_denied');
    expect(callbackOf(unknown).get('error_description')).toContain('Service not found');
    const elsewhere = await browser.authorize({ redirect_uri: 'https://evil.example/' });
    expect(elsewhere.status).toBe(400);
    expect(elsewhere.headers.get('location')).toBeNull();
    const plain = await browser.authorize({ code_challenge: '', code_challenge_method: '' });
    expect(callbackOf(plain).get('error')).toBe('invalid_request');
  });

  it('refuses a code twice, and with the wrong verifier', async () => {
    const browser = createBrowser(tenant);
    const callback = await browser.submit(await browser.authorize(), ADA);
    expect((await createBrowser(tenant).exchange(callback)).status).toBe(403);
    const again = await browser.submit(await browser.authorize({ prompt: 'login' }), ADA);
    expect((await browser.exchange(again)).status).toBe(200);
    const refused = await browser.exchange(again);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toEqual({
      error: 'invalid_grant',
      error_description: 'Invalid authorization code',
    });
  });

  it('forgets the login page of a closed login', async () => {
    const page = await createBrowser(tenant).open(`${tenant.url}/u/login?state=unknown`);
    expect(page.status).toBe(400);
    expect(await page.text()).toContain('This login has expired');
  });
});

describe('the session', () => {
  it('renews silently, with the time of the real login', async () => {
    const browser = createBrowser(tenant);
    const first = await browser.logIn(ADA);
    const silent = await browser.authorize({ prompt: 'none' });
    const second: Tokens = JSON.parse(await (await browser.exchange(silent)).text());
    expect(claimsOf(second.access_token)[AUTH_TIME]).toBe(claimsOf(first.access_token)[AUTH_TIME]);
  });

  it('answers the silent iframe by web_message to the application alone', async () => {
    const browser = createBrowser(tenant);
    await browser.logIn(ADA);
    const frame = await browser.authorize({ prompt: 'none', response_mode: 'web_message' });
    expect(frame.headers.get('x-frame-options')).toBeNull();
    const script = await frame.text();
    expect(script).toContain('authorization_response');
    expect(script).toContain(REDIRECT_URI);
  });

  it('asks again for prompt=login and for an old login with max_age', async () => {
    const browser = createBrowser(tenant);
    await browser.logIn(ADA);
    expect((await browser.authorize({ prompt: 'login' })).url).toContain('/u/login');
    expect((await browser.authorize({ max_age: '0' })).url).toContain('/u/login');
    expect(callbackOf(await browser.authorize({ max_age: '3600' })).get('code')).toBeTruthy();
  });

  it('ends when the email changes: silent authentication fails then', async () => {
    const { userId, credentials } = newUser();
    const browser = createBrowser(tenant);
    await browser.logIn(credentials);
    const email = `new-${credentials.email}`;
    const changed = await manage('PATCH', `/users/${userId}`, { email, email_verified: true });
    expect(changed.status).toBe(200);
    const silent = await browser.authorize({ prompt: 'none' });
    expect(callbackOf(silent).get('error')).toBe('login_required');
    const page = await browser.authorize();
    const back = await browser.submit(page, { ...credentials, email });
    expect(callbackOf(back).get('code')).toBeTruthy();
  });

  it('survives an email that is set to what it was', async () => {
    const { userId, credentials } = newUser();
    const browser = createBrowser(tenant);
    await browser.logIn(credentials);
    await manage('PATCH', `/users/${userId}`, { email: credentials.email, email_verified: true });
    expect(callbackOf(await browser.authorize({ prompt: 'none' })).get('code')).toBeTruthy();
  });

  it('ends when a user is blocked', async () => {
    const { userId, credentials } = newUser();
    const browser = createBrowser(tenant);
    await browser.logIn(credentials);
    tenant.updateUser(userId, { blocked: true });
    const silent = await browser.authorize({ prompt: 'none' });
    expect(callbackOf(silent).get('error')).toBe('login_required');
  });

  it('ends at /v2/logout, which returns to allowed addresses only', async () => {
    const browser = createBrowser(tenant);
    await browser.logIn(ADA);
    const logout = `${tenant.url}/v2/logout?client_id=${tenant.spaClientId}&returnTo=`;
    const refused = await browser.open(logout + encodeURIComponent('https://evil.example/'));
    expect(refused.status).toBe(400);
    const returned = await browser.open(logout + encodeURIComponent('http://localhost:4401/'));
    expect(returned.headers.get('location')).toBe('http://localhost:4401/');
    expect(callbackOf(await browser.authorize({ prompt: 'none' })).get('error')).toBe(
      'login_required',
    );
  });

  it('keeps working over a rotation of the keys, and tokens name the new key', async () => {
    const other = await startTenant({ spa: { redirectUris: [REDIRECT_URI] }, users: [ADA] });
    const browser = createBrowser(other);
    await browser.logIn(ADA);
    await other.rotateKeys();
    const silent = await browser.exchange(await browser.authorize({ prompt: 'none' }));
    const tokens: Tokens = JSON.parse(await silent.text());
    expect(decodeJwt(tokens.access_token)?.header.kid).toBe(other.keys.current.kid);
    expect(decodeJwt(tokens.id_token)?.header.kid).toBe(other.keys.current.kid);
    await other.close();
  });

  it('allows callbacks that are configured late', async () => {
    const other = await startTenant({ users: [ADA] });
    const browser = createBrowser(other);
    expect((await browser.authorize()).status).toBe(400);
    other.configureSpa({ redirectUris: [REDIRECT_URI] });
    expect((await browser.authorize()).url).toContain('/u/login');
    await other.close();
  });
});

describe('refresh tokens', () => {
  const OFFLINE = { scope: 'openid email change:email offline_access' };

  it('come with offline_access, rotate, and are no login: what they renew holds no evidence of one', async () => {
    const { userId, credentials } = newUser();
    let first = await createBrowser(tenant).logIn(credentials, OFFLINE);
    expect(first.scope).toBe('openid email change:email offline_access');
    expect(tenant.refreshTokens(userId)).toMatchObject([{ audience: tenant.audience }]);
    expect(claimsOf(first.access_token)).toHaveProperty([AUTH_TIME]);
    for (const scope of ['openid change:email', '']) {
      const renewed = await refresh(first, scope === '' ? {} : { scope });
      const second: Tokens = JSON.parse(await renewed.text());
      expect(claimsOf(second.access_token)).toMatchObject({ sub: userId });
      expect(claimsOf(second.access_token)).not.toHaveProperty([AUTH_TIME]);
      expect(second.refresh_token).not.toBe(first.refresh_token);
      first = second;
    }
  });

  it('are refused when used twice, in the words the SPA SDK listens for', async () => {
    const { credentials } = newUser();
    const first = await createBrowser(tenant).logIn(credentials, OFFLINE);
    await refresh(first);
    const refused = await refresh(first);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toEqual({
      error: 'invalid_grant',
      error_description: 'Unknown or invalid refresh token.',
    });
  });

  it('narrow to the scope that is asked, in JSON too', async () => {
    const { credentials } = newUser();
    const tokens = await createBrowser(tenant).logIn(credentials, OFFLINE);
    const response = await fetch(`${tenant.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'http://localhost:4401' },
      body: JSON.stringify({
        grant_type: 'refresh_token',
        client_id: tenant.spaClientId,
        refresh_token: tokens.refresh_token,
        scope: 'openid change:email',
      }),
    });
    expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:4401');
    const narrowed: Tokens = JSON.parse(await response.text());
    expect(claimsOf(narrowed.access_token)['scope']).toMatch(/^openid change:email/);
  });

  it('are listed as Auth0’s schema has it', async () => {
    const { userId, credentials } = newUser();
    await createBrowser(tenant).logIn(credentials, OFFLINE);
    const list = await (await manage('GET', `/users/${userId}/refresh-tokens`)).json();
    expect(list).toMatchObject({
      tokens: [{ user_id: userId, client_id: tenant.spaClientId, rotating: true }],
    });
    expect(refreshTokensAnswer.safeParse(list).error).toBeUndefined();
  });

  it('end at /oauth/revoke', async () => {
    const { credentials } = newUser();
    const tokens = await createBrowser(tenant).logIn(credentials, OFFLINE);
    const form = { client_id: tenant.spaClientId, token: tokens.refresh_token ?? '' };
    const body = new URLSearchParams(form);
    const revoked = await fetch(`${tenant.url}/oauth/revoke`, { method: 'POST', body });
    expect(revoked.status).toBe(200);
    expect((await refresh(tokens)).status).toBe(403);
  });

  it('survive an email change and end by revocation', async () => {
    const { userId, credentials } = newUser();
    const first = await createBrowser(tenant).logIn(credentials, OFFLINE);
    await manage('PATCH', `/users/${userId}`, { email: `new-${credentials.email}` });
    const second: Tokens = JSON.parse(await (await refresh(first)).text());
    expect((await manage('POST', '/refresh-tokens/revoke', { user_id: userId })).status).toBe(202);
    expect(tenant.refreshTokens(userId)).toEqual([]);
    expect((await refresh(second)).status).toBe(403);
  });

  it('are recorded without their value', async () => {
    const { credentials } = newUser();
    const tokens = await createBrowser(tenant).logIn(credentials, OFFLINE);
    await refresh(tokens);
    const record = JSON.stringify(tenant.tokenRequests());
    expect(record).toContain('refresh_token');
    expect(record).not.toContain(tokens.refresh_token);
  });
});

describe('the other endpoints', () => {
  it('are found by discovery, under Auth0’s paths', async () => {
    const discovery = await fetch(`${tenant.url}/.well-known/openid-configuration`);
    expect(await discovery.json()).toMatchObject({
      issuer: tenant.issuer,
      authorization_endpoint: `${tenant.url}/authorize`,
      token_endpoint: `${tenant.url}/oauth/token`,
      jwks_uri: `${tenant.url}/.well-known/jwks.json`,
      userinfo_endpoint: `${tenant.url}/userinfo`,
      revocation_endpoint: `${tenant.url}/oauth/revoke`,
    });
  });

  it('show the profile at /userinfo to who holds an access token', async () => {
    const userinfo = (token: string) =>
      fetch(`${tenant.url}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    const tokens = await createBrowser(tenant).logIn(ADA);
    expect(await (await userinfo(tokens.access_token)).json()).toMatchObject({
      sub: 'auth0|ada',
      email: 'ada@example.com',
      name: 'ada@example.com',
    });
    const old = await tenant.accessToken({ sub: 'auth0|ada', expiresIn: -1 });
    expect((await userinfo(old)).status).toBe(401);
  });

  it('answer on 127.0.0.1 and on localhost', async () => {
    const url = `${tenant.url.replace('localhost', '127.0.0.1')}/.well-known/jwks.json`;
    expect((await fetch(url)).status).toBe(200);
  });
});
