/**
 * Secrets are replaced while the service goes on: the sealing key in steps that no link, change, limit
 * or lock notices, the tenant's and the mail server's credentials by a restart that loses no click.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readBothConfigs } from '../../src/config.ts';
import { request } from '../../src/domain/request.ts';
import { createChangeId } from '../../src/links.ts';
import { createClock } from '../../src/clock.ts';
import { createSealer } from '../../src/seal.ts';
import { startApi } from '../../src/process/start-api.ts';
import { createChangeStore } from '../../src/store/changes.ts';
import { startWorkers } from '../../workers/start-workers.ts';
import { callApi, eventually, startWorld, TICK_MS, tokenIn, type World } from '../support/world.ts';
import { startProcess } from '../support/processes.ts';
import { dump, expectProblem, newUser, quiet } from '../support/wire.ts';
import { askFor, TIMING } from '../domain/stories.ts';
import { readdress } from '../stories/operator.ts';

const newKey = () => randomBytes(32).toString('base64');
type User = Awaited<ReturnType<typeof newUser>>;

/** Doors of one deployment, with these keys, beside whatever else is running. */
async function deploy(world: World, keys: string[], env: Record<string, string> = {}) {
  const settings = { ...world.env, SEALING_KEYS: keys.join(','), ...env };
  const configs = readBothConfigs(settings);
  const logTo = { write: (line: string) => void world.logs.push(JSON.parse(line)) };
  const ambient = { now: () => world.now(), logTo, tickMs: TICK_MS };
  const [api, workers] = [
    await startApi(configs.api, ambient),
    await startWorkers(configs.workers, ambient),
  ];
  let closing: Promise<unknown> | undefined;
  const close = () => (closing ??= Promise.all([api.close(), workers.close()]));
  onTestFinished(async () => void (await close()));
  for (const { url } of [api, workers])
    await eventually(async () => (await fetch(`${url}/readyz`)).ok, 'a door to be ready');
  const post = (path: string, body: object, token?: string) =>
    callApi(api.url, 'POST', path, { body, ...(token === undefined ? {} : { token }) });
  const mailed = async (id: string, template: string) =>
    eventually(
      () =>
        world.inbox.messages.find(({ messageId }) =>
          messageId.startsWith(`<${id}.mail.${template}`),
        ),
      `the mail ${template}`,
    );
  return {
    settings,
    close,
    ask: ({ token }: User, email: string) => post('/v1/email-changes', { email }, token),
    view: async ({ token }: User, id: string) =>
      (await callApi(api.url, 'GET', `/v1/email-changes/${id}`, { token })).body,
    use: (purpose: string, token: string) => post(`/v1/${purpose}`, { token }),
    link: async (id: string, template: string, purpose: string) =>
      tokenIn((await mailed(id, template)).text, purpose),
    until: (user: User, id: string, status: string) =>
      eventually(
        async () =>
          (await callApi(api.url, 'GET', `/v1/email-changes/${id}`, { token: user.token })).body
            .status === status,
        `${status} of ${id}`,
      ),
  };
}
type Deployment = Awaited<ReturnType<typeof deploy>>;

async function pending(at: Deployment, user: User, email: string) {
  const { body, status } = await at.ask(user, email);
  expect(status).toBe(202);
  return { id: String(body.id), confirm: await at.link(body.id, 'confirm', 'confirm') };
}

async function committed(at: Deployment, user: User, email: string) {
  const { id, confirm } = await pending(at, user, email);
  await at.link(id, 'notice', 'cancel');
  await at.use('confirm', confirm);
  await at.until(user, id, 'committed');
  return { id, undo: await at.link(id, 'changed', 'undo') };
}

const userKeys = async (world: World) =>
  Object.keys(await dump(world)).filter((key) => key.includes(':user:'));

/** What `readdress reseal` does, without a process of its own. */
const reseal = (world: World, keys: string[]) =>
  storeOf(
    world,
    keys.map((key) => Buffer.from(key, 'base64')),
  ).resealAll(() => world.now());

const storeOf = (world: World, keys: Buffer[]) =>
  createChangeStore(world.redis, createSealer(keys, randomBytes), world.prefix, {
    events: false,
    auditLength: 0,
    clock: createClock(() => world.now()),
  });

describe('SEALING_KEYS', () => {
  test('are rotated in four steps: links, undo links, open changes and locks live on, and the old key can go', async () => {
    const [a, b] = [newKey(), newKey()];
    const world = await startWorld({ workers: false, env: { SEALING_KEYS: a } });
    const [ada, bob, eve, kim] = (await Promise.all(
      ['ada', 'bob', 'eve', 'kim'].map((name) => newUser(world, `${name}@old.example`)),
    )) as [User, User, User, User];

    const before = await deploy(world, [a]);
    const adas = await pending(before, ada, 'ada@new.example');
    const bobs = await committed(before, bob, 'bob@new.example');
    const kims = await committed(before, kim, 'kim@new.example');

    // 1. The new key opens, the old one still seals: both kinds of processes read each other.
    const opens = await deploy(world, [a, b]);
    const eves = await pending(opens, eve, 'eve@new.example');
    expect(await before.view(eve, eves.id)).toMatchObject({ status: 'pending' });
    await before.close();

    // 2. The new key seals.
    const seals = await deploy(world, [b, a]);
    // One open change per user, whichever key it lies under and whichever process is asked.
    expect((await seals.ask(eve, 'eve@newer.example')).status).toBe(202);
    expect(await opens.view(eve, eves.id)).toMatchObject({ status: 'superseded' });
    expect((await seals.use('confirm', eves.confirm)).body).toEqual({ status: 'superseded' });
    const max = await newUser(world, 'max@old.example');
    const asked = await Promise.all(
      Array.from({ length: 16 }, (_, n) => (n % 2 ? opens : seals).ask(max, `max${n}@new.example`)),
    );
    const ids = asked.filter(({ status }) => status === 202).map(({ body }) => String(body.id));
    expect(ids).toHaveLength(16);
    const statuses = await Promise.all(ids.map(async (id) => (await seals.view(max, id)).status));
    expect(statuses.filter((status) => status === 'pending')).toHaveLength(1);
    expect(await userKeys(world)).toHaveLength(5);
    await opens.close();

    // Kim's undo, by a link of before; the lock that follows outlives the key.
    await seals.use('undo', kims.undo);
    await seals.until(kim, kims.id, 'undone');
    await quiet(world);

    // 3. What the old key sealed is sealed anew, by the running service's side.
    const first = await readdress({ env: seals.settings }, ['reseal']);
    expect(first).toMatchObject({ code: 0, lines: [{ unreadable: 0 }] });
    expect(first.lines[0].resealed).toBeGreaterThan(2);
    expect(await reseal(world, [b, a])).toMatchObject({ resealed: 0, unreadable: 0 });
    expect(await userKeys(world)).toHaveLength(5);
    await seals.close();

    // 4. The old key is gone.
    const after = await deploy(world, [b]);
    await after.use('confirm', adas.confirm);
    await after.until(ada, adas.id, 'committed');
    expect(world.tenant.user(ada.sub).email).toBe('ada@new.example');
    await after.use('undo', bobs.undo);
    await after.until(bob, bobs.id, 'undone');
    expect(world.tenant.user(bob.sub).email).toBe('bob@old.example');
    expectProblem(await after.ask(kim, 'kim@newest.example'), 'changes-locked');
    const trail = await readdress({ env: after.settings }, ['audit', '1000']);
    expect(trail.lines.filter(({ sub }) => sub === bob.sub)).toMatchObject([
      { act: 'undo-requested' },
      { status: 'undone' },
    ]);
    // With the old key at hand the older lines can be read too.
    const whole = await readdress({ env: after.settings }, ['audit', '1000'], {
      SEALING_KEYS: `${b},${a}`,
    });
    expect(whole.lines.length).toBeGreaterThan(trail.lines.length);
    expect(world.logs.filter(({ event }) => event === 'task.parked')).toEqual([]);
    expect(world.tenant.patches(ada.sub)).toHaveLength(1);
  }, 60_000);

  test('two processes that seal under different keys do not each begin an index of one user', async () => {
    const world = await startWorld({ workers: false });
    const keys = [randomBytes(32), randomBytes(32)];
    const stores = [keys, keys.toReversed()].map((order) => storeOf(world, order));
    // Over one connection each looks before either writes.
    const ids = await Promise.all(
      stores.map(async (store, i) => {
        const asked = askFor(`ada${i}@new.example`, { id: createChangeId(randomBytes) });
        await store.decideRequest(asked.sub, (user, latest) =>
          request(asked, user, latest, TIMING, Date.now()),
        );
        return asked.id;
      }),
    );
    expect(await userKeys(world)).toHaveLength(1);
    const found = await Promise.all(ids.map((id) => stores[0]!.findChange(id)));
    expect(found.map((each) => String(each?.value.status)).toSorted()).toEqual([
      'pending',
      'superseded',
    ]);
  });

  test('a key that is dropped too early opens nothing and writes nothing; back in its place all goes on', async () => {
    const [a, b] = [newKey(), newKey()];
    const world = await startWorld({ workers: false, env: { SEALING_KEYS: a } });
    const ada = await newUser(world, 'ada@old.example');
    const before = await deploy(world, [a]);
    const { id, confirm } = await pending(before, ada, 'ada@new.example');
    await quiet(world);
    await before.close();

    const hasty = { ...before.settings, SEALING_KEYS: b };
    const records = async () =>
      Object.entries(await dump(world)).filter(([key]) => !key.endsWith(':gaps'));
    const stored = await records();
    for (const role of ['api', 'workers'] as const) {
      const door = await startProcess(role, hasty, 'source');
      expect(await door.exited).toBe(78);
      expect(door.stderr()).toContain('add the key that sealed it');
      expect(door.logs).toContainEqual(
        expect.objectContaining({ level: 'error', event: 'sealing_keys.wrong' }),
      );
    }
    const { code, stderr } = await readdress({ env: hasty }, ['reseal']);
    expect(code).toBe(1);
    expect(stderr).toContain('add the key that sealed it');
    expect(await records()).toEqual(stored);

    const mended = await deploy(world, [b, a]);
    await mended.use('confirm', confirm);
    await mended.until(ada, id, 'committed');
  }, 30_000);

  test('resealing prolongs no record, and takes nothing from under a user who is busy', async () => {
    const [a, b] = [newKey(), newKey()];
    const world = await startWorld({ workers: false, env: { SEALING_KEYS: a } });
    const ada = await newUser(world, 'ada@old.example');
    const before = await deploy(world, [a]);
    const { id } = await pending(before, ada, 'ada@new.example');
    await quiet(world);
    await before.close();
    const key = `${world.prefix}:change:${id}`;
    const [ttl, [userKey]] = [await world.redis.pttl(key), await userKeys(world)];
    const userTtl = await world.redis.pttl(userKey!);

    const seals = await deploy(world, [b, a]);
    const [resealed, ...asked] = await Promise.all([
      reseal(world, [b, a]),
      ...Array.from({ length: 10 }, (_, n) => seals.ask(ada, `ada${n}@new.example`)),
    ]);
    expect(resealed).toMatchObject({ unreadable: 0 });
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 202));
    expect(await reseal(world, [b, a])).toMatchObject({ resealed: 0, unreadable: 0 });
    expect(await world.redis.pttl(key)).toBeLessThanOrEqual(ttl + 1000);
    const [moved, ...more] = await userKeys(world);
    expect(more).toEqual([]);
    expect(moved).not.toBe(userKey);
    expect(await world.redis.pttl(moved!)).toBeLessThanOrEqual(userTtl + 60_000);
    const sealer = createSealer([Buffer.from(b, 'base64')], randomBytes);
    for (const each of [key, moved!])
      expect(sealer.isNewest((await world.redis.get(each))!.split(' ')[2]!), each).toBe(true);
  }, 30_000);
});

describe('a restart with other credentials', () => {
  test('of the tenant: a click that falls between the two secrets is committed after', async () => {
    const world = await startWorld({ workers: false });
    const keys = [world.env['SEALING_KEYS']!];
    const ada = await newUser(world, 'ada@old.example');
    const before = await deploy(world, keys);
    const { id, confirm } = await pending(before, ada, 'ada@new.example');
    await quiet(world);
    // The tenant's administrator rotates the secret, which also ends the tokens made with it.
    const next = world.tenant.rotateClientSecret();
    world.tenant.expireManagementTokens();
    expect((await before.use('confirm', confirm)).status).toBe(202);
    await eventually(
      () => world.logs.some(({ event, level }) => event === 'task.later' && level === 'error'),
      'an alarm that the tenant refuses the old secret',
    );
    await before.close();
    expect(world.tenant.patches()).toEqual([]);

    const after = await deploy(world, keys, { AUTH0_CLIENT_SECRET: next });
    world.pass(60_000);
    await after.until(ada, id, 'committed');
    expect(world.tenant.patches()).toHaveLength(1);
  }, 30_000);

  test('from a secret to a private key: nothing is lost, and the secret is not sent again', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { format: 'pem', type: 'spki' },
      privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
    });
    const world = await startWorld({ workers: false, tenant: { clientPublicKey: publicKey } });
    const keys = [world.env['SEALING_KEYS']!];
    const ada = await newUser(world, 'ada@old.example');
    const before = await deploy(world, keys);
    const { id, confirm } = await pending(before, ada, 'ada@new.example');
    await quiet(world);
    await before.close();
    world.tenant.rotateClientSecret();
    world.tenant.expireManagementTokens();

    const after = await deploy(world, keys, {
      AUTH0_CLIENT_SECRET: '',
      AUTH0_PRIVATE_KEY: privateKey,
    });
    await after.use('confirm', confirm);
    await after.until(ada, id, 'committed');
    // Whether the credentials are right is asked without a token.
    const given = world.tenant.tokenRequests().filter(({ status }) => status === 200);
    const [bySecret, byKey, ...more] = given;
    expect(more).toEqual([]);
    expect(bySecret?.body).not.toHaveProperty('client_assertion_type');
    expect(byKey).toMatchObject({
      status: 200,
      body: { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' },
    });
  }, 30_000);

  test('of the mail server: mails that the old password could not send come once, after', async () => {
    const world = await startWorld({ workers: false });
    const keys = [world.env['SEALING_KEYS']!];
    const { host } = new URL(world.inbox.smtpUrl);
    world.inbox.requireLogin({ user: 'readdress', password: 'first' });
    const ada = await newUser(world, 'ada@old.example');
    const before = await deploy(world, keys, { SMTP_URL: `smtp://readdress:first@${host}` });
    const { id, confirm } = await pending(before, ada, 'ada@new.example');
    await quiet(world);
    world.inbox.requireLogin({ user: 'readdress', password: 'second' });
    // Connections that are logged in are not thrown out by a new password.
    world.inbox.hangUp();
    await before.use('confirm', confirm);
    await before.until(ada, id, 'committed');
    await eventually(
      () => world.logs.some((line) => String(line['why']).startsWith('smtp 535')),
      'the server to refuse the old password',
    );
    await before.close();

    const after = await deploy(world, keys, { SMTP_URL: `smtp://readdress:second@${host}` });
    world.pass(10 * 60_000);
    for (const template of ['done', 'changed'])
      await eventually(
        () =>
          world.inbox.messages.some((mail) => mail.messageId.startsWith(`<${id}.mail.${template}`)),
        template,
      );
    await quiet(world);
    expect(
      world.inbox.messages.map(({ messageId }) => String(messageId.split('.mail.')[1])).toSorted(),
    ).toEqual(
      ['changed', 'confirm.1', 'done', 'notice'].map((name) => `${name}@readdress.example>`),
    );
    expect(await after.view(ada, id)).toMatchObject({ status: 'committed' });
  }, 30_000);
});
