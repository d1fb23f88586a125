/**
 * What is wrong at the tenant is its operator's to mend, in Auth0's own words: no user's click is
 * spent on it. What the tenant says that it did is not believed before it was looked at.
 */
import { describe, expect, test } from 'vitest';
import { eventually, startWorld, tokenIn } from '../support/world.ts';
import {
  ask,
  callsAbout,
  click,
  commit,
  effectivePatches,
  gate,
  invite,
  NEW,
  OLD,
  recordOf,
  untilStatus,
} from './steps.ts';

const PATCH = { method: 'PATCH' };
const says = (status: number, message: string, errorCode?: string) => ({
  kind: 'status' as const,
  status,
  body: { statusCode: status, error: 'Error', message, ...(errorCode ? { errorCode } : {}) },
});

describe('a PATCH that the tenant can not carry out', () => {
  test.each([
    [400, 'change_email script does not exist', undefined],
    [400, 'change_email script does not exist for connection legacy', 'auth0_idp_error'],
    [400, 'Cannot change email or password for users in a disabled connection.', 'invalid_body'],
    [
      400,
      'Cannot change email or password for users in a disabled connection.',
      'operation_not_supported',
    ],
    [400, 'Connection does not exist.', 'inexistent_connection'],
    [400, 'Script execution timed out', 'auth0_idp_error'],
    [400, 'relation "users" does not exist', 'auth0_idp_error'],
    [401, 'Client authentication is required', undefined],
    [403, 'Insufficient scope, expected any of: update:users', 'insufficient_scope'],
    [404, 'Not Found', undefined],
  ])('because of "%i %s" waits for its operator, who is told so', async (status, words, code) => {
    const world = await startWorld();
    const invited = await invite(world);
    const fault = world.tenant.faults.add({ ...says(status, words, code), match: PATCH });
    await click(world, invited.link);
    const alarm = await eventually(() => world.logs.find(({ event }) => event === 'task.later'));
    expect(alarm).toMatchObject({ level: 'error', task: 'commit', change: invited.id });
    expect(alarm['said']).toContain(words);
    const record = await recordOf(world, invited.id);
    expect(record).toMatchObject({ status: 'confirmed' });
    expect(record).not.toHaveProperty('writing');
    fault.remove();
    world.pass(61_000);
    await untilStatus(world, invited, 'committed');
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('until the deadline is told then that its time has passed', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const fault = says(400, 'change_email script does not exist');
    const placed = world.tenant.faults.add({ ...fault, match: PATCH });
    await click(world, invited.link);
    await placed.struck;
    await eventually(() => world.logs.some(({ event }) => event === 'task.later'));
    world.pass(73 * 3_600_000);
    expect(await untilStatus(world, invited, 'rejected')).toMatchObject({
      reason: 'deadline-passed',
    });
  });

  test('is logged in words that name no address', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const words = `Script failed for ${OLD} <${NEW}>: no such row`;
    world.tenant.faults.add({ ...says(400, words, 'auth0_idp_error'), match: PATCH });
    await click(world, invited.link);
    const alarm = await eventually(() => world.logs.find(({ event }) => event === 'task.later'));
    expect(alarm['said']).toBe('auth0_idp_error: Script failed for ••• <•••>: no such row');
  });
});

describe('an account that the tenant does not let us read, for good,', () => {
  const refusal = {
    ...says(
      400,
      "Path validation error: 'String does not match pattern' on property id",
      'invalid_uri',
    ),
    match: { method: 'GET', path: '/api/v2/' },
  };
  const reason = 'refused-by-auth0';

  test('ends the invitation with a reason', async () => {
    const world = await startWorld();
    world.tenant.faults.add(refusal);
    expect(await untilStatus(world, await ask(world), 'rejected')).toMatchObject({ reason });
  });

  test('ends the commit with a reason', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    world.tenant.faults.add(refusal);
    await click(world, invited.link);
    expect(await untilStatus(world, invited, 'rejected')).toMatchObject({ reason });
    expect(world.tenant.patches()).toEqual([]);
  });

  test('ends the undo with a reason', async () => {
    const world = await startWorld();
    const committed = await commit(world);
    const mail = await world.inbox.waitFor(({ messageId }) => messageId.includes('mail.changed'));
    world.tenant.faults.add(refusal);
    await click(world, tokenIn(mail.text, 'undo'), 'undo');
    const refused = await eventually(
      async () => (await recordOf(world, committed.id)).undo?.refused,
    );
    expect(refused).toBe(reason);
  });
});

describe('an answer 200', () => {
  const answer = (sub: string, more: object) => ({
    kind: 'executeThenStatus' as const,
    status: 200,
    body: { user_id: sub, email: NEW, ...more },
    match: PATCH,
    times: 1,
  });

  test('with another address is an alarm at once, and believed only after a reading', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    world.tenant.faults.add(answer(invited.sub, { email: 'other@example.com' }));
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    const alarms = world.logs.filter(({ level }) => level === 'error');
    expect(alarms).toMatchObject([
      { event: 'task.later', change: invited.id, why: 'tenant: doubt (200)' },
    ]);
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('that left the address unverified is told, recorded as committed, and mended without the address', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const { shut, open } = gate();
    const patch = world.tenant.faults.add(answer(invited.sub, { email_verified: false }));
    await click(world, invited.link);
    await patch.struck;
    world.tenant.faults.add({ kind: 'hold', until: shut, match: { method: 'GET' }, times: 1 });
    await untilStatus(world, invited, 'committed');
    expect(world.logs).toContainEqual(
      expect.objectContaining({ level: 'warn', event: 'commit.unverified', change: invited.id }),
    );
    world.tenant.updateUser(invited.sub, { email_verified: false });
    open();
    await eventually(() => world.tenant.user(invited.sub).email_verified);
    expect(world.tenant.patches().map(({ body }) => body)).toMatchObject([
      { email: NEW, email_verified: true },
      { email_verified: true, verify_email: false },
    ]);
    expect(world.tenant.patches()[1]!.body).not.toHaveProperty('email');
    expect(callsAbout(world, invited.sub)).toEqual([
      'GET 200',
      'GET 200',
      'PATCH 200',
      'GET 200',
      'PATCH 200',
    ]);
  });

  test('that left the address unverified calls no other address verified, which came there meanwhile', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const { shut, open } = gate();
    const patch = world.tenant.faults.add(answer(invited.sub, { email_verified: false }));
    await click(world, invited.link);
    await patch.struck;
    world.tenant.faults.add({ kind: 'hold', until: shut, match: { method: 'GET' }, times: 1 });
    await untilStatus(world, invited, 'committed');
    world.tenant.updateUser(invited.sub, { email: 'mallory@example.net', email_verified: false });
    open();
    await eventually(() =>
      world.logs.some(({ event, task }) => event === 'task.done' && task === 'verify'),
    );
    expect(world.tenant.user(invited.sub)).toMatchObject({ email_verified: false });
    expect(world.tenant.patches()).toHaveLength(1);
  });

  test('that is no user, to every reading for ten minutes, is a tenant that is unwell', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const lying = world.tenant.faults.add({
      kind: 'html200',
      match: { method: 'GET', path: '/api/v2/' },
    });
    await click(world, invited.link);
    await lying.struck;
    for (let minute = 0; minute < 12; minute += 1) {
      const { hits } = lying;
      world.pass(61_000);
      // What was put off after the last answer may be written down only now.
      await eventually(() => {
        world.pass(1000);
        return lying.hits > hits;
      });
    }
    const alarm = await eventually(() => world.logs.find(({ event }) => event === 'tenant.unwell'));
    expect(alarm).toMatchObject({ level: 'error', why: 'tenant: away (200)' });
    lying.remove();
    await eventually(async () => {
      world.pass(2000);
      return (await recordOf(world, invited.id)).status === 'committed';
    }, 'the commit');
  });
});
