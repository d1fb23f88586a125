import { describe, expect, test } from 'vitest';
import type { Reason } from '../../src/domain/email-change.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import {
  callsAbout,
  click,
  commit,
  effectivePatches,
  gate,
  invite,
  mailsOf,
  managementCalls,
  MAILS_OF_A_COMMIT,
  NEW,
  OLD,
  oneLine,
  recordOf,
  untilDrained,
  untilMails,
  untilStatus,
  words,
  type Asked,
} from './steps.ts';

const INVITED = [`confirm → ${NEW}`, `notice → ${OLD}`];
/** Who confirmed hears of the end, and so does the mailbox that was warned. */
const REJECTED = [`confirm → ${NEW}`, `failed → ${NEW}`, `notice → ${OLD}`, `stopped → ${OLD}`];

/** The end of a confirmed change that can not be: in the status, and by mail to who confirmed. */
async function expectRejected(world: World, asked: Asked, reason: Reason) {
  expect(await untilStatus(world, asked, 'rejected')).toMatchObject({ reason });
  expect(await untilMails(world, asked, REJECTED.length)).toEqual(REJECTED);
  const mail = await world.inbox.waitFor({ to: NEW, subject: words('mail.failed.subject') });
  expect(oneLine(mail.text)).toContain(words(`reason.${reason}.why`));
  await untilDrained(world);
}

describe('what is written', () => {
  test('one PATCH with the address, verified, no mail by Auth0, the connection, and nothing else', async () => {
    const world = await startWorld();
    const { sub } = await commit(world, { connection: 'customers', to: 'Ada.L@example.org' });
    expect(world.tenant.patches().map(({ body }) => body)).toEqual([
      {
        email: 'Ada.L@example.org',
        email_verified: true,
        verify_email: false,
        connection: 'customers',
      },
    ]);
    expect(world.tenant.user(sub)).toMatchObject({ email: 'ada.l@example.org', name: OLD });
    expect(world.tenant.verificationMails).toEqual([]);
  });

  test('a change costs three calls: read, read, write', async () => {
    const world = await startWorld();
    const { sub } = await commit(world);
    await untilDrained(world);
    expect(callsAbout(world, sub)).toEqual(['GET 200', 'GET 200', 'PATCH 200']);
    expect(managementCalls(world)).toHaveLength(3);
  });

  test('twenty clicks at once commit once', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const answers = await Promise.all(Array.from({ length: 20 }, () => click(world, invited.link)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    await untilStatus(world, invited, 'committed');
    await untilMails(world, invited, 4);
    await untilDrained(world);
    expect(callsAbout(world, invited.sub)).toEqual(['GET 200', 'GET 200', 'PATCH 200']);
    expect(mailsOf(world, invited)).toEqual(MAILS_OF_A_COMMIT);
  });

  test('an account that was given the address by somebody else meanwhile is settled without a write', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    world.tenant.updateUser(invited.sub, { email: NEW, email_verified: true });
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(world.tenant.patches()).toEqual([]);
  });
});

describe('an address that is taken', () => {
  const taken = { message: 'The specified new email already exists', errorCode: 'auth0_idp_error' };

  test.each([
    ['400, as Auth0 says it', undefined],
    ['409, as some stand-ins say it', { statusCode: 409, error: 'Conflict', ...taken }],
  ])(
    'is told in the status, on the page and by mail, and only after the click (%s)',
    async (_, conflict) => {
      const world = await startWorld();
      world.tenant.addUser({ email: NEW });
      if (conflict)
        world.tenant.faults.add({
          kind: 'status',
          status: 409,
          body: conflict,
          match: { method: 'PATCH' },
        });
      const invited = await invite(world);
      await untilMails(world, invited, 2);
      await untilDrained(world);

      // Before the click nobody looked the address up, and nobody says a word.
      expect(callsAbout(world, invited.sub)).toEqual(['GET 200']);
      expect(managementCalls(world)).toHaveLength(1);
      expect(mailsOf(world, invited)).toEqual(INVITED);
      expect(await untilStatus(world, invited, 'pending')).not.toHaveProperty('reason');

      const clicked = await fetch(`${world.api}/confirm`, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'sec-fetch-site': 'same-origin' },
        body: new URLSearchParams({ token: invited.link }),
      });
      const result = clicked.headers.get('location')!;
      await eventually(async () => {
        const page = await fetch(new URL(result, world.api)).then((answer) => answer.text());
        return oneLine(page).includes(words('reason.email-taken.why'));
      }, 'the page to say so');
      await expectRejected(world, invited, 'email-taken');
      expect(effectivePatches(world)).toEqual([]);
      expect(world.tenant.user(invited.sub).email).toBe(OLD);
    },
  );
});

describe('a confirmed change is rejected, and who confirmed it is told, when', () => {
  type Stop = [why: string, reason: Reason, stop: (world: World, sub: string) => void];
  const answers = (status: number, message: string, errorCode: string) => (world: World) =>
    world.tenant.faults.add({
      kind: 'status',
      status,
      body: { statusCode: status, error: 'Error', message, errorCode },
      match: { method: 'PATCH' },
    });

  test.each<Stop>([
    [
      'the account has another address by now',
      'address-drifted',
      ({ tenant }, sub) => tenant.updateUser(sub, { email: 'else@example.com' }),
    ],
    [
      'the password was reset since',
      'credentials-changed',
      ({ tenant }, sub) => tenant.updateUser(sub, { last_password_reset: isoIn(0) }),
    ],
    [
      'the account was blocked',
      'user-blocked',
      ({ tenant }, sub) => tenant.updateUser(sub, { blocked: true }),
    ],
    ['the account is gone', 'user-gone', ({ tenant }, sub) => tenant.deleteUser(sub)],
    [
      'another identity became the primary one',
      'unsupported-identity',
      ({ tenant }, sub) =>
        tenant.updateUser(sub, {
          identities: [
            { connection: 'google', provider: 'google-oauth2', user_id: '7', isSocial: true },
            ...tenant.user(sub).identities,
          ],
        }),
    ],
  ])('%s: %s, without a write', async (_, reason, stop) => {
    const world = await startWorld();
    const invited = await invite(world);
    stop(world, invited.sub);
    await click(world, invited.link);
    await expectRejected(world, invited, reason);
    expect(world.tenant.patches()).toEqual([]);
  });

  test.each<Stop>([
    [
      'Auth0 finds the account gone',
      'user-gone',
      answers(404, 'The user does not exist.', 'inexistent_user'),
    ],
    [
      'Auth0 says that the identity can not change its address',
      'unsupported-identity',
      answers(400, 'Cannot update email for non-database user.', 'operation_not_supported'),
    ],
    [
      'Auth0 refuses for a reason of its own',
      'refused-by-auth0',
      answers(400, "Payload validation error: 'Object didn't pass validation'", 'invalid_body'),
    ],
  ])('%s: %s, after one try', async (_, reason, stop) => {
    const world = await startWorld();
    const invited = await invite(world);
    stop(world, invited.sub);
    await click(world, invited.link);
    await expectRejected(world, invited, reason);
    expect(world.tenant.patches()).toHaveLength(1);
    expect(world.tenant.user(invited.sub).email).toBe(OLD);
  });

  test('the tenant was away until the deadline: deadline-passed', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    // What is under way while time passes is another one's by then.
    await untilMails(world, invited, 2);
    await untilDrained(world);
    const match = { path: '/api/v2/' };
    const away = world.tenant.faults.add({ kind: 'status', status: 503, match });
    await click(world, invited.link);
    await away.struck;
    world.pass(73 * 3_600_000);
    await expectRejected(world, invited, 'deadline-passed');
    expect(world.tenant.patches()).toEqual([]);
  });

  test('the deadline passed while a PATCH was in doubt, and it turns out not to have landed', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await untilMails(world, invited, 2);
    await untilDrained(world);
    world.tenant.faults.add({ kind: 'reset', match: { method: 'PATCH' }, times: 1 });
    await click(world, invited.link);
    await world.tenant.waitFor(({ method }) => method === 'PATCH');
    world.pass(73 * 3_600_000);
    await expectRejected(world, invited, 'deadline-passed');
    expect(effectivePatches(world)).toEqual([]);
  });
});

describe('withdrawn in the last moment', () => {
  test('a change that is canceled while the worker reads the account is not written', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const { shut, open } = gate();
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, times: 1 });
    await click(world, invited.link);
    await slow.struck;
    const { token, id } = invited;
    const withdrawn = await world.call('DELETE', `/v1/email-changes/${id}`, { token });
    expect(withdrawn.status).toBe(204);
    open();
    await untilDrained(world);
    expect(world.tenant.patches()).toEqual([]);
    expect((await recordOf(world, id)).status).toBe('canceled');
  });

  test('while the PATCH is under way nobody is promised that it will not happen', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const { shut, open } = gate();
    const match = { method: 'PATCH' };
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, match, times: 1 });
    await click(world, invited.link);
    await slow.struck;
    const { token, id } = invited;
    const late = await world.call('DELETE', `/v1/email-changes/${id}`, { token });
    expect(late).toMatchObject({ status: 409, body: { code: 'commit-in-progress' } });
    open();
    await untilStatus(world, invited, 'committed');
  });
});

const isoIn = (ms: number): string => new Date(Date.now() + ms).toISOString();
