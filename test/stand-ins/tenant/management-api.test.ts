import { ManagementError } from 'auth0';
import type { UsersClient } from 'auth0/users';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTenant, type Tenant } from '../../../stand-ins/tenant.ts';
import { createSigningKey } from '../../../stand-ins/tenant/keys.ts';
import { sessionsAnswer, userAnswer } from '../../../stand-ins/tenant/schema.ts';
import { managementToken, usersClient } from './worker.ts';

let tenant: Tenant;
let users: UsersClient;

const ADA = 'auth0|ada';

beforeEach(async () => {
  tenant = await startTenant({
    rateLimit: { burst: 1000 },
    managementScopes:
      'read:users update:users read:sessions delete:sessions read:refresh_tokens delete:refresh_tokens'.split(
        ' ',
      ),
    connections: [
      { name: 'old-db', disabled: true },
      { name: 'shared', uniqueEmails: false },
    ],
    users: [
      { user_id: ADA, email: 'Ada@Example.com', password: 'x' },
      { user_id: 'auth0|bob', email: 'bob@example.com' },
      { user_id: 'google-oauth2|1', email: 'Gus@gmail.com' },
    ],
  });
  users = await usersClient(tenant);
});

afterEach(() => tenant.close());

/** Status and body of a call that the tenant refuses. */
async function refusal(call: PromiseLike<unknown>) {
  const error: unknown = await Promise.resolve(call).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ManagementError)) throw new Error('The call was not refused.');
  return { status: error.statusCode, body: error.body };
}

/** A PATCH as no SDK would send it. */
async function patch(type: string, body: string): Promise<Response> {
  const { access_token: token } = await managementToken(tenant);
  return fetch(`${tenant.url}/api/v2/users/${encodeURIComponent(ADA)}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body,
  });
}

function badRequest(message: string, errorCode: string) {
  return { status: 400, body: { statusCode: 400, error: 'Bad Request', message, errorCode } };
}

describe('GET /users/{id}', () => {
  it('shows the user as Auth0’s schema has it, database emails in lower case', async () => {
    const user = await users.get(ADA);
    expect(user).toMatchObject({
      user_id: ADA,
      email: 'ada@example.com',
      email_verified: true,
      identities: [
        {
          provider: 'auth0',
          connection: 'Username-Password-Authentication',
          user_id: 'ada',
          isSocial: false,
        },
      ],
    });
    expect(JSON.stringify(user)).not.toContain('password');
    expect(userAnswer.safeParse(user).error).toBeUndefined();
    expect((await users.get('google-oauth2|1')).email).toBe('Gus@gmail.com');
  });

  it('includes or leaves out fields', async () => {
    expect(await users.get(ADA, { fields: 'email,user_id', include_fields: true })).toEqual({
      user_id: ADA,
      email: 'ada@example.com',
    });
    const rest = await users.get(ADA, { fields: 'email,identities', include_fields: false });
    expect(Object.keys(rest)).toContain('user_id');
    expect(Object.keys(rest)).not.toContain('email');
  });

  it('answers 404 for an unknown user', async () => {
    expect(await refusal(users.get('auth0|nobody'))).toEqual({
      status: 404,
      body: {
        statusCode: 404,
        error: 'Not Found',
        message: 'The user does not exist.',
        errorCode: 'inexistent_user',
      },
    });
  });
});

describe('GET /users-by-email', () => {
  it('finds exact matches only', async () => {
    const found = await users.listUsersByEmail({ email: 'ada@example.com' });
    expect(found).toMatchObject([{ user_id: ADA }]);
    for (const user of found) expect(userAnswer.safeParse(user).error).toBeUndefined();
    expect(await users.listUsersByEmail({ email: 'Ada@example.com' })).toEqual([]);
  });
});

describe('PATCH /users/{id}', () => {
  it('changes the email and answers with the user', async () => {
    const before = tenant.user(ADA).updated_at;
    const user = await users.update(ADA, {
      email: 'New@Example.com',
      email_verified: true,
      verify_email: false,
    });
    expect(user).toMatchObject({ user_id: ADA, email: 'new@example.com', email_verified: true });
    expect(userAnswer.safeParse(user).error).toBeUndefined();
    expect(tenant.user(ADA).email).toBe('new@example.com');
    expect(tenant.user(ADA).updated_at >= before).toBe(true);
    expect(tenant.verificationMails).toEqual([]);
    expect(tenant.patches(ADA)).toMatchObject([
      { status: 200, effective: true, body: { email: 'New@Example.com' } },
    ]);
  });

  it('marks a changed email unverified unless told otherwise', async () => {
    expect(await users.update(ADA, { email: 'ada@example.com' })).toMatchObject({
      email_verified: true,
    });
    expect(await users.update(ADA, { email: 'new@example.com' })).toMatchObject({
      email_verified: false,
    });
  });

  it('records the mail that Auth0 would send for verify_email', async () => {
    await users.update(ADA, { email: 'new@example.com', verify_email: true });
    expect(tenant.verificationMails).toMatchObject([{ userId: ADA, email: 'new@example.com' }]);
  });

  it('frees the old address at once', async () => {
    await users.update(ADA, { email: 'new@example.com' });
    expect(await users.update('auth0|bob', { email: 'ada@example.com' })).toMatchObject({
      email: 'ada@example.com',
    });
  });

  it('refuses an address that the same connection has, in any case', async () => {
    expect(await refusal(users.update(ADA, { email: 'BOB@example.com' }))).toEqual(
      badRequest('The specified new email already exists', 'auth0_idp_error'),
    );
    expect(tenant.user(ADA).email).toBe('ada@example.com');
    expect(tenant.patches(ADA)[0]?.effective).toBeUndefined();
  });

  it('takes an address that another connection has, or that need not be unique', async () => {
    tenant.addUser({ user_id: 'auth0|x', email: 'x@example.com', connection: 'shared' });
    tenant.addUser({ user_id: 'auth0|y', email: 'y@example.com', connection: 'shared' });
    expect((await users.update(ADA, { email: 'gus@gmail.com' })).email).toBe('gus@gmail.com');
    expect((await users.update('auth0|x', { email: 'y@example.com' })).email).toBe('y@example.com');
  });

  it('refuses a malformed address and values of the wrong type', async () => {
    const malformed = await refusal(users.update(ADA, { email: 'nobody' }));
    expect(malformed.body).toMatchObject({
      statusCode: 400,
      errorCode: 'invalid_body',
      message: expect.stringMatching(
        /^Payload validation error: 'Object didn't pass validation for format email/,
      ),
    });
    const wrongType = await patch('application/json', '{"email_verified":"yes"}');
    expect(await wrongType.json()).toMatchObject({
      message: expect.stringContaining('Expected type boolean but found type string'),
    });
    const unknown = await patch('application/json', '{"emial":"x@example.com"}');
    expect(await unknown.json()).toMatchObject({
      message: "Payload validation error: 'Additional properties not allowed: emial'.",
    });
    expect((await refusal(users.update(ADA, {}))).status).toBe(400);
  });

  it.each([
    ['password', 'email'],
    ['password', 'email_verified'],
    ['username', 'email'],
    ['username', 'email_verified'],
    ['username', 'password'],
  ])('refuses %s and %s in one call', async (a, b) => {
    const values = { email: 'new@example.com', email_verified: true, password: 'y', username: 'u' };
    const body = Object.fromEntries(Object.entries(values).filter(([k]) => k === a || k === b));
    expect(await refusal(users.update(ADA, body))).toEqual(
      badRequest(`Cannot update ${a} and ${b} simultaneously.`, 'operation_not_supported'),
    );
  });

  it('refuses identities whose email is not Auth0’s to change', async () => {
    tenant.addUser({ user_id: 'samlp|corp|1', email: 'sam@corp.example' });
    tenant.addUser({ user_id: 'sms|1', phone_number: '+4912345' });
    tenant.addUser({ user_id: 'auth0|old', email: 'old@example.com', connection: 'old-db' });
    const change = { email: 'new@example.com' };
    const notDatabase = 'Cannot update email for non-database user.';
    const notSupported = 'operation_not_supported';
    expect(await refusal(users.update('google-oauth2|1', change))).toEqual(
      badRequest(notDatabase, notSupported),
    );
    expect(await refusal(users.update('sms|1', change))).toEqual(
      badRequest(notDatabase, notSupported),
    );
    expect(await refusal(users.update('samlp|corp|1', { email_verified: true }))).toEqual(
      badRequest('Email verification is not supported for enterprise users.', notSupported),
    );
    expect(await refusal(users.update('auth0|old', change))).toEqual(
      badRequest(
        'Cannot change email or password for users in a disabled connection.',
        notSupported,
      ),
    );
  });

  it('changes the email of passwordless users', async () => {
    tenant.addUser({ user_id: 'email|1', email: 'pat@example.com' });
    expect(await users.update('email|1', { email: 'new@example.com' })).toMatchObject({
      email: 'new@example.com',
    });
  });

  it('changes blocked users too, and merges metadata on the first level', async () => {
    tenant.updateUser(ADA, { blocked: true, user_metadata: { a: { b: 1 }, c: 2, d: 3 } });
    const user = await users.update(ADA, {
      email: 'new@example.com',
      user_metadata: { a: { e: 1 }, d: null },
    });
    expect(user).toMatchObject({ blocked: true, email: 'new@example.com' });
    expect(user.user_metadata).toEqual({ a: { e: 1 }, c: 2 });
  });

  it('dates a new password, and never remembers it', async () => {
    await users.update(ADA, { password: 'hunter22' });
    expect(tenant.user(ADA).last_password_reset).toBeTruthy();
    expect(JSON.stringify([tenant.calls, tenant.user(ADA)])).not.toContain('hunter22');
  });

  it('is about the primary identity, or with `connection` about a linked one', async () => {
    tenant.addUser({
      email: 'gus@corp.example',
      identities: [
        { provider: 'google-oauth2', connection: 'google-oauth2', user_id: '7', isSocial: true },
        {
          provider: 'auth0',
          connection: 'Username-Password-Authentication',
          user_id: 'gus',
          isSocial: false,
          profileData: { email: 'gus@example.com', email_verified: true },
        },
      ],
    });
    const id = 'google-oauth2|7';
    const connection = 'Username-Password-Authentication';
    expect((await refusal(users.update(id, { email: 'new@example.com' }))).status).toBe(400);
    const user = await users.update(id, { email: 'New@example.com', connection });
    expect(user.email).toBe('gus@corp.example');
    expect(user.identities?.[1]?.profileData).toEqual({
      email: 'new@example.com',
      email_verified: false,
    });
    expect(userAnswer.safeParse(user).error).toBeUndefined();
    const taken = await refusal(users.update(ADA, { email: 'new@example.com' }));
    expect(taken.body).toMatchObject({ message: 'The specified new email already exists' });
    const unknown = await refusal(users.update(ADA, { email: 'a@example.com', connection: 'no' }));
    expect(unknown.body).toMatchObject({ message: 'Connection does not exist.' });
  });

  it('takes forms as well as JSON, and refuses what is neither', async () => {
    const form = await patch('application/x-www-form-urlencoded', 'email=form%40example.com');
    expect(await form.json()).toMatchObject({ email: 'form@example.com' });
    expect((await patch('application/json', '{"email":')).status).toBe(400);
  });
});

describe('the management token', () => {
  const audience = () => `${tenant.issuer}api/v2/`;
  const scope = 'read:users update:users';
  const worker = 'worker@clients';

  function unauthorized(message: string) {
    const body = {
      statusCode: 401,
      error: 'Unauthorized',
      message,
      attributes: { error: message },
    };
    return { status: 401, body };
  }

  async function get(token: string) {
    return refusal((await usersClient(tenant, token)).get(ADA));
  }

  it('is missed when it is missing or malformed', async () => {
    const url = `${tenant.url}/api/v2/users/${ADA}`;
    const missing = await fetch(url);
    expect(missing.status).toBe(401);
    expect(await missing.json()).toMatchObject({ message: 'Missing authentication' });
    expect((await fetch(url, { headers: { authorization: 'Basic eDp5' } })).status).toBe(400);
    expect(await get('nonsense')).toEqual(unauthorized('Invalid token'));
  });

  it('is refused when expired, forged, or meant for another API', async () => {
    const wish = { sub: worker, scope, audience: audience() };
    expect(await get(await tenant.accessToken({ ...wish, expiresIn: -1 }))).toEqual(
      unauthorized('Expired token received for JSON Web Token validation'),
    );
    const forged = { key: { ...(await createSigningKey()), kid: tenant.keys.current.kid } };
    expect(await get(await tenant.accessToken({ ...wish, ...forged }))).toEqual(
      unauthorized('Invalid signature received for JSON Web Token validation'),
    );
    const unsigned = await tenant.accessToken({ ...wish, header: { alg: 'none' } });
    expect((await get(unsigned)).status).toBe(401);
    const hmac = await tenant.accessToken({ ...wish, header: { alg: 'HS256' } });
    expect((await get(hmac)).status).toBe(401);
    expect(await get(await tenant.accessToken({ sub: ADA, scope }))).toEqual(
      unauthorized(`Bad audience: ${tenant.audience}`),
    );
  });

  it('is refused once declared dead, and a fresh one works', async () => {
    await users.get(ADA);
    tenant.expireManagementTokens();
    expect(await refusal(users.get(ADA))).toEqual(
      unauthorized('Expired token received for JSON Web Token validation'),
    );
    expect(await (await usersClient(tenant)).get(ADA)).toMatchObject({ user_id: ADA });
  });

  it('needs the scope of the call, and update:users for the email', async () => {
    const token = await tenant.accessToken({
      sub: worker,
      audience: audience(),
      scope: 'update:users_app_metadata',
    });
    const limited = await usersClient(tenant, token);
    expect(await refusal(limited.get(ADA))).toEqual({
      status: 403,
      body: {
        statusCode: 403,
        error: 'Forbidden',
        message:
          'Insufficient scope, expected any of: read:users,read:current_user,read:user_idp_tokens',
        errorCode: 'insufficient_scope',
      },
    });
    expect(await limited.update(ADA, { app_metadata: { vip: true } })).toMatchObject({
      app_metadata: { vip: true },
    });
    const refused = await refusal(limited.update(ADA, { email: 'new@example.com' }));
    expect(refused.body).toMatchObject({
      statusCode: 403,
      errorCode: 'insufficient_scope',
      message: 'You cannot update the following fields: email',
    });
  });

  it('of a user reads that user alone', async () => {
    const token = await tenant.accessToken({
      sub: ADA,
      audience: audience(),
      scope: 'read:current_user',
    });
    const own = await usersClient(tenant, token);
    expect(await own.get(ADA)).toMatchObject({ user_id: ADA });
    expect((await refusal(own.get('auth0|bob'))).status).toBe(403);
  });
});

describe('sessions and refresh tokens', () => {
  it('are listed and ended', async () => {
    tenant.addSession(ADA);
    tenant.addSession('auth0|bob');
    const sessions = await users.sessions.list(ADA);
    expect(sessions.data).toMatchObject([{ user_id: ADA }]);
    expect(sessionsAnswer.safeParse(sessions.response).error).toBeUndefined();
    await users.sessions.delete(ADA);
    expect(tenant.sessions(ADA)).toEqual([]);
    expect(tenant.sessions('auth0|bob')).toHaveLength(1);
    await users.refreshToken.delete(ADA);
    expect((await refusal(users.sessions.delete('auth0|nobody'))).status).toBe(404);
  });

  it('end one by one or all at once by revoke-access', async () => {
    const first = tenant.addSession(ADA);
    const second = tenant.addSession(ADA);
    await users.revokeAccess(ADA, { session_id: first.id });
    expect(tenant.sessions(ADA)).toMatchObject([{ id: second.id }]);
    await users.revokeAccess(ADA, {});
    expect(tenant.sessions(ADA)).toEqual([]);
  });

  it('end with a changed email, unless the tenant is told otherwise', async () => {
    tenant.addSession(ADA);
    await users.update(ADA, { email: 'ada@example.com', email_verified: true });
    expect(tenant.sessions(ADA)).toHaveLength(1);
    await users.update(ADA, { email: 'new@example.com', email_verified: true });
    expect(tenant.sessions(ADA)).toEqual([]);

    const keeping = await startTenant({
      endSessionsOnEmailChange: false,
      users: [{ user_id: ADA, email: 'ada@example.com' }],
    });
    keeping.addSession(ADA);
    await (await usersClient(keeping)).update(ADA, { email: 'new@example.com' });
    expect(keeping.sessions(ADA)).toHaveLength(1);
    await keeping.close();
  });

  it('are out of reach on the free plan', async () => {
    const free = await startTenant({ plan: 'free', users: [{ user_id: ADA }] });
    const client = await usersClient(free);
    for (const call of [client.sessions.delete(ADA), client.revokeAccess(ADA, {})]) {
      expect(await refusal(call)).toEqual({
        status: 403,
        body: {
          statusCode: 403,
          error: 'Forbidden',
          message: 'This feature is not enabled for this tenant.',
          errorCode: 'feature_not_enabled',
        },
      });
    }
    expect(await client.get(ADA)).toMatchObject({ user_id: ADA });
    await free.close();
  });
});

describe('the rate limit', () => {
  it('shows in the headers of every answer', async () => {
    tenant.rateLimit.set({ burst: 10, perSecond: 0.5 });
    const { rawResponse } = await users.get(ADA).withRawResponse();
    const seconds = Number(rawResponse.headers.get('x-ratelimit-reset')) - Date.now() / 1000;
    expect(rawResponse.headers.get('x-ratelimit-limit')).toBe('10');
    expect(rawResponse.headers.get('x-ratelimit-remaining')).toBe('9');
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(4);
    const unauthorized = await fetch(`${tenant.url}/api/v2/users/${ADA}`);
    expect(unauthorized.headers.get('x-ratelimit-remaining')).toBe('8');
  });

  it('answers 429 without Retry-After when the bucket is empty', async () => {
    tenant.rateLimit.set({ burst: 2, perSecond: 0.001 });
    await users.get(ADA);
    await users.update(ADA, { nickname: 'a' });
    const error: unknown = await users.update(ADA, { nickname: 'b' }).catch((e: unknown) => e);
    if (!(error instanceof ManagementError)) throw new Error('It was not refused.');
    expect(error.statusCode).toBe(429);
    expect(error.body).toEqual({
      statusCode: 429,
      error: 'Too Many Requests',
      message: 'Global limit has been reached',
      errorCode: 'too_many_requests',
    });
    expect(error.rawResponse?.headers.get('retry-after')).toBeNull();
    expect(error.rawResponse?.headers.get('x-ratelimit-remaining')).toBe('0');
    expect(tenant.user(ADA).nickname).toBe('a');
  });

  it('names the wait in Retry-After where the tenant is told so', async () => {
    const polite = await startTenant({ rateLimit: { burst: 1, perSecond: 0.1 }, retryAfter: true });
    const url = `${polite.url}/api/v2/users/${ADA}`;
    await fetch(url);
    const limited = await fetch(url);
    expect(limited.status).toBe(429);
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(5);
    await polite.close();
  });
});
