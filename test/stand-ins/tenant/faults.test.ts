import { ManagementError } from 'auth0';
import type { UsersClient } from 'auth0/users';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTenant, type Tenant } from '../../../stand-ins/tenant.ts';
import type { Fault, FaultAction } from '../../../stand-ins/tenant/faults.ts';
import { managementToken, usersClient } from './worker.ts';

const ADA = 'auth0|ada';
const CHANGE = { email: 'new@example.com', email_verified: true };

let tenant: Tenant;
let users: UsersClient;

beforeEach(async () => {
  tenant = await startTenant({ users: [{ user_id: ADA, email: 'ada@example.com' }] });
  users = await usersClient(tenant);
});

afterEach(() => tenant.close());

async function failure(call: PromiseLike<unknown>): Promise<ManagementError> {
  const error: unknown = await Promise.resolve(call).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ManagementError)) throw new Error('The call did not fail.');
  return error;
}

function place(action: FaultAction, more: Partial<Fault> = {}) {
  return tenant.faults.add({ match: { method: 'PATCH' }, times: 1, ...more, ...action });
}

/** What the tenant really did. */
function outcome() {
  return {
    email: tenant.user(ADA).email,
    effective: tenant.patches().some((call) => call.effective),
  };
}

const UNTOUCHED = { email: 'ada@example.com', effective: false };
const CHANGED = { email: CHANGE.email, effective: true };

describe('faults before anything is done', () => {
  it('status answers what it is told, with the rate limit headers', async () => {
    place({ kind: 'status', status: 503, body: { oops: true }, headers: { 'retry-after': '7' } });
    const error = await failure(users.update(ADA, CHANGE));
    expect(error).toMatchObject({ statusCode: 503, body: { oops: true } });
    expect(error.rawResponse?.headers.get('retry-after')).toBe('7');
    expect(error.rawResponse?.headers.get('x-ratelimit-limit')).toBe('50');
    expect(outcome()).toEqual(UNTOUCHED);
  });

  it.each<FaultAction>([{ kind: 'reset' }, { kind: 'garbage' }])(
    '$kind ends the connection without an answer',
    async (action) => {
      place(action);
      expect((await failure(users.update(ADA, CHANGE))).statusCode).toBeUndefined();
      expect(tenant.patches()).toMatchObject([{ status: 0, fault: action.kind }]);
      expect(outcome()).toEqual(UNTOUCHED);
    },
  );

  it('html200 and empty200 look like successes to the SDK', async () => {
    place({ kind: 'html200' });
    expect(await users.update(ADA, CHANGE)).not.toHaveProperty('user_id');
    place({ kind: 'empty200' });
    expect(await users.update(ADA, CHANGE)).toBeUndefined();
    expect(outcome()).toEqual(UNTOUCHED);
  });

  it('redirect sends the caller in circles, or elsewhere', async () => {
    const { access_token: token } = await managementToken(tenant);
    const get = (redirect: 'follow' | 'manual') =>
      fetch(`${tenant.url}/api/v2/users/${ADA}`, {
        redirect,
        headers: { authorization: `Bearer ${token}` },
      });
    const match = { method: 'GET' };
    place({ kind: 'redirect' }, { match });
    expect((await get('follow')).status).toBe(200);
    place({ kind: 'redirect', status: 302, location: 'https://elsewhere.example/' }, { match });
    const response = await get('manual');
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe('https://elsewhere.example/');
    expect(outcome()).toEqual(UNTOUCHED);
  });

  it('hang stays silent until the tenant closes', async () => {
    const placed = place({ kind: 'hang' });
    const failing = failure(users.update(ADA, CHANGE));
    await placed.struck;
    await tenant.close();
    expect((await failing).statusCode).toBeUndefined();
    expect(outcome()).toEqual(UNTOUCHED);
  });
});

describe('faults after the request was carried out', () => {
  it.each<[FaultAction, number | undefined]>([
    [{ kind: 'executeThenReset' }, undefined],
    [{ kind: 'executeThenStatus' }, 500],
    [{ kind: 'executeThenStatus', status: 504 }, 504],
    [{ kind: 'halfBody' }, undefined],
  ])('%o leaves the caller in doubt', async (action, status) => {
    place(action);
    expect((await failure(users.update(ADA, CHANGE))).statusCode).toBe(status);
    expect(outcome()).toEqual(CHANGED);
  });

  it('executeThenHang never answers', async () => {
    const placed = place({ kind: 'executeThenHang' });
    const failing = failure(users.update(ADA, CHANGE));
    await placed.struck;
    await tenant.waitFor((call) => call.effective === true);
    await tenant.close();
    expect((await failing).statusCode).toBeUndefined();
    expect(outcome()).toEqual(CHANGED);
  });

  it('slowBody stalls after the first bytes', async () => {
    place({ kind: 'slowBody', bytes: 3 });
    const { access_token: token } = await managementToken(tenant);
    const response = await fetch(`${tenant.url}/api/v2/users/${ADA}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(CHANGE),
    });
    expect(response.status).toBe(200);
    const reader = response.body?.getReader();
    expect((await reader?.read())?.value).toHaveLength(3);
    await reader?.cancel();
    expect(outcome()).toEqual(CHANGED);
  });

  it('executeThenHold keeps the answer back until it is released', async () => {
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    place({ kind: 'executeThenHold', until });
    const changing = users.update(ADA, CHANGE);
    const call = await tenant.waitFor(({ effective }) => effective === true);
    expect(call.status).toBe(0);
    release();
    expect(await changing).toMatchObject({ email: CHANGE.email });
    expect(outcome()).toEqual(CHANGED);
  });
});

describe('faults that only take time', () => {
  it('delay and hold let the request through', async () => {
    place({ kind: 'delay', ms: 20 });
    const started = Date.now();
    await users.update(ADA, CHANGE);
    expect(Date.now() - started).toBeGreaterThanOrEqual(19);
    place({ kind: 'hold', until: Promise.resolve() });
    expect(await users.update(ADA, CHANGE)).toMatchObject({ email: CHANGE.email });
  });
});

describe('the choice of what a fault strikes', () => {
  it('goes by method and path, and by how often', async () => {
    const placed = tenant.faults.add({
      match: { method: 'get', path: /\/users\/auth0\|ada$/ },
      times: 2,
      kind: 'status',
      status: 502,
    });
    await users.update(ADA, { nickname: 'a' });
    await failure(users.get(ADA));
    await failure(users.get(ADA));
    await users.get(ADA);
    expect(placed.hits).toBe(2);
  });

  it('reaches the token endpoint and the JWKS alike', async () => {
    tenant.faults.add({ match: { path: '/oauth/token' }, kind: 'status', status: 503 });
    const jwks = tenant.faults.add({ match: { path: '/.well-known/' }, kind: 'html200' });
    expect((await fetch(`${tenant.url}/oauth/token`, { method: 'POST' })).status).toBe(503);
    const url = `${tenant.url}/.well-known/jwks.json`;
    expect((await fetch(url)).headers.get('content-type')).toBe('text/html');
    jwks.remove();
    expect(await (await fetch(url)).json()).toHaveProperty('keys');
    tenant.faults.clear();
    await managementToken(tenant);
  });

  it('lasts until it is cleared where no number is given', async () => {
    tenant.faults.add({ kind: 'status', status: 500 });
    for (let i = 0; i < 3; i += 1) expect((await failure(users.get(ADA))).statusCode).toBe(500);
    tenant.faults.clear();
    expect(await users.get(ADA)).toMatchObject({ user_id: ADA });
  });
});

describe('waitFor', () => {
  it('gives up in words when nothing comes', async () => {
    await expect(tenant.waitFor(() => false, 10)).rejects.toThrow(
      'No such call reached the tenant within 10 ms.',
    );
  });
});
