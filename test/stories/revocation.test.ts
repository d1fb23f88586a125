/** Ending the user's sessions after a commit and an undo: best effort, reported, and never in the way. */
import { describe, expect, test } from 'vitest';
import type { TenantOptions } from '../../stand-ins/tenant/options.ts';
import { quiet } from '../support/wire.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { startReceiver } from './receiver.ts';
import {
  addPerson,
  change,
  linkIn,
  MINUTE,
  managementCalls,
  signIn,
  until,
  use,
  view,
  type Change,
} from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';
const SECRET = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

/** What the log says of revocations, as `event`. */
const logged = (world: World, { id }: Change): string[] =>
  world.logs
    .filter((line) => line['change'] === id && line.event?.startsWith('revocation.'))
    .map(({ event, level }) => `${level} ${event}`);

const revocations = (world: World, sub: string): string[] =>
  managementCalls(world, sub).filter((call) => call.startsWith('DELETE'));

/** A tenant that keeps sessions over a change of address: only a revocation ends them. */
const KEEPS = { endSessionsOnEmailChange: false } as const;

describe('after a commit', () => {
  test.each([
    ['none', 1, 1, undefined, []],
    ['sessions', 0, 1, 'done', ['DELETE sessions 202']],
    ['all', 0, 0, 'done', ['DELETE sessions 202', 'DELETE refresh-tokens 202']],
  ] as const)(
    'REVOKE=%s leaves %i sessions and %i refresh tokens, and says %s',
    async (revoke, sessions, refreshTokens, revocation, calls) => {
      const world = await startWorld({ env: { REVOKE: revoke }, tenant: KEEPS });
      const ada = addPerson(world, OLD);
      await signIn(world, OLD);
      expect(world.tenant.sessions(ada.sub)).toHaveLength(1);
      expect(world.tenant.refreshTokens(ada.sub)).toHaveLength(1);

      const committed = await change(world, ada, NEW);
      await until(world, committed, { status: 'committed', revocation });
      await quiet(world);
      expect(revocations(world, ada.sub)).toEqual(calls);
      expect(world.tenant.sessions(ada.sub)).toHaveLength(sessions);
      expect(world.tenant.refreshTokens(ada.sub)).toHaveLength(refreshTokens);
      expect(logged(world, committed)).toEqual(calls.length > 0 ? ['info revocation.done'] : []);
    },
  );

  test('a plan without revocation is reported as such, once, and nobody is alarmed', async () => {
    const world = await startWorld({ env: { REVOKE: 'all' }, tenant: { plan: 'free' } });
    const committed = await change(world, addPerson(world, OLD), NEW);
    await until(world, committed, { revocation: 'unsupported', status: 'committed' });
    await quiet(world);
    expect(revocations(world, committed.sub)).toEqual(['DELETE sessions 403']);
    expect(logged(world, committed)).toEqual(['info revocation.unsupported']);
  });

  test('a grant without the scopes is a failure that an operator is told of, once', async () => {
    const managementScopes = ['read:users', 'update:users'];
    const world = await startWorld({ env: { REVOKE: 'sessions' }, tenant: { managementScopes } });
    const committed = await change(world, addPerson(world, OLD), NEW);
    await until(world, committed, { revocation: 'failed', status: 'committed' });
    await quiet(world);
    expect(revocations(world, committed.sub)).toEqual(['DELETE sessions 403']);
    expect(logged(world, committed)).toEqual(['warn revocation.failed']);
  });

  // A gateway's page with a 200 is no yes.
  test.each([{ kind: 'status', status: 500 }, { kind: 'reset' }, { kind: 'html200' }] as const)(
    'a tenant that fails ($kind) is asked five times, then it is reported, and the change stands',
    async (fault) => {
      const world = await startWorld({ env: { REVOKE: 'sessions' } });
      const failing = world.tenant.faults.add({ ...fault, match: { method: 'DELETE' } });
      const committed = await change(world, addPerson(world, OLD), NEW);
      expect((await view(world, committed)).revocation).toBe('pending');
      for (let attempt = 1; attempt < 5; attempt += 1) {
        await eventually(() => failing.hits === attempt, `attempt ${attempt}`);
        await eventually(
          () =>
            world.logs.filter(({ event, task }) => event === 'task.later' && task === 'revoke')
              .length === attempt,
          `attempt ${attempt} to be put off`,
        );
        world.pass(MINUTE);
      }
      await until(world, committed, { revocation: 'failed', status: 'committed' });
      world.pass(MINUTE);
      await quiet(world);
      expect(failing.hits).toBe(5);
      expect(logged(world, committed)).toEqual(['warn revocation.failed']);
      expect(world.tenant.user(committed.sub).email).toBe(NEW);
    },
  );

  test('a tenant that recovers in time has done it', async () => {
    const world = await startWorld({ env: { REVOKE: 'all' }, tenant: KEEPS });
    const ada = addPerson(world, OLD);
    await signIn(world, OLD);
    // Sessions are ended, then the connection dies: it is all asked for again.
    const path = /refresh-tokens$/;
    world.tenant.faults.add({ kind: 'reset', match: { method: 'DELETE', path }, times: 2 });
    const committed = await change(world, ada, NEW);
    await until(world, committed, { revocation: 'done' });
    expect(world.tenant.refreshTokens(ada.sub)).toEqual([]);
  });

  test('a 429 makes it wait for the reset, and costs no attempt', async () => {
    const world = await startWorld({ env: { REVOKE: 'sessions' } });
    const reset = Math.ceil(Date.now() / 1000) + 1;
    world.tenant.faults.add({
      kind: 'status',
      status: 429,
      headers: { 'x-ratelimit-reset': String(reset), 'x-ratelimit-remaining': '0' },
      match: { method: 'DELETE' },
      times: 1,
    });
    const committed = await change(world, addPerson(world, OLD), NEW);
    await until(world, committed, { revocation: 'done' });
    expect(revocations(world, committed.sub)).toEqual([
      'DELETE sessions 429',
      'DELETE sessions 202',
    ]);
  });

  test('the mails do not wait for it', async () => {
    const world = await startWorld({ env: { REVOKE: 'all' } });
    world.tenant.faults.add({ kind: 'status', status: 503, match: { method: 'DELETE' } });
    const committed = await change(world, addPerson(world, OLD), NEW);
    await linkIn(world, committed, 'changed', 'undo');
    expect((await view(world, committed)).revocation).toBe('pending');
  });
});

describe('what came of it', () => {
  test.each<[string, TenantOptions]>([
    ['done', {}],
    ['unsupported', { plan: 'free' }],
    ['failed', { managementScopes: ['read:users', 'update:users'] }],
  ])('is told to the webhook as an event of its own: %s', async (revocation, tenant) => {
    const receiver = await startReceiver();
    const env = { REVOKE: 'all', WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: SECRET };
    const world = await startWorld({ env, tenant });
    const committed = await change(world, addPerson(world, OLD), NEW);
    const told = await receiver.received(committed, 'revocation');
    expect(told.event).toEqual({
      type: 'email_change.revocation',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      data: { id: committed.id, userId: committed.sub, status: 'committed', revocation },
    });

    // After an undo it is tried once more, whatever REVOKE says, and told once more.
    await use(world, 'undo', await linkIn(world, committed, 'changed', 'undo'));
    const again = await receiver.received(committed, 'revocation', 2);
    expect(again.event.data).toMatchObject({ status: 'undone', revocation });
    expect(again.id).not.toBe(told.id);
    await until(world, committed, { status: 'undone', revocation });
  });
});

describe('after an undo', () => {
  test('everything goes, also where REVOKE=none, for the account was in other hands', async () => {
    const world = await startWorld({ tenant: KEEPS });
    const ada = addPerson(world, OLD);
    const committed = await change(world, ada, NEW);
    await signIn(world, NEW);
    await use(world, 'undo', await linkIn(world, committed, 'changed', 'undo'));
    await until(world, committed, { status: 'undone', revocation: 'done' });
    expect(world.tenant.sessions(ada.sub)).toEqual([]);
    expect(world.tenant.refreshTokens(ada.sub)).toEqual([]);
    expect(revocations(world, ada.sub)).toEqual([
      'DELETE sessions 202',
      'DELETE refresh-tokens 202',
    ]);
  });

  test('the revocation of the commit gives way to the greater one of the undo, which has the last word', async () => {
    const world = await startWorld({ env: { REVOKE: 'sessions' } });
    const ada = addPerson(world, OLD);
    world.tenant.faults.add({ kind: 'status', status: 500, match: { method: 'DELETE' } });
    const committed = await change(world, ada, NEW);
    await use(world, 'undo', await linkIn(world, committed, 'changed', 'undo'));
    await until(world, committed, { status: 'undone', revocation: 'pending' });
    // Both would be out of patience by then.
    await eventually(async () => {
      world.pass(MINUTE);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return (await view(world, committed)).revocation === 'failed';
    });
    world.tenant.faults.clear();
    await quiet(world);
    expect(logged(world, committed)).toEqual(['warn revocation.failed']);
    expect(await view(world, committed)).toMatchObject({ status: 'undone', revocation: 'failed' });
  });

  test('a revocation that fails does not fail the undo', async () => {
    const world = await startWorld();
    const ada = addPerson(world, OLD);
    const committed = await change(world, ada, NEW);
    world.tenant.faults.add({ kind: 'status', status: 500, match: { method: 'DELETE' } });
    await use(world, 'undo', await linkIn(world, committed, 'changed', 'undo'));
    await until(world, committed, { status: 'undone', revocation: 'pending' });
    expect(world.tenant.user(ada.sub).email).toBe(OLD);
  });
});
