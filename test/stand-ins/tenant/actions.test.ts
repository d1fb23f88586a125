/** The Actions of auth0/actions, as Auth0 runs them, and what the stand-in tenant makes of them. */
import { describe, expect, it } from 'vitest';
import { runPostLogin, type ActionName, type Login } from '../../../stand-ins/tenant/actions.ts';

const LOGIN: Login = {
  userId: 'auth0|ada',
  clientId: 'demo-spa',
  authTime: 1_700_000_000,
  amr: ['pwd'],
  scopes: ['openid', 'change:email'],
};
const run = (name: ActionName, changes: Partial<Login> = {}) =>
  runPostLogin([name], { ...LOGIN, ...changes });
const AUTH_TIME = 'https://readdress/auth_time';
const AMR = 'https://readdress/amr';

describe('login-evidence', () => {
  it('puts the time and the methods of the login into the access token', async () => {
    const { claims } = await run('login-evidence', { amr: ['pwd', 'mfa', 'mfa'] });
    expect(claims).toEqual({ [AUTH_TIME]: LOGIN.authTime, [AMR]: ['pwd', 'mfa'] });
  });

  it('puts nothing into a token that comes from a refresh token, whatever it asks for', async () => {
    for (const scopes of [LOGIN.scopes, []])
      expect((await run('login-evidence', { isRenewal: true, scopes })).claims).toEqual({});
  });

  it('says nothing without the scope, and nothing of a login it knows nothing of', async () => {
    expect(
      (await run('login-evidence', { scopes: ['openid', 'change:email:all'] })).claims,
    ).toEqual({});
    expect((await run('login-evidence', { amr: [] })).claims).toEqual({});
  });
});

describe('second-factor', () => {
  const needs = async (changes: Partial<Login>) =>
    (await run('second-factor', changes)).needsSecondFactor;
  const nowS = () => Math.floor(Date.now() / 1000);

  it('asks for one unless there was one in the last minutes', async () => {
    expect(await needs({ authTime: nowS(), amr: ['pwd'] })).toBe(true);
    expect(await needs({ authTime: nowS(), amr: ['pwd', 'mfa'] })).toBe(false);
    expect(await needs({ authTime: nowS() - 301, amr: ['pwd', 'mfa'] })).toBe(true);
    expect(await needs({ authTime: nowS(), amr: [] })).toBe(true);
  });

  it('takes the scope out of every renewed token, whatever the renewal asked for', async () => {
    for (const scopes of [LOGIN.scopes, ['openid'], []]) {
      const result = await run('second-factor', { isRenewal: true, scopes, amr: ['pwd', 'mfa'] });
      expect([...result.removedScopes]).toEqual(['change:email']);
    }
  });

  it('asks for none without the scope', async () => {
    expect(await needs({ authTime: 0, scopes: ['openid'] })).toBe(false);
  });
});
