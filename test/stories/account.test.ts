/** What happens to the rest of the account: its sessions, its display name, its other identities. */
import { describe, expect, test } from 'vitest';
import type { Identity, NewUser } from '../../stand-ins/tenant/users.ts';
import { expectProblem, quiet } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';
import {
  addPerson,
  ask,
  change,
  linkIn,
  signIn,
  tryToAsk,
  until,
  use,
  view,
  type Change,
  type Person,
} from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';

const addUser = (world: World, user: NewUser): Person => {
  const { user_id: sub } = world.tenant.addUser({ email: OLD, ...user });
  return { sub, email: OLD };
};
const undo = async (world: World, committed: Change) => {
  await use(world, 'undo', await linkIn(world, committed, 'changed', 'undo'));
  return until(world, committed, { status: 'undone' });
};
const nameOf = (world: World, { sub }: Person) => world.tenant.user(sub).name;

describe('the session of the app', () => {
  test('is ended by Auth0 with the change, and the status says so, before and after an undo', async () => {
    const world = await startWorld();
    const ada = addPerson(world, OLD);
    await signIn(world, OLD);
    expect(world.tenant.sessions(ada.sub)).toHaveLength(1);

    const asked = await ask(world, ada, NEW);
    expect(await view(world, asked)).not.toHaveProperty('signInAgain');
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    const committed = await until(world, asked, { status: 'committed' });
    expect(committed.signInAgain).toBe(true);
    expect(world.tenant.sessions(ada.sub)).toEqual([]);
    // The access token that the app still has keeps answering the one question that matters now.
    const current = await world.call('GET', '/v1/email-changes/current', { token: asked.token });
    expect(current.body).toMatchObject({ id: asked.id, signInAgain: true });

    // The new address is the one to sign in with.
    await signIn(world, NEW);
    expect((await undo(world, asked)).signInAgain).toBe(true);
    expect(world.tenant.sessions(ada.sub)).toEqual([]);
    await signIn(world, OLD);
  });

  test.each(['canceled', 'rejected'])('is not spoken of when the change was %s', async (status) => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    if (status === 'canceled')
      await use(world, 'cancel', await linkIn(world, asked, 'notice', 'cancel'));
    else {
      world.tenant.updateUser(asked.sub, { blocked: true });
      await use(world, 'confirm', confirm);
    }
    expect(await until(world, asked, { status })).not.toHaveProperty('signInAgain');
  });
});

describe('SYNC_NAME', () => {
  const ON = { env: { SYNC_NAME: 'on' } };

  test('on: a display name that is nothing but the address follows it, there and back', async () => {
    const world = await startWorld(ON);
    const ada = addPerson(world, OLD);
    expect(nameOf(world, ada)).toBe(OLD);
    const committed = await change(world, ada, NEW);
    expect(nameOf(world, ada)).toBe(NEW);
    await undo(world, committed);
    expect(nameOf(world, ada)).toBe(OLD);
    // With the address, in the one write.
    expect(world.tenant.patches()).toHaveLength(2);
  });

  test('on: also where its letters differ in case, as Auth0 stores addresses in lower case', async () => {
    const world = await startWorld(ON);
    const ada = addUser(world, { name: 'Ada@Old.example' });
    await change(world, ada, NEW);
    expect(nameOf(world, ada)).toBe(NEW);
  });

  test.each(['Ada Lovelace', 'ada', `${OLD} (work)`, ` ${OLD}`, ''])(
    'on: a display name of its own stays: %j',
    async (name) => {
      const world = await startWorld(ON);
      const ada = addUser(world, { name });
      const committed = await change(world, ada, NEW);
      expect(nameOf(world, ada)).toBe(name);
      await undo(world, committed);
      expect(nameOf(world, ada)).toBe(name);
      for (const { body } of world.tenant.patches()) expect(body).not.toHaveProperty('name');
    },
  );

  test('on: a name given between commit and undo is not taken away by the undo', async () => {
    const world = await startWorld(ON);
    const ada = addPerson(world, OLD);
    const committed = await change(world, ada, NEW);
    world.tenant.updateUser(ada.sub, { name: 'Countess of Lovelace' });
    await undo(world, committed);
    expect(nameOf(world, ada)).toBe('Countess of Lovelace');
  });

  test('on: nickname and given name are nobody’s business', async () => {
    const world = await startWorld(ON);
    const ada = addUser(world, { nickname: OLD, given_name: OLD });
    await change(world, ada, NEW);
    expect(world.tenant.user(ada.sub)).toMatchObject({ nickname: OLD, given_name: OLD });
  });

  test('off, as by default: the name stays as it is', async () => {
    const world = await startWorld();
    const ada = addPerson(world, OLD);
    await undo(world, await change(world, ada, NEW));
    expect(nameOf(world, ada)).toBe(OLD);
    for (const { body } of world.tenant.patches()) expect(body).not.toHaveProperty('name');
  });
});

describe('linked accounts', () => {
  const database: Identity = {
    connection: 'customers',
    provider: 'auth0',
    user_id: 'ada-1',
    isSocial: false,
  };
  const google: Identity = {
    connection: 'google-oauth2',
    provider: 'google-oauth2',
    user_id: '109876543210',
    isSocial: true,
    profileData: { email: 'ada@gmail.example', email_verified: true, name: 'Ada at Google' },
  };
  const otherDatabase: Identity = {
    connection: 'staff',
    provider: 'auth0',
    user_id: 'ada-2',
    isSocial: false,
    profileData: { email: 'ada@staff.example', email_verified: true },
  };

  test.each([
    ['a social', google],
    ['a second database', otherDatabase],
  ] as const)(
    'with a database identity first and %s identity beside it, only the first one changes, there and back',
    async (_, secondary) => {
      const world = await startWorld();
      const ada = addUser(world, { identities: [database, secondary] });
      const before = structuredClone(world.tenant.user(ada.sub).identities);
      const committed = await change(world, ada, NEW);
      expect(world.tenant.user(ada.sub)).toMatchObject({ email: NEW, email_verified: true });
      expect(world.tenant.user(ada.sub).identities).toEqual(before);

      await undo(world, committed);
      expect(world.tenant.user(ada.sub).email).toBe(OLD);
      expect(world.tenant.user(ada.sub).identities).toEqual(before);
      for (const { body } of world.tenant.patches())
        expect(body).toMatchObject({ connection: 'customers' });
    },
  );

  test('with a social identity first the request is refused at the door, whatever stands beside it', async () => {
    const world = await startWorld();
    const ada = addUser(world, { email: 'ada@gmail.example', identities: [google, database] });
    expect(ada.sub).toBe('google-oauth2|109876543210');
    expectProblem(await tryToAsk(world, ada, NEW), 'unsupported-identity');
    await quiet(world);
    expect(world.inbox.messages).toEqual([]);
    expect(world.tenant.calls.filter(({ path }) => path.startsWith('/api/'))).toEqual([]);
  });

  test('linked under a social identity after the request, the change is rejected, and nothing is written', async () => {
    const world = await startWorld();
    const ada = addUser(world, { identities: [database] });
    const asked = await ask(world, ada, NEW);
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    world.tenant.updateUser(ada.sub, { identities: [google, database] });
    await use(world, 'confirm', confirm);
    await until(world, asked, { status: 'rejected', reason: 'unsupported-identity' });
    expect(world.tenant.patches()).toEqual([]);
  });

  test('an address that only a linked identity has is somebody’s: no change takes it twice', async () => {
    const world = await startWorld();
    const hers = { email: 'eve@old.example', email_verified: true };
    addUser(world, {
      email: 'eve@gmail.example',
      identities: [google, { ...database, user_id: 'eve', profileData: hers }],
    });
    const ada = addUser(world, { identities: [database] });
    const asked = await ask(world, ada, 'eve@old.example');
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'rejected', reason: 'email-taken' });
    expect(world.tenant.user(ada.sub).email).toBe(OLD);
  });
});
