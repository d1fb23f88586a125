/** CONFIRM_BY=session: the link counts only together with the session of whoever asked. */
import { describe, expect, test } from 'vitest';
import { createEmailChangeClient } from '../../client/index.ts';
import { EX_CONFIG, ConfigError, readApiConfig } from '../../src/config.ts';
import {
  askAndReadMail,
  commitChange,
  expectProblem,
  newUser,
  quiet,
  send,
  state,
  submit,
} from '../support/wire.ts';
import { eventually, startWorld, tokenIn, untilStatus, type World } from '../support/world.ts';

const APP = 'https://app.example/email/confirm';
const start = (): Promise<World> =>
  startWorld({ env: { CONFIRM_BY: 'session', CONFIRM_URL: APP } });
const post = (world: World, path: string, token: string, access?: string, prefer?: string) =>
  world.call('POST', path, {
    body: { token },
    ...(access === undefined ? {} : { token: access }),
    headers: prefer === undefined ? {} : { prefer },
  });

describe('a stranger at a mistyped address', () => {
  test('completes nothing with the link: without a session, with their own, or by the form', async () => {
    const world = await start();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'typo@example.org');
    expect(world.inbox.messages.some(({ text }) => text.includes(`${APP}#${change.confirm}`))).toBe(
      true,
    );
    await quiet(world);
    const before = await state(world);

    const anonymous = await post(world, '/v1/confirm', change.confirm);
    expectProblem(anonymous, 'missing-token');
    expect(anonymous.headers.get('www-authenticate')).toContain('Bearer');
    const stranger = await newUser(world);
    expectProblem(await post(world, '/v1/confirm', change.confirm, stranger.token), 'invalid-link');
    expectProblem(await post(world, '/v1/confirm', change.confirm, 'x.y.z'), 'invalid-token');
    const unscoped = await world.token(user.sub, { scope: 'openid' });
    expectProblem(await post(world, '/v1/confirm', change.confirm, unscoped), 'insufficient-scope');

    for (const token of [change.confirm, 'x']) {
      const form = await submit(world, '/confirm', token);
      expect([form.status, form.headers.location]).toEqual([403, undefined]);
      expect(form.text).toContain(`href="${APP}"`);
    }
    const page = await send(world.api, '/confirm', { headers: { accept: 'text/html' } });
    expect(page.text).toContain(`href="${APP}"`);
    expect(await state(world)).toEqual(before);
    expect(world.tenant.patches()).toHaveLength(0);
  });
});

describe('the owner', () => {
  test('confirms with the link and any session of their own, a fresh login or not', async () => {
    const world = await start();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    const old = await world.token(user.sub, { claims: {} });
    const done = await post(world, '/v1/confirm', change.confirm, old, 'wait=15');
    expect([done.status, done.body]).toEqual([200, { status: 'committed' }]);
    // Again it answers with what is recorded, to the owner alone.
    expect((await post(world, '/v1/confirm', change.confirm, old)).body.status).toBe('committed');
    expectProblem(await post(world, '/v1/confirm', change.confirm), 'missing-token');
  });

  test('does so by one call of the client, which also goes without a session where none is needed', async () => {
    const world = await start();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    const client = createEmailChangeClient({
      baseUrl: world.api,
      getAccessToken: () => user.token,
    });
    expect(await client.confirm(`${APP}#${change.confirm}`, { wait: 15 })).toEqual({
      status: 'committed',
    });

    // Nobody is signed in: the app hears why, and may send its user to the login.
    const fault = Object.assign(new Error('Login required'), { error: 'login_required' });
    const signedOut = { getAccessToken: () => Promise.reject(fault) };
    const nobody = createEmailChangeClient({ baseUrl: world.api, ...signedOut });
    await expect(nobody.confirm(change.confirm)).rejects.toBe(fault);

    const open = await startWorld();
    const other = await askAndReadMail(open, await newUser(open), 'new@example.org');
    const anyone = createEmailChangeClient({ baseUrl: open.api, ...signedOut });
    expect((await anyone.confirm(other.confirm, { wait: 15 })).status).toBe('committed');
  });
});

test('approve, cancel and undo stay with the mailbox alone', async () => {
  const world = await start();
  const user = await newUser(world);
  const first = await askAndReadMail(world, user, 'first@example.org');
  expect((await post(world, '/v1/cancel', first.cancel)).body).toEqual({ status: 'canceled' });

  const again = await askAndReadMail(world, user, 'second@example.org');
  await post(world, '/v1/confirm', again.confirm, user.token);
  await untilStatus(world, user.token, again.id, 'committed');
  const mail = await eventually(() =>
    world.inbox.messages.find(({ to, text }) => to.includes(user.email) && text.includes('/undo#')),
  );
  const undone = await submit(world, '/undo', tokenIn(mail.text, 'undo'));
  expect(undone.status).toBe(303);

  const both = await startWorld({
    env: { CONFIRM_BY: 'session', CONFIRM_URL: APP, CONFIRMATION: 'both' },
  });
  const owner = await newUser(both);
  await both.call('POST', '/v1/email-changes', {
    token: owner.token,
    body: { email: 'new@example.org' },
  });
  const asked = await both.inbox.waitFor(({ to }) => to.includes(owner.email));
  const approved = await post(both, '/v1/approve', tokenIn(asked.text, 'approve'));
  expect(approved.body).toEqual({ status: 'pending', awaiting: ['new'] });
});

test('the setting asks for the page of the app, and is off by default', async () => {
  const env = {
    REDIS_URL: 'redis://localhost',
    SEALING_KEYS: Buffer.alloc(32).toString('base64'),
    AUTH0_DOMAIN: 'acme.auth0.com',
    AUTH0_AUDIENCE: 'x',
    PUBLIC_URL: 'https://email.example',
  };
  expect(readApiConfig(env).confirmInApp).toBeUndefined();
  const own = ['', '/', '?x=1', '/?a=b'].map((end) => `https://email.example/confirm${end}`);
  for (const CONFIRM_URL of ['', 'HTTPS://EMAIL.example:443/Confirm', ...own])
    for (const PUBLIC_URL of ['https://email.example', 'https://email.example/'])
      expect(
        () => readApiConfig({ ...env, CONFIRM_BY: 'session', CONFIRM_URL, PUBLIC_URL }),
        CONFIRM_URL,
      ).toThrow(/CONFIRM_URL: with CONFIRM_BY=session/);
  const elsewhere = { CONFIRM_BY: 'session', CONFIRM_URL: 'https://app.email.example/confirm' };
  expect(readApiConfig({ ...env, ...elsewhere }).confirmInApp).toBe(elsewhere.CONFIRM_URL);
  expect(() => readApiConfig({ ...env, CONFIRM_BY: 'both' })).toThrow(ConfigError);
  expect(EX_CONFIG).toBe(78);
  // The form of the default goes on as ever.
  const world = await startWorld();
  await commitChange(world, await newUser(world), 'new@example.org');
});
