import { describe, expect, test } from 'vitest';
import type { Reason } from '../../src/domain/email-change.ts';
import { startWorld, tokenIn, type World } from '../support/world.ts';
import {
  ask,
  callsAbout,
  commit,
  invite,
  mailsOf,
  managementCalls,
  NEW,
  OLD,
  recordOf,
  startDeployment,
  untilDrained,
  untilMails,
  untilStatus,
} from './steps.ts';

const GOOGLE = { connection: 'google', provider: 'google-oauth2', user_id: '7', isSocial: true };
const DATABASE = { connection: 'customers', provider: 'auth0', user_id: '1', isSocial: false };

describe('an invitation', () => {
  test('costs one read of the account, and mails both mailboxes', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    expect(await untilMails(world, invited, 2)).toEqual([`confirm → ${NEW}`, `notice → ${OLD}`]);
    await untilDrained(world);
    expect(callsAbout(world, invited.sub)).toEqual(['GET 200']);
    expect(managementCalls(world)[0]?.query).toEqual({
      fields:
        'user_id,email,email_verified,name,blocked,identities,last_password_reset,updated_at,last_login,locale,app_metadata,user_metadata',
      include_fields: 'true',
    });
  });

  test('waits for a tenant that is away; the request itself never does', async () => {
    const world = await startWorld();
    const match = { path: '/api/v2/' };
    const away = world.tenant.faults.add({ kind: 'status', status: 503, match });
    const asked = await ask(world);
    await away.struck;
    expect(await untilStatus(world, asked, 'pending')).not.toHaveProperty('mailedAt');
    away.remove();
    expect(await untilMails(world, asked, 2)).toHaveLength(2);
  });

  test.each([{}, { email: '' }])(
    'of an account without an address goes to the new mailbox alone (%j)',
    async (without) => {
      const world = await startWorld();
      const { user_id: sub } = world.tenant.addUser({ username: 'ada', ...without });
      const asked = await ask(world, { sub });
      expect(await untilMails(world, asked, 1)).toEqual([`confirm → ${NEW}`]);
      await untilDrained(world);
      expect(mailsOf(world, asked)).toHaveLength(1);
    },
  );

  test('shows each mailbox its own address, and the other one masked', async () => {
    const world = await startWorld();
    const asked = await invite(world, { email: 'ada.old@example.com', to: 'ada.new@example.org' });
    await untilMails(world, asked, 2);
    const [toNew] = world.inbox.to('ada.new@example.org');
    const [toOld] = world.inbox.to('ada.old@example.com');
    expect(toNew?.raw).not.toContain('ada.old@');
    expect(toOld?.raw).not.toContain('ada.new@');
    expect(toNew?.text).toContain('ada.new@example.org');
    expect(toOld?.text).toContain('ada.old@example.com');
  });
});

test.each([
  'auth0|../../clients',
  'auth0|..%2F..%2Fclients?x=1#y',
  'auth0|a:b|{x}*[y]\\',
  `auth0|${'x'.repeat(180)}`,
])('a user id that looks like a path, a pattern or a key, %s, is one user’s', async (user_id) => {
  const world = await startWorld();
  const other = await ask(world, { email: 'other@example.com', to: 'other@example.org' });
  const { sub, id } = await commit(world, { user_id });
  expect(sub).toBe(user_id);
  expect(world.tenant.user(user_id)).toMatchObject({ email: NEW, email_verified: true });
  expect(callsAbout(world, user_id)).toEqual(['GET 200', 'GET 200', 'PATCH 200']);
  const paths = managementCalls(world).map(({ path }) => path);
  expect(new Set(paths)).toEqual(
    new Set([`/api/v2/users/${user_id}`, `/api/v2/users/${other.sub}`]),
  );
  expect((await recordOf(world, other.id)).status).toBe('pending');
  expect((await recordOf(world, id)).status).toBe('committed');
});

describe('a change that can not be ends before anybody is mailed', () => {
  type Case = [why: string, reason: Reason, wish: object, then?: (w: World, sub: string) => void];
  test.each<Case>([
    ['the account has the address already', 'same-email', { to: OLD }],
    ['it differs in upper and lower case alone', 'same-email', { to: 'ADA@example.com' }],
    ['the account is blocked', 'user-blocked', { blocked: true }],
    ['it is gone', 'user-gone', {}, ({ tenant }, sub) => tenant.deleteUser(sub)],
    [
      'its password was reset since the request',
      'credentials-changed',
      {},
      ({ tenant }, sub) =>
        tenant.updateUser(sub, { last_password_reset: new Date(Date.now() + 5000).toISOString() }),
    ],
    [
      'a social identity has become the primary one, the database one is linked to it',
      'unsupported-identity',
      {},
      ({ tenant }, sub) => tenant.updateUser(sub, { identities: [GOOGLE, DATABASE] }),
    ],
    [
      'it has no identity left',
      'unsupported-identity',
      {},
      ({ tenant }, sub) => tenant.updateUser(sub, { identities: [] }),
    ],
  ])('%s: %s', async (_, reason, wish, then) => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world, wish);
    then?.(world, asked.sub);
    await startDeployment(world);
    expect(await untilStatus(world, asked, 'rejected')).toMatchObject({ reason });
    await untilDrained(world);
    expect(world.inbox.attempts).toEqual([]);
    expect(world.tenant.patches()).toEqual([]);
  });

  test('a social login with a linked database identity is refused at the door, before any call', async () => {
    const world = await startWorld();
    const { user_id: sub } = world.tenant.addUser({ email: OLD, identities: [GOOGLE, DATABASE] });
    const { status, body } = await world.call('POST', '/v1/email-changes', {
      token: await world.token(sub),
      body: { email: NEW },
    });
    expect([status, body.code]).toEqual([403, 'unsupported-identity']);
    expect(callsAbout(world, sub)).toEqual([]);
  });
});

describe('an invitation that comes late', () => {
  test('after the link lifetime sends nothing, and the change is expired', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world);
    world.pass(3_600_001);
    await startDeployment(world);
    await untilDrained(world);
    expect(await untilStatus(world, asked, 'expired')).toBeDefined();
    expect(callsAbout(world, asked.sub)).toEqual([]);
    expect(world.inbox.attempts).toEqual([]);
  });

  test('after the change was withdrawn costs no call and no mail', async () => {
    const world = await startWorld({ workers: false });
    const { token, id, sub } = await ask(world);
    await world.call('DELETE', `/v1/email-changes/${id}`, { token });
    await startDeployment(world);
    await untilDrained(world);
    expect(callsAbout(world, sub)).toEqual([]);
    expect(world.inbox.attempts).toEqual([]);
  });

  test('after a newer request mails for the newer one alone', async () => {
    const world = await startWorld({ workers: false });
    const first = await ask(world, { to: 'first@example.org' });
    const second = await ask(world, { sub: first.sub, to: 'second@example.org' });
    await startDeployment(world);
    await untilMails(world, second, 2);
    await untilDrained(world);
    expect(mailsOf(world, first)).toEqual([]);
    expect(await untilStatus(world, first, 'superseded')).toBeDefined();
  });

  test('takes the account as it is then, not as it was at the request', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world);
    world.tenant.updateUser(asked.sub, { email: 'meanwhile@example.com' });
    await startDeployment(world);
    await untilMails(world, asked, 2);
    expect(world.inbox.to('meanwhile@example.com')).toHaveLength(1);
    expect(world.inbox.to(OLD)).toEqual([]);
  });
});

describe('asked again', () => {
  test('after the cooldown the link is mailed again, and the account is not read again', async () => {
    const world = await startWorld();
    const first = await invite(world);
    await untilMails(world, first, 2);
    world.pass(61_000);
    const { id, token, sub } = first;
    const again = await world.call('POST', `/v1/email-changes/${id}/resend`, { token });
    expect(again.status).toBe(202);
    await untilMails(world, first, 3);
    await untilDrained(world);
    expect(mailsOf(world, first)).toEqual([
      `confirm → ${NEW}`,
      `confirm → ${NEW}`,
      `notice → ${OLD}`,
    ]);
    const links = world.inbox.to(NEW).map(({ text }) => tokenIn(text, 'confirm'));
    expect(links).toEqual([first.link, first.link]);
    expect(callsAbout(world, sub)).toEqual(['GET 200']);
  });
});
