/**
 * A change needs a login of just now, shown in one of three ways: by the Action's namespaced claim, by
 * the standard claim, or by a scope that the tenant gives out after a second factor alone. The tenant
 * runs the Actions of auth0/actions at real logins.
 */
import { describe, expect, test } from 'vitest';
import type { ActionName } from '../../stand-ins/tenant/actions.ts';
import {
  callbackOf,
  createBrowser,
  postToken,
  REDIRECT_URI,
  type Tokens,
} from '../stand-ins/tenant/browser.ts';
import { expectProblem } from '../support/wire.ts';
import { startWorld, type Answer, type World } from '../support/world.ts';

const ADA = { email: 'ada@old.example', password: 'correct horse' };
const SCOPE = 'openid change:email offline_access';
const MINUTE = 60_000;

/** A world whose tenant runs these Actions, and a browser of Ada's. */
async function open(actions: ActionName[], env: Record<string, string> = {}) {
  const world = await startWorld({
    workers: false,
    env: { RESEND_AFTER: '1s', ...env },
    tenant: { actions, spa: { redirectUris: [REDIRECT_URI] } },
  });
  world.tenant.addUser(ADA);
  return { world, browser: createBrowser(world.tenant) };
}

const ask = (world: World, token: string): Promise<Answer> =>
  world.call('POST', '/v1/email-changes', { token, body: { email: 'ada@new.example' } });

const tokensOf = async (response: Response): Promise<Tokens> =>
  JSON.parse(await response.text()) as Tokens;

const renew = async (world: World, { refresh_token: token = '' }: Tokens) =>
  postToken(world.tenant, {
    grant_type: 'refresh_token',
    client_id: world.tenant.spaClientId,
    refresh_token: token,
    scope: 'openid change:email',
  });

function expectChallenge(answer: Answer): void {
  expectProblem(answer, 'insufficient-user-authentication');
  expect(answer.headers.get('www-authenticate')).toContain('max_age="300"');
}

describe('a login at a tenant that runs our Action', () => {
  test('is evidence for five minutes; renewed silently it is as old as it was, by a refresh token it is none', async () => {
    const { world, browser } = await open(['login-evidence']);
    const tokens = await browser.logIn(ADA, { scope: SCOPE });
    expect((await ask(world, tokens.access_token)).status).toBe(202);
    const silently = async () =>
      tokensOf(await browser.exchange(await browser.authorize({ prompt: 'none' })));
    expect((await ask(world, (await silently()).access_token)).status).toBe(202);
    const renewed = await tokensOf(await renew(world, tokens));
    expect(renewed.scope).toContain('change:email');
    expectChallenge(await ask(world, renewed.access_token));

    world.pass(5 * MINUTE + 1000);
    expectChallenge(await ask(world, tokens.access_token));
    expectChallenge(await ask(world, (await silently()).access_token));

    // What the challenge asks for: a login with max_age. To the service it is five minutes old too.
    world.pass(-5 * MINUTE - 1000);
    const page = await browser.authorize({ max_age: '0', scope: SCOPE });
    const again = await tokensOf(await browser.exchange(await browser.submit(page, ADA)));
    expect((await ask(world, again.access_token)).status).toBe(202);
  });

  test('is none in a token that was not asked for with the scope, or at a tenant without the Action', async () => {
    const { world, browser } = await open(['login-evidence'], { REQUIRED_SCOPE: 'openid' });
    const other = await browser.logIn(ADA, { scope: 'openid' });
    expectChallenge(await ask(world, other.access_token));

    const bare = await open([]);
    const token = (await bare.browser.logIn(ADA, { scope: SCOPE })).access_token;
    expectChallenge(await ask(bare.world, token));
  });

  test('counts as strong under CONFIRMATION=auto with a second factor, and only then', async () => {
    const { world, browser } = await open(['login-evidence'], { CONFIRMATION: 'auto' });
    const weak = await browser.logIn(ADA, { scope: SCOPE });
    expect((await ask(world, weak.access_token)).body.awaiting).toEqual(['new', 'current']);
    world.tenant.addUser({ email: 'bob@old.example', password: 'x' });
    const strong = await createBrowser(world.tenant).logIn(
      { email: 'bob@old.example', password: 'x', mfa: '1' },
      { scope: SCOPE },
    );
    expect((await ask(world, strong.access_token)).body.awaiting).toEqual(['new']);
  });
});

describe('the age of a login, to the second', () => {
  /** The answer to a login of this age, measured within one second of the clock. */
  async function answerAt(world: World, claim: string, ageS: number): Promise<Answer> {
    for (;;) {
      const nowS = Math.floor(world.now() / 1000);
      const token = await world.token('auth0|ada', { claims: { [claim]: nowS - ageS } });
      const answer = await ask(world, token);
      if (Math.floor(world.now() / 1000) === nowS) return answer;
    }
  }

  test.each(['https://readdress/auth_time', 'auth_time'])(
    'by the claim %s: MAX_AUTH_AGE is good, one second more is not, nor is a time to come',
    async (claim) => {
      const { world } = await open([]);
      for (const good of [0, 299, 300, -60])
        expect((await answerAt(world, claim, good)).status, `${good}`).toBe(202);
      for (const bad of [301, -62]) expectChallenge(await answerAt(world, claim, bad));
    },
  );
});

describe('by scope alone, MAX_AUTH_AGE=0 and the Action that asks for a second factor', () => {
  const setUp = () => open(['second-factor'], { MAX_AUTH_AGE: '0' });

  test('nobody gets the scope without a second factor, and with it the change is taken', async () => {
    const { world, browser } = await setUp();
    const refused = await browser.submit(await browser.authorize({ scope: SCOPE }), ADA);
    expect(callbackOf(refused).get('code')).toBeNull();
    expect(await refused.text()).toContain('type="password"');

    const tokens = await browser.logIn({ ...ADA, mfa: '1' }, { scope: SCOPE });
    expect((await ask(world, tokens.access_token)).status).toBe(202);
  });

  test('a session without one goes on for everything else, but neither silence nor a refresh token brings the scope', async () => {
    const { world, browser } = await setUp();
    const plain = await browser.logIn(ADA, { scope: 'openid' });
    expectProblem(await ask(world, plain.access_token), 'insufficient-scope');
    const other = await browser.authorize({ prompt: 'none', scope: 'openid' });
    expect(callbackOf(other).get('code')).not.toBeNull();
    const silent = await browser.authorize({ prompt: 'none', scope: SCOPE });
    expect(callbackOf(silent).get('error')).toBe('interaction_required');

    const page = await browser.authorize({ scope: SCOPE });
    const strong = await browser.exchange(await browser.submit(page, { ...ADA, mfa: '1' }));
    const renewed = await tokensOf(await renew(world, await tokensOf(strong)));
    expect(renewed.scope).toBe('openid offline_access');
    expectProblem(await ask(world, renewed.access_token), 'insufficient-scope');
  });
});
