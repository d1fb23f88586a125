/** A change can be withdrawn from the app, from the current mailbox and by an operator, until it is written. */
import { describe, expect, test } from 'vitest';
import { expectProblem, quiet, state } from '../support/wire.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { gate } from '../workers/steps.ts';
import { inShell, readdress } from './operator.ts';
import {
  addPerson,
  ask,
  change,
  HOUR,
  inspect,
  linkIn,
  mailsOf,
  press,
  until,
  use,
  view,
  words,
  type Change,
} from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';

/** Each way to withdraw a change, and what it tells whoever did. */
const CANCELS = {
  user: async (world: World, { id, token }: Change) => [
    (await world.call('DELETE', `/v1/email-changes/${id}`, { token })).status,
  ],
  'current-mailbox': async (world: World, asked: Change) => {
    const page = await press(world, 'cancel', await linkIn(world, asked, 'notice', 'cancel'));
    const said = await page();
    return CANCELED_PAGE.map((key) => said.includes(words(key)));
  },
  operator: async (world: World, { id }: Change) => {
    const { code, lines, stderr } = await readdress(world, ['cancel', id]);
    return [code, ...lines, stderr];
  },
} as const;
type By = keyof typeof CANCELS;

/** It was perhaps not them who asked: this mailbox, and no other, is told to set a new password. */
const CANCELED_PAGE = ['page.outcome.canceled.title', 'page.outcome.canceled.next'] as const;

const TOLD = ({ id }: Change): Record<By, unknown[]> => ({
  user: [204],
  'current-mailbox': [true, true],
  operator: [0, { id, status: 'canceled', canceledBy: 'operator' }, ''],
});

/** What every holder of a link is told of a canceled change, and what became of the account. */
async function afterwards(world: World, asked: Change, confirm: string, cancel: string) {
  const page = await (await press(world, 'confirm', confirm))();
  const answers = [
    await inspect(world, confirm),
    await inspect(world, cancel),
    await use(world, 'confirm', confirm),
    await use(world, 'cancel', cancel),
  ];
  await quiet(world);
  const { status, canceledBy } = await view(world, asked);
  return {
    status,
    canceledBy,
    links: new Set(answers.map(({ body }) => body.status)),
    page: page.includes(words('page.outcome.canceled.title')),
    patches: world.tenant.patches().length,
    address: world.tenant.user(asked.sub).email,
  };
}
const OVER = {
  status: 'canceled',
  links: new Set(['canceled']),
  page: true,
  patches: 0,
  address: OLD,
};

describe.each(Object.keys(CANCELS) as By[])('canceled by the %s', (by) => {
  test('a pending change is over, and its links say so', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    const cancel = await linkIn(world, asked, 'notice', 'cancel');
    expect(await CANCELS[by](world, asked)).toEqual(TOLD(asked)[by]);
    expect(await afterwards(world, asked, confirm, cancel)).toEqual({ ...OVER, canceledBy: by });
  });

  test('a confirmed change is over too, as long as its PATCH is not on its way', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    const cancel = await linkIn(world, asked, 'notice', 'cancel');
    // Auth0 is away: the click is recorded, and the commit waits.
    const away = world.tenant.faults.add({ kind: 'status', status: 503, match: { method: 'GET' } });
    await use(world, 'confirm', confirm);
    await away.struck;
    expect(await CANCELS[by](world, asked)).toEqual(TOLD(asked)[by]);
    away.remove();
    expect(await afterwards(world, asked, confirm, cancel)).toEqual({ ...OVER, canceledBy: by });
  });
});

test('canceled twice, by whomever, is harmless, and the first one is the one who did it', async () => {
  const world = await startWorld();
  const asked = await ask(world, addPerson(world, OLD), NEW);
  await linkIn(world, asked, 'notice', 'cancel');
  await CANCELS['current-mailbox'](world, asked);
  await quiet(world);
  const before = await state(world);
  await CANCELS.user(world, asked);
  const { code, lines } = await readdress(world, ['cancel', asked.id]);
  expect({ code, lines }).toEqual({
    code: 0,
    lines: [{ id: asked.id, status: 'canceled', canceledBy: 'current-mailbox' }],
  });
  expect(await state(world)).toEqual(before);
});

test('what has expired was not canceled, and is not afterwards either', async () => {
  const world = await startWorld({ workers: false });
  const expired = await ask(world, addPerson(world, OLD), NEW);
  world.pass(HOUR);
  expect((await view(world, expired)).status).toBe('expired');
  const { id, token } = expired;
  expect((await world.call('DELETE', `/v1/email-changes/${id}`, { token })).status).toBe(204);
  expect(await view(world, expired)).toMatchObject({ status: 'expired' });
  expect(await view(world, expired)).not.toHaveProperty('canceledBy');
});

test('after the commit the cancel link says that it is too late and points to undo, and changes nothing', async () => {
  const world = await startWorld();
  const committed = await change(world, addPerson(world, OLD), NEW);
  const cancel = await linkIn(world, committed, 'notice', 'cancel');
  expect((await inspect(world, cancel)).body).toMatchObject({
    purpose: 'cancel',
    status: 'committed',
  });
  expect((await use(world, 'cancel', cancel)).body).toEqual({ status: 'committed' });
  const page = await (await press(world, 'cancel', cancel))();
  expect(page).toContain(words('page.outcome.too-late-to-cancel.title'));
  expect(page).toContain(words('page.outcome.too-late-to-cancel.text'));

  const { id, token } = committed;
  expectProblem(
    await world.call('DELETE', `/v1/email-changes/${id}`, { token }),
    'already-committed',
  );
  const { code, stderr } = await readdress(world, ['cancel', id]);
  expect(code).toBe(1);
  expect(stderr).toContain('already-committed');
  expect(await view(world, committed)).toMatchObject({ status: 'committed' });
  expect(world.tenant.user(committed.sub).email).toBe(NEW);

  // The mail that it points to does what it says.
  await use(world, 'undo', await linkIn(world, committed, 'changed', 'undo'));
  await until(world, committed, { status: 'undone' });
  expect((await use(world, 'cancel', cancel)).body).toEqual({ status: 'undone' });
});

test('while the PATCH is on its way nobody can cancel, and everybody is told', async () => {
  const world = await startWorld();
  const asked = await ask(world, addPerson(world, OLD), NEW);
  const cancel = await linkIn(world, asked, 'notice', 'cancel');
  const { shut, open } = gate();
  const slow = world.tenant.faults.add({
    kind: 'executeThenHold',
    until: shut,
    match: { method: 'PATCH' },
  });
  await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
  await slow.struck;
  expectProblem(await use(world, 'cancel', cancel), 'commit-in-progress');
  const { id, token } = asked;
  const withdrawn = await world.call('DELETE', `/v1/email-changes/${id}`, { token });
  expectProblem(withdrawn, 'commit-in-progress');
  expect(await readdress(world, ['cancel', id])).toEqual({
    code: 1,
    lines: [],
    stderr: 'readdress: not possible: commit-in-progress\n',
  });
  open();
  await until(world, asked, { status: 'committed' });
});

test('of a cancel and a click at once one wins, in the record, at the tenant and in the mails', async () => {
  const world = await startWorld();
  const stories = await Promise.all(
    Array.from({ length: 8 }, async (_, n) => {
      const asked = await ask(world, addPerson(world, `u${n}@old.example`), `u${n}@new.example`);
      const confirm = await linkIn(world, asked, 'confirm', 'confirm');
      const cancel = await linkIn(world, asked, 'notice', 'cancel');
      await Promise.all(
        n % 2 === 0
          ? [use(world, 'confirm', confirm), use(world, 'cancel', cancel)]
          : [use(world, 'cancel', cancel), use(world, 'confirm', confirm)],
      );
      return asked;
    }),
  );
  await quiet(world);
  for (const asked of stories) {
    const { status } = await view(world, asked);
    const won = status === 'committed';
    expect(['committed', 'canceled']).toContain(status);
    expect(world.tenant.user(asked.sub).email).toBe(won ? asked.to : asked.from);
    const told = mailsOf(world, asked).some((line) => line.startsWith('changed'));
    expect(told).toBe(won);
  }
});

describe("the operator's command", () => {
  test('needs a change that exists, an id that is one, and settings that are complete', async () => {
    const world = await startWorld({ workers: false });
    const [unknown, malformed, missing, nonsense, settings] = await Promise.all([
      inShell(world, ['cancel', 'AAAAAAAAAAAAAAAAAAAAAA']),
      readdress(world, ['cancel', '../../etc/passwd']),
      readdress(world, ['cancel']),
      readdress(world, ['constructor']),
      inShell({ env: { SEALING_KEYS: 'short' } }, ['cancel', 'AAAAAAAAAAAAAAAAAAAAAA']),
    ]);
    expect(unknown).toMatchObject({ code: 1, lines: [] });
    expect(unknown.stderr).toContain('no such change');
    for (const { code, stderr } of [malformed, missing]) {
      expect(code).toBe(64);
      expect(stderr).toContain('readdress cancel <id>');
    }
    expect(nonsense.code).toBe(64);
    expect(nonsense.stderr).toContain('readdress cancel <id>');
    expect(settings.code).toBe(78);
    for (const name of ['REDIS_URL', 'SEALING_KEYS', 'AUTH0_DOMAIN', 'PUBLIC_URL'])
      expect(settings.stderr).toContain(`${name}: `);
    // Only the canary, and what BullMQ keeps of its queues.
    const keys = await world.redis.keys(`*${world.env['AUTH0_DOMAIN']}*`);
    expect(keys.filter((key) => !/:(?:meta|canary)$/.test(key))).toEqual([]);
  });

  test('says when Redis is away, and when the record can not be read, and takes neither for the other', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const [away, otherKey] = await Promise.all([
      readdress(world, ['cancel', asked.id], { REDIS_URL: 'redis://127.0.0.1:1' }),
      readdress(world, ['cancel', asked.id], {
        SEALING_KEYS: Buffer.alloc(32, 7).toString('base64'),
      }),
    ]);
    expect(away).toMatchObject({
      code: 1,
      lines: [],
      stderr: 'readdress: Redis does not answer\n',
    });
    expect(otherKey.code).toBe(1);
    expect(otherKey.stderr).toContain('SEALING_KEYS');
    expect(otherKey.stderr).not.toContain('Redis does not answer');
    expect((await view(world, asked)).status).toBe('pending');
  });

  test('is heard at once by whoever waits for the change, in whatever process', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const { token } = asked;
    const live = await fetch(`${world.api}/v1/email-changes/${asked.id}/events`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const told = live.text();
    await eventually(async () => (await view(world, asked)).mailedAt, 'the mail');
    await CANCELS.operator(world, asked);
    expect(await told).toContain('"canceledBy":"operator"');
  });
});
