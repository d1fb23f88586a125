import { describe, expect, test } from 'vitest';
import type { FaultAction } from '../../demo/tenant/faults.ts';
import type { Reason } from '../../src/domain/email-change.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import {
  callsAbout,
  click,
  commit,
  confirm,
  effectivePatches,
  gate,
  invite,
  mailsOf,
  managementCalls,
  NEW,
  OLD,
  oneLine,
  recordOf,
  startDeployment,
  untilDrained,
  untilMails,
  untilStatus,
  words,
  type Asked,
} from './steps.ts';

const INVITED = [`confirm → ${NEW}`, `notice → ${OLD}`];
const COMMITTED = [`changed → ${OLD}`, `confirm → ${NEW}`, `done → ${NEW}`, `notice → ${OLD}`];
const REJECTED = [`confirm → ${NEW}`, `failed → ${NEW}`, `notice → ${OLD}`];

/** The end of a confirmed change that can not be: in the status, and by mail to who confirmed. */
async function expectRejected(world: World, asked: Asked, reason: Reason) {
  expect(await untilStatus(world, asked, 'rejected')).toMatchObject({ reason });
  expect(await untilMails(world, asked, 3)).toEqual(REJECTED);
  const mail = await world.inbox.waitFor({ to: NEW, subject: words('mail.failed.subject') });
  expect(oneLine(mail.text)).toContain(words(`reason.${reason}.why`));
  await untilDrained(world);
}

describe('what is written', () => {
  test('one PATCH with the address, verified, no mail by Auth0, the connection, and nothing else', async () => {
    const world = await startWorld();
    const { sub } = await commit(world, { connection: 'customers', to: 'Ada.L@Example.org' });
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
    expect(mailsOf(world, invited)).toEqual(COMMITTED);
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
    ['Auth0, with 400', undefined],
    ['some stand-ins, with 409', { statusCode: 409, error: 'Conflict', ...taken }],
  ])(
    'is told in the status, on the page and by mail, after the click only, as %s, says it',
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
      'Auth0 refuses the connection',
      'unsupported-identity',
      answers(
        400,
        'Cannot change email or password for users in a disabled connection.',
        'invalid_body',
      ),
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
    const away = world.tenant.faults.add({ kind: 'status', status: 503 });
    await click(world, invited.link);
    await away.struck;
    world.pass(73 * 3_600_000);
    await expectRejected(world, invited, 'deadline-passed');
    expect(world.tenant.patches()).toEqual([]);
  });

  test('the deadline passed while a PATCH was in doubt, and it turns out not to have landed', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    world.tenant.faults.add({ kind: 'reset', match: { method: 'PATCH' }, times: 1 });
    const away = world.tenant.faults.add({
      kind: 'status',
      status: 503,
      match: { path: '/api/v2/' },
    });
    away.remove();
    await click(world, invited.link);
    await world.tenant.waitFor(({ method }) => method === 'PATCH');
    world.pass(73 * 3_600_000);
    await expectRejected(world, invited, 'deadline-passed');
    expect(effectivePatches(world)).toEqual([]);
  });
});

describe('a PATCH whose answer is lost', () => {
  // What went wrong, and how many PATCH requests it takes: one when it was carried out after all.
  const LOST: [FaultAction, number][] = [
    [{ kind: 'executeThenReset' }, 1],
    [{ kind: 'executeThenHang' }, 1],
    [{ kind: 'executeThenStatus', status: 500 }, 1],
    [{ kind: 'halfBody' }, 1],
    [{ kind: 'slowBody' }, 1],
    [{ kind: 'reset' }, 2],
    [{ kind: 'html200' }, 2],
    [{ kind: 'empty200' }, 2],
    [{ kind: 'garbage' }, 2],
    [{ kind: 'redirect' }, 2],
    [{ kind: 'status', status: 503, body: 'upstream' }, 2],
  ];

  test('takes effect once and is announced once, however it was lost', async () => {
    const world = await startWorld();
    const stories = await Promise.all(
      LOST.map(async ([fault], number) => {
        const name = `${fault.kind}-${number}`.toLowerCase();
        const invited = await invite(world, {
          email: `${name}@example.com`,
          to: `${name}@example.org`,
        });
        const match = { method: 'PATCH', path: `/api/v2/users/${invited.sub}` };
        world.tenant.faults.add({ ...fault, match, times: 1 });
        await click(world, invited.link);
        return { fault, ...invited };
      }),
    );
    await Promise.all(stories.map((story) => untilStatus(world, story, 'committed', 12_000)));
    await Promise.all(stories.map((story) => untilMails(world, story, 4)));
    await untilDrained(world);

    const seen = stories.map(({ fault, sub, id, to }) => ({
      fault: fault.kind,
      sent: world.tenant.patches(sub).length,
      effective: effectivePatches(world, sub).length,
      holds: world.tenant.user(sub).email === to,
      mails: mailsOf(world, { id }).length,
    }));
    expect(seen).toEqual(
      LOST.map(([{ kind }, sent]) => ({ fault: kind, sent, effective: 1, holds: true, mails: 4 })),
    );
  });
});

describe('a tenant in trouble', () => {
  test('after a 429 nobody calls until the reset, and no attempt is lost', async () => {
    const world = await startWorld();
    await startDeployment(world);
    const users = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) =>
        invite(world, { email: `${name}@example.com`, to: `${name}@example.org` }),
      ),
    );
    const reset = Math.ceil(Date.now() / 1000) + 2;
    world.tenant.faults.add({
      kind: 'status',
      status: 429,
      body: { statusCode: 429, error: 'Too Many Requests', errorCode: 'too_many_requests' },
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) },
      match: { method: 'GET' },
      times: 1,
    });
    await click(world, users[0]!.link);
    const refused = await world.tenant.waitFor(({ status }) => status === 429);
    await eventually(() => world.redis.hget(`${world.prefix}:budget`, 'closed').then(Boolean));
    const before = managementCalls(world).length;
    await Promise.all(users.slice(1).map(({ link }) => click(world, link)));

    await Promise.all(users.map((user) => untilStatus(world, user, 'committed')));
    await untilDrained(world);
    const later = managementCalls(world).slice(before);
    expect(refused.at).toBeLessThan(reset * 1000);
    expect(Math.min(...later.map(({ at }) => at))).toBeGreaterThanOrEqual(reset * 1000);
    expect(managementCalls(world).filter(({ status }) => status === 429)).toHaveLength(1);
    const commits = world.logs.filter(
      ({ task, outcome }) => task === 'commit' && outcome !== 'pause',
    );
    expect(commits.map(({ event, attempt }) => `${event} ${attempt}`)).toEqual(
      users.map(() => 'task.done 1'),
    );
  });

  test('a tenant that is down for a while is asked ever less often, and the click is not lost', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const down = world.tenant.faults.add({ kind: 'status', status: 503, body: 'upstream' });
    await click(world, invited.link);
    await eventually(() => down.hits >= 2);
    expect(await untilStatus(world, invited, 'confirmed')).toHaveProperty('confirmedAt');
    const laters = world.logs.filter(({ event }) => event === 'task.later');
    expect(laters.map(({ attempt, level }) => [attempt, level])).toEqual(
      [
        [1, 'info'],
        [2, 'info'],
      ].slice(0, laters.length),
    );
    down.remove();
    await untilStatus(world, invited, 'committed');
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('a 401 drops the token, fetches one new token, and the call is made again at once', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    world.tenant.expireManagementTokens();
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(callsAbout(world, invited.sub)).toEqual(['GET 200', 'GET 401', 'GET 200', 'PATCH 200']);
    expect(world.tenant.tokenRequests()).toHaveLength(2);
    expect(world.logs.filter(({ event }) => event === 'task.later')).toEqual([]);
  });

  test('a 401 at the PATCH itself is known not to have written: once more, with a new token', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const body = { statusCode: 401, error: 'Unauthorized', message: 'Expired token' };
    const match = { method: 'PATCH' };
    world.tenant.faults.add({ kind: 'status', status: 401, body, match, times: 1 });
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(callsAbout(world, invited.sub)).toEqual([
      'GET 200',
      'GET 200',
      'PATCH 401',
      'PATCH 200',
    ]);
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test.each([
    ['401 for ever', { statusCode: 401, error: 'Unauthorized', message: 'Bad audience' }],
    ['403', { statusCode: 403, error: 'Forbidden', errorCode: 'insufficient_scope' }],
  ])('%s is an alarm for the operator and a slow knock, not a lost click', async (_, body) => {
    const world = await startWorld();
    const invited = await invite(world);
    const match = { path: '/api/v2/' };
    const refusing = world.tenant.faults.add({
      kind: 'status',
      status: body.statusCode,
      body,
      match,
    });
    await click(world, invited.link);
    const alarm = await eventually(() => world.logs.find(({ event }) => event === 'task.later'));
    expect(alarm).toMatchObject({
      level: 'error',
      task: 'commit',
      why: `tenant: configuration (${body.statusCode})`,
    });
    const { hits } = refusing;
    refusing.remove();
    expect(hits).toBeLessThanOrEqual(2);
    expect((await recordOf(world, invited.id)).status).toBe('confirmed');
    world.pass(61_000);
    await untilStatus(world, invited, 'committed');
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('a page of some proxy that says 404 or 400 is not the word of Auth0', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const { faults } = world.tenant;
    faults.add({
      kind: 'status',
      status: 404,
      body: 'no such app',
      match: { method: 'GET' },
      times: 1,
    });
    faults.add({
      kind: 'status',
      status: 400,
      body: 'bad gateway',
      match: { method: 'PATCH' },
      times: 1,
    });
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('an account that is no account as we know them is asked for again', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const body = { user_id: invited.sub, email: OLD, identities: [null, 7, 'x'] };
    world.tenant.faults.add({
      kind: 'status',
      status: 200,
      body,
      match: { method: 'GET' },
      times: 1,
    });
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(world.logs.filter(({ event }) => event === 'task.failed')).toEqual([]);
  });
});

describe('a worker that lost its lease', () => {
  test('while it was reading writes nothing, neither at the tenant nor in the record', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const { shut, open } = gate();
    // Its answer tells of the old address, long after somebody else has written the new one.
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, times: 1 });
    await click(world, invited.link);
    await slow.struck;
    world.pass(26_000);
    await startDeployment(world);
    await untilStatus(world, invited, 'committed');
    world.tenant.updateUser(invited.sub, { email: 'newer@example.com' });
    open();
    await eventually(() => world.logs.some(({ event }) => event === 'task.stale'));
    await untilDrained(world);
    expect(world.tenant.patches()).toHaveLength(1);
    expect(world.tenant.user(invited.sub).email).toBe('newer@example.com');
    expect((await recordOf(world, invited.id)).status).toBe('committed');
    expect(mailsOf(world, invited)).toEqual(COMMITTED);
  });

  test('while its PATCH was under way does not settle what another one has settled', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const { shut, open } = gate();
    const match = { method: 'PATCH' };
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, match, times: 1 });
    await click(world, invited.link);
    await slow.struck;
    world.pass(26_000);
    await startDeployment(world);
    await untilStatus(world, invited, 'committed');
    open();
    await eventually(() => world.logs.some(({ event }) => event === 'task.stale'));
    await untilMails(world, invited, 4);
    await untilDrained(world);
    expect(callsAbout(world, invited.sub)).toEqual(['GET 200', 'GET 200', 'PATCH 200', 'GET 200']);
    expect(mailsOf(world, invited)).toEqual(COMMITTED);
  });

  test('was asleep with the PATCH in its hand does not send it any more', async () => {
    // One call a second, so that the PATCH has to wait for its turn while the time passes.
    const world = await startWorld({ env: { AUTH0_RATE: '1' } });
    const invited = await invite(world);
    await untilMails(world, invited, 2);
    await click(world, invited.link);
    await eventually(async () => (await recordOf(world, invited.id)).writing);
    world.pass(19_000);
    await eventually(() => world.logs.some(({ event }) => event === 'task.later'));
    expect(world.tenant.patches()).toEqual([]);
    expect(await recordOf(world, invited.id)).not.toHaveProperty('writing');
    await untilStatus(world, invited, 'committed');
    expect(callsAbout(world, invited.sub)).toEqual(['GET 200', 'GET 200', 'GET 200', 'PATCH 200']);
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
