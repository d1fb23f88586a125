/** The audit trail: who did what to a change, from where, and what Auth0 said; for the operator alone. */
import { describe, expect, test } from 'vitest';
import { callApi, startWorld, type World } from '../support/world.ts';
import { dump, quiet } from '../support/wire.ts';
import { storeOf } from '../workers/steps.ts';
import { essentials, readdress } from './operator.ts';
import { addPerson, ask, change, HOUR, linkIn, until, use, view, type Change } from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';

/** The lines about a change, oldest first, as the operator reads them. */
async function trailOf(world: World, { id }: Change) {
  const { code, lines, stderr } = await readdress(world, ['audit']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return lines.filter((line) => line.change === id);
}

/** A caller behind the trusted proxy of this machine. */
const from = (ip: string) => ({ 'x-forwarded-for': ip });
const PROXY = { TRUST_PROXY: 'loopback' };

test('a life from request to undo: who asked, who confirmed, from which network, what Auth0 said', async () => {
  const world = await startWorld({ env: PROXY });
  const ada = addPerson(world, OLD);
  const token = await world.token(ada.sub);
  const { body } = await world.call('POST', '/v1/email-changes', {
    token,
    body: { email: NEW },
    headers: from('203.0.113.77'),
  });
  const asked: Change = { id: body.id, sub: ada.sub, from: OLD, to: NEW, token };
  await callApi(world.api, 'POST', '/v1/confirm', {
    body: { token: await linkIn(world, asked, 'confirm', 'confirm') },
    headers: from('2001:db8:12:3456::9'),
  });
  await until(world, asked, { status: 'committed' });
  await use(world, 'undo', await linkIn(world, asked, 'changed', 'undo'));
  await until(world, asked, { status: 'undone' });
  const seen = await view(world, asked);

  const of = { change: asked.id, sub: ada.sub };
  const { requestedAt, confirmedAt, committedAt } = seen;
  const [user, mailbox] = ['203.0.113.0/24', '2001:db8:12::/48'];
  const byAuth0 = { ...of, actor: 'worker', said: '200' };
  expect(await trailOf(world, asked)).toEqual([
    { ...of, at: requestedAt, status: 'pending', actor: 'user', from: user },
    {
      ...of,
      at: confirmedAt,
      status: 'confirmed',
      before: 'pending',
      actor: 'new-mailbox',
      from: mailbox,
    },
    { ...byAuth0, at: committedAt, status: 'committed', before: 'confirmed' },
    {
      ...of,
      at: expect.any(String),
      status: 'committed',
      act: 'undo-requested',
      actor: 'current-mailbox',
      from: expect.stringContaining('/'),
    },
    { ...byAuth0, at: expect.any(String), status: 'undone', before: 'committed' },
  ]);
});

test('under `both` each of the two who agreed is on record', async () => {
  const world = await startWorld({ env: { CONFIRMATION: 'both' } });
  const ada = addPerson(world, OLD);
  const token = await world.token(ada.sub);
  const { body } = await world.call('POST', '/v1/email-changes', { token, body: { email: NEW } });
  const asked: Change = { id: body.id, sub: ada.sub, from: OLD, to: NEW, token };
  await use(world, 'approve', await linkIn(world, asked, 'approve', 'approve'));
  await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
  await until(world, asked, { status: 'committed' });
  const trail: object[] = await trailOf(world, asked);
  expect(trail).toContainEqual(
    expect.objectContaining({ actor: 'current-mailbox', act: 'agreed', status: 'pending' }),
  );
  expect(trail).toContainEqual(
    expect.objectContaining({ actor: 'new-mailbox', status: 'confirmed' }),
  );
});

describe('who ended a change is on record', () => {
  test.each([
    [
      'user',
      (world: World, { id, token }: Change) =>
        world.call('DELETE', `/v1/email-changes/${id}`, { token }),
    ],
    [
      'current-mailbox',
      async (world: World, asked: Change) =>
        use(world, 'cancel', await linkIn(world, asked, 'notice', 'cancel')),
    ],
    ['operator', (world: World, { id }: Change) => readdress(world, ['cancel', id])],
  ] as const)('canceled by the %s', async (actor, cancel) => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await cancel(world, asked);
    expect((await trailOf(world, asked)).at(-1)).toMatchObject({
      status: 'canceled',
      before: 'pending',
      actor,
      ...(actor === 'operator' ? {} : { from: '127.0.0.0/24' }),
    });
  });

  test('rejected, with the reason and the words of Auth0, which quote no address', async () => {
    const world = await startWorld();
    world.tenant.addUser({ email: NEW });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'rejected' });
    expect((await trailOf(world, asked)).at(-1)).toMatchObject({
      status: 'rejected',
      before: 'confirmed',
      reason: 'email-taken',
      actor: 'worker',
      said: '400 auth0_idp_error',
    });
  });

  test('expired, by nobody but time', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await quiet(world);
    world.pass(HOUR);
    await quiet(world);
    expect((await trailOf(world, asked)).at(-1)).toMatchObject({
      status: 'expired',
      actor: 'worker',
    });
  });

  test('superseded, by the user who asked for another', async () => {
    const world = await startWorld();
    const ada = addPerson(world, OLD);
    const first = await ask(world, ada, NEW);
    await ask(world, ada, 'ada@third.example');
    expect((await trailOf(world, first)).at(-1)).toMatchObject({
      status: 'superseded',
      actor: 'user',
    });
  });
});

describe('the network is coarse', () => {
  test.each([
    ['198.51.100.200', '198.51.100.0/24'],
    ['::ffff:198.51.100.200', '198.51.100.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8:0::/48'],
    ['::1', '0:0:0::/48'],
    ['not an address', undefined],
  ])('%s is kept as %s', async (ip, network) => {
    const world = await startWorld({ env: PROXY, workers: false });
    const ada = addPerson(world, OLD);
    const token = await world.token(ada.sub);
    const headers = from(ip);
    const asked = await world.call('POST', '/v1/email-changes', {
      token,
      body: { email: NEW },
      headers,
    });
    expect(asked.status).toBe(202);
    const [line] = (await storeOf(world).readAudit(10)).entries;
    expect(line!.from).toBe(network);
    expect(JSON.stringify(line)).not.toContain('198.51.100.200');
  });
});

describe('the trail', () => {
  test('is sealed in Redis: it names nobody and nothing there', async () => {
    const world = await startWorld();
    const committed = await change(world, addPerson(world, OLD), NEW);
    await quiet(world);
    const held = await dump(world);
    const audit = held[`${world.prefix}:audit`] ?? '';
    expect(audit.length).toBeGreaterThan(100);
    for (const secret of [
      committed.sub,
      committed.id,
      OLD,
      NEW,
      'committed',
      'new-mailbox',
      '127.0.0',
    ])
      expect(audit).not.toContain(secret);
    expect(JSON.stringify(await trailOf(world, committed))).not.toContain('@');
  });

  test('is as long as AUDIT_LENGTH says, about, and the newest lines are kept', async () => {
    const world = await startWorld({ env: { AUDIT_LENGTH: '50' }, workers: false });
    const ada = addPerson(world, OLD);
    let last = '';
    // Each request supersedes the one before: two lines each.
    for (let n = 0; n < 150; n += 1) last = (await ask(world, ada, `n${n}@new.example`)).id;
    const length = await world.redis.xlen(`${world.prefix}:audit`);
    expect(length).toBeGreaterThanOrEqual(50);
    // Redis trims whole nodes of a hundred.
    expect(length).toBeLessThanOrEqual(50 + 100);
    const { lines } = await readdress(world, ['audit', '3']);
    expect(lines).toHaveLength(3);
    expect(lines.map(({ change: id }) => id)).toContain(last);
    const times = lines.map(({ at }) => Date.parse(at));
    expect(times.toSorted((a, b) => a - b)).toEqual(times);
  });

  test("is not cut short by an operator's command that does not know how long it may be", async () => {
    const world = await startWorld({ env: { AUDIT_LENGTH: '100000' }, workers: false });
    const key = `${world.prefix}:audit`;
    const pipeline = world.redis.pipeline();
    for (let n = 0; n < 12_000; n += 1) pipeline.xadd(key, '*', 'line', 'of another time');
    await pipeline.exec();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const { code } = await readdress({ env: essentials(world) }, ['cancel', asked.id]);
    expect(code).toBe(0);
    expect(await world.redis.xlen(key)).toBe(12_002);
  });

  test('AUDIT_LENGTH=0 keeps none', async () => {
    const world = await startWorld({ env: { AUDIT_LENGTH: '0' } });
    await change(world, addPerson(world, OLD), NEW);
    const lines = ['the audit trail is empty'];
    expect(await readdress(world, ['audit'])).toEqual({ code: 0, lines, stderr: '' });
    expect(await world.redis.exists(`${world.prefix}:audit`)).toBe(0);
  });

  test('is not shown for a count that is none', async () => {
    const world = await startWorld({ workers: false });
    for (const count of ['0', '-1', 'ten']) {
      const { code, lines, stderr } = await readdress(world, ['audit', count]);
      expect({ code, lines }).toEqual({ code: 64, lines: [] });
      expect(stderr).toContain('readdress audit [count]');
    }
  });

  test('is no empty page where there is nothing of this tenant, and asking decides no keys', async () => {
    const world = await startWorld({ workers: false });
    const other = { ...world.env, AUTH0_DOMAIN: `misspelt.${world.env['AUTH0_DOMAIN']}` };
    for (const args of [['audit'], ['parked'], ['reseal']]) {
      const { code, lines, stderr } = await readdress({ env: other }, args);
      expect({ code, lines }, args[0]).toEqual({ code: 1, lines: [] });
      expect(stderr).toContain('AUTH0_DOMAIN');
    }
    expect(await world.redis.keys(`*misspelt.${world.env['AUTH0_DOMAIN']}*`)).toEqual([]);
  });

  test('a record and its line are one write: what lost a race left no line', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    await Promise.all(Array.from({ length: 20 }, () => use(world, 'confirm', confirm)));
    await until(world, asked, { status: 'committed' });
    expect((await trailOf(world, asked)).map(({ status }) => status)).toEqual([
      'pending',
      'confirmed',
      'committed',
    ]);
  });
});
