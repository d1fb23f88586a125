/**
 * A tenant that takes longer than anybody waits: a custom database's script may run for 20 s, and a
 * gateway before it gives up sooner. What it was asked for takes effect after we have read.
 */
import { describe, expect, test } from 'vitest';
import type { FaultAction } from '../../stand-ins/tenant/faults.ts';
import { eventually, startWorld, tokenIn, type World } from '../support/world.ts';
import {
  click,
  commit,
  effectivePatches,
  gate,
  invite,
  mailsOf,
  MAILS_OF_A_COMMIT,
  NEW,
  OLD,
  recordOf,
  untilDrained,
  untilMails,
  untilStatus,
  type Asked,
} from './steps.ts';

/** Calls time out after two seconds, a lease after five. */
const HURRY = { env: { TASK_LEASE: '5s', TENANT_PATIENCE: '30s' } };
const PATCH = { method: 'PATCH' };

type Slow = (until: Promise<void>) => FaultAction;
const SLOW: [how: string, fault: Slow][] = [
  ['we gave up on its answer', (until) => ({ kind: 'hold', until })],
  ['a gateway said 504', (until) => ({ kind: 'statusThenExecute', status: 504, until })],
  [
    'a gateway said 400 in words of its own',
    (until) => ({ kind: 'statusThenExecute', status: 400, body: { message: 'bad' }, until }),
  ],
  [
    'Auth0 said that something broke',
    (until) => ({
      kind: 'statusThenExecute',
      status: 500,
      body: { statusCode: 500, error: 'Internal Server Error', message: 'Oops' },
      until,
    }),
  ],
];

/** Waits until a task found that its PATCH may still land. */
const untilStill = (world: World, task: string) =>
  eventually(
    () =>
      world.logs.some((line) => line['task'] === task && line['why'] === 'a PATCH may still land'),
    'a reading in doubt',
    12_000,
  );

/** A confirmed change whose PATCH the tenant is working on, and the way to let it take effect. */
async function inDoubt(world: World, fault: Slow = SLOW[1]![1]) {
  const invited = await invite(world);
  await untilMails(world, invited, 2);
  const { shut, open } = gate();
  world.tenant.faults.add({ ...fault(shut), match: PATCH, times: 1 });
  await click(world, invited.link);
  await untilStill(world, 'commit');
  return { invited, land: open };
}

const addressOf = (world: World, { sub }: Asked) => world.tenant.user(sub).email;

describe('a PATCH that takes effect after', () => {
  test.each(SLOW)('%s ends committed, by one PATCH, with every mailbox told', async (_, fault) => {
    const world = await startWorld(HURRY);
    const { invited, land } = await inDoubt(world, fault);
    expect(world.logs).toContainEqual(
      expect.objectContaining({ event: 'task.later', level: 'error', change: invited.id }),
    );
    world.pass(20_000);
    await untilStatus(world, invited, 'confirmed');
    land();
    await untilStatus(world, invited, 'committed');
    expect(await untilMails(world, invited, 4)).toEqual(MAILS_OF_A_COMMIT);
    await untilDrained(world);
    expect(world.tenant.patches()).toHaveLength(1);
    const changed = world.inbox.messages.find(({ messageId }) => messageId.includes('changed'));
    expect(tokenIn(changed?.text, 'undo')).toHaveLength(64);
  });

  test('it was sent is waited for, whatever else would have ended the change', async () => {
    const stops: [name: string, stop: (world: World, asked: Asked) => void][] = [
      ['blocked', ({ tenant }, { sub }) => tenant.updateUser(sub, { blocked: true })],
      [
        'password reset',
        (world, { sub }) =>
          world.tenant.updateUser(sub, {
            last_password_reset: new Date(world.now()).toISOString(),
          }),
      ],
      ['drifted', ({ tenant }, { sub }) => tenant.updateUser(sub, { email: 'else@example.com' })],
    ];
    for (const [name, stop] of stops) {
      const world = await startWorld(HURRY);
      const { invited, land } = await inDoubt(world);
      stop(world, invited);
      world.pass(5000);
      await eventually(
        () => world.tenant.calls.filter(({ method }) => method === 'GET').length > 3,
      );
      expect((await recordOf(world, invited.id)).status, name).toBe('confirmed');
      // Our write lands over what somebody else wrote meanwhile: nobody can stop it, and an operator hears of it.
      const hasDrift = () => world.logs.some(({ event }) => event === 'commit.drift_in_doubt');
      if (name === 'drifted') await eventually(hasDrift, 'the drift to be told', 15_000);
      expect(hasDrift(), name).toBe(name === 'drifted');
      const measures = await (await fetch(`${world.workers!.url}/metrics`)).text();
      expect(/^readdress_drift_in_doubt_total [1-9]/m.test(measures), name).toBe(hasDrift());
      land();
      await untilStatus(world, invited, 'committed');
      expect(effectivePatches(world), name).toHaveLength(1);
    }
  });

  test('the deadline is waited for too, and the operator hears of it', async () => {
    const world = await startWorld(HURRY);
    const invited = await invite(world);
    const { shut, open } = gate();
    world.tenant.faults.add({
      kind: 'statusThenExecute',
      status: 504,
      until: shut,
      match: PATCH,
      times: 1,
    });
    const away = { kind: 'status', status: 503, match: { method: 'GET' } } as const;
    await click(world, invited.link);
    await world.tenant.waitFor(({ method }) => method === 'PATCH');
    const down = world.tenant.faults.add(away);
    world.pass(73 * 3_600_000);
    await down.struck;
    await eventually(() =>
      world.logs.some(
        ({ level, event, why }) =>
          level === 'error' && event === 'task.later' && why === 'tenant: away (503)',
      ),
    );
    expect((await recordOf(world, invited.id)).status).toBe('confirmed');
    open();
    down.remove();
    world.pass(61_000);
    await untilStatus(world, invited, 'committed');
    expect(world.tenant.patches()).toHaveLength(1);
  });

  test('more than anybody promised is not taken for the work of somebody else', async () => {
    const world = await startWorld({ env: { ...HURRY.env, TENANT_PATIENCE: '4s' } });
    const { invited, land } = await inDoubt(world);
    const taken = {
      statusCode: 400,
      error: 'Bad Request',
      message: 'The specified new email already exists',
      errorCode: 'auth0_idp_error',
    };
    // The second PATCH meets the first, which lands while the refusal is looked into.
    const { faults } = world.tenant;
    const second = faults.add({ kind: 'status', status: 400, body: taken, match: PATCH, times: 1 });
    world.pass(5000);
    await second.struck;
    const { shut, open } = gate();
    faults.add({ kind: 'hold', until: shut, match: { method: 'GET' }, times: 1 });
    land();
    await eventually(() => addressOf(world, invited) === NEW);
    open();
    await untilStatus(world, invited, 'committed');
    expect(await untilMails(world, invited, 4)).toEqual(MAILS_OF_A_COMMIT);
  });
});

describe('while a PATCH may still land', () => {
  test('nobody is promised that it will not: no cancel, no other request, no second PATCH', async () => {
    const world = await startWorld(HURRY);
    const { invited, land } = await inDoubt(world);
    const { token, id } = invited;
    const busy = { status: 409, body: { code: 'commit-in-progress' } };
    expect(await world.call('DELETE', `/v1/email-changes/${id}`, { token })).toMatchObject(busy);
    const other = { token, body: { email: 'other@example.org' } };
    expect(await world.call('POST', '/v1/email-changes', other)).toMatchObject(busy);
    world.pass(25_000);
    await eventually(() => world.tenant.calls.filter(({ method }) => method === 'GET').length > 3);
    expect(world.tenant.patches()).toHaveLength(1);
    land();
    await untilStatus(world, invited, 'committed');
  });

  test('and it never does, the rest goes on when its time is over: written once more, or rejected', async () => {
    for (const blocked of [false, true]) {
      const world = await startWorld(HURRY);
      const { invited } = await inDoubt(world);
      if (blocked) world.tenant.updateUser(invited.sub, { blocked });
      world.pass(31_000);
      const { reason } = await untilStatus(world, invited, blocked ? 'rejected' : 'committed');
      expect(reason).toBe(blocked ? 'user-blocked' : undefined);
      expect(effectivePatches(world)).toHaveLength(blocked ? 0 : 1);
    }
  });
});

describe('an undo whose PATCH takes effect after', () => {
  test.each(SLOW)(
    '%s ends undone, by one PATCH, with sessions ended and changes locked',
    async (_, fault) => {
      const world = await startWorld(HURRY);
      const committed = await commit(world);
      const mail = await world.inbox.waitFor(({ messageId }) =>
        messageId.startsWith(`<${committed.id}.mail.changed`),
      );
      world.tenant.addSession(committed.sub);
      const { shut, open } = gate();
      world.tenant.faults.add({ ...fault(shut), match: PATCH, times: 1 });
      await click(world, tokenIn(mail.text, 'undo'), 'undo');
      await untilStill(world, 'undo');
      world.tenant.updateUser(committed.sub, { email: NEW, blocked: true });
      world.pass(20_000);
      open();
      await untilStatus(world, committed, 'undone');
      await eventually(() => world.tenant.sessions(committed.sub).length === 0);
      expect(addressOf(world, committed)).toBe(OLD);
      await untilDrained(world);
      expect(mailsOf(world, committed)).toContain(`restored → ${OLD}`);
      expect(effectivePatches(world)).toHaveLength(2);
      const again = { token: await world.token(committed.sub), body: { email: 'c@example.org' } };
      expect(await world.call('POST', '/v1/email-changes', again)).toMatchObject({
        status: 409,
        body: { code: 'changes-locked' },
      });
    },
  );
});
