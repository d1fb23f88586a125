/** openReaddress: what it needs, when it says so, and what it leaves behind. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError, openReaddress, type Readdress, type Settings } from '../../index.ts';
import { eventually, startWorld, tokenIn, type World } from '../support/world.ts';
import { open, PUBLIC_URL } from './home.ts';
import { startWay } from './way.ts';

const WORKERS = ['AUTH0_CLIENT_ID', 'AUTH0_CLIENT_SECRET', 'SMTP_URL', 'MAIL_FROM'];
const problemsOf = (opening: Promise<unknown>) =>
  opening.then(
    () => [],
    (error: unknown) => {
      if (!(error instanceof ConfigError)) throw error;
      return error.problems.map((problem) => problem.split(':')[0]);
    },
  );
const world = () => startWorld({ workers: false });

const request = (readdress: Readdress, path: string, init?: RequestInit) =>
  readdress.fetch(new Request(PUBLIC_URL + path, init), { ip: '203.0.113.9' });
const post = (readdress: Readdress, path: string, body: object, token?: string) =>
  request(readdress, path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });

/** So many users of this world ask for a change. */
async function ask(readdress: Readdress, shared: World, count: number) {
  for (let i = 0; i < count; i += 1) {
    const { user_id: sub } = shared.tenant.addUser({ email: `old${i}@example.com` });
    const body = { email: `new${i}@example.org` };
    const asked = await post(readdress, '/v1/email-changes', body, await shared.token(sub));
    expect(asked.status).toBe(202);
  }
}

describe('the settings', () => {
  test('all that is wrong with them is one ConfigError', async () => {
    const wrong = {
      REDIS_URL: 'nonsense',
      AUTH0_DOMAIN: 'https://x.test/',
      PUBLIC_URL: 'https://x.example/a?b',
      TASKS: 'sometimes',
    };
    expect(await problemsOf(openReaddress(wrong))).toEqual(
      expect.arrayContaining([
        'REDIS_URL',
        'SEALING_KEYS',
        'AUTH0_DOMAIN',
        'AUTH0_AUDIENCE',
        'PUBLIC_URL',
        'TASKS',
      ]),
    );
  });

  test('those of the workers are needed when there is work for them, and with TASKS=inline at once', async () => {
    const { env } = await world();
    const api: Settings = Object.fromEntries(
      Object.entries({ ...env, PUBLIC_URL, SHELL: '/bin/sh', npm_config_yes: 'true' }).filter(
        ([name]) => !WORKERS.includes(name),
      ),
    );
    const { readdress } = await open(api);
    expect((await request(readdress, '/readyz')).status).toBe(200);
    for (const opening of [
      readdress.startWorkers(),
      readdress.runDueTasks({ forMs: 10 }),
      openReaddress({ ...api, TASKS: 'inline' }),
    ])
      expect(await problemsOf(opening)).toEqual(expect.arrayContaining(['SMTP_URL', 'MAIL_FROM']));
    expect((await request(readdress, '/readyz')).status).toBe(200);
  });

  test('keys that do not open what is in Redis are wrong settings', async () => {
    const { env } = await world();
    const SEALING_KEYS = randomBytes(32).toString('base64');
    const opening = openReaddress({ ...env, SEALING_KEYS }, { logTo: { write: () => undefined } });
    expect(await problemsOf(opening)).toEqual([
      expect.stringContaining('SEALING_KEYS do not open what is in Redis'),
    ]);
  });
});

test('no port is opened, for workers neither', async () => {
  const { env } = await world();
  const held = createServer().listen(0, '127.0.0.1');
  await once(held, 'listening');
  onTestFinished(() => void held.close());
  const taken = String((held.address() as { port: number }).port);
  const { readdress } = await open({
    ...env,
    PORT: taken,
    WORKER_PORT: taken,
    METRICS_PORT: taken,
  });
  // They would fail at a port that is taken.
  expect(await readdress.startWorkers()).toBeUndefined();
});

test('while Redis is away it opens, answers 503, and says that tasks could not be done', async () => {
  const { env } = await world();
  const away = { ...env, PUBLIC_URL, REDIS_URL: 'redis://127.0.0.1:1' };
  const { readdress } = await open(away);
  expect((await request(readdress, '/readyz')).status).toBe(503);
  const asked = await post(readdress, '/v1/confirm', { token: 'A'.repeat(64) });
  expect([asked.status, asked.headers.get('retry-after')]).toEqual([503, '2']);
  await expect(readdress.runDueTasks({ forMs: 50 })).rejects.toThrow('redis is away');
});

test('after the end every home answers 503, and no connection is left', async () => {
  const shared = await world();
  const way = await startWay(shared.env['REDIS_URL']!);
  const { readdress } = await open({ ...shared.env, PUBLIC_URL, REDIS_URL: way.url }, shared);
  await readdress.startWorkers();
  await readdress.runDueTasks({ forMs: 100 });
  expect(way.isUsed()).toBe(true);
  await Promise.all([readdress.close(), readdress.close()]);
  await readdress.close();
  await eventually(() => !way.isUsed(), 'no connection to be left', 30_000);
  const refused = await request(readdress, '/livez');
  expect([refused.status, await refused.json()]).toEqual([
    503,
    expect.objectContaining({ code: 'unavailable' }),
  ]);
  await expect(readdress.runDueTasks({ forMs: 10 })).rejects.toThrow('closed');
});

describe('runDueTasks', () => {
  test('works off what a hundred mails need in one call, and says when the next task is due', async () => {
    const shared = await world();
    const { readdress } = await open({ ...shared.env, PUBLIC_URL, AUTH0_RATE: '1000' }, shared);
    await ask(readdress, shared, 50);
    const run = await readdress.runDueTasks({ forMs: 20_000 });
    expect(run).toEqual({ done: 150, putOff: 0, nextDueAt: expect.any(Date) });
    // What expires next.
    const inMs = run.nextDueAt!.getTime() - shared.now();
    expect(inMs).toBeGreaterThan(3_000_000);
    expect(shared.inbox.messages).toHaveLength(100);
    expect(await readdress.runDueTasks({ forMs: 1000 })).toMatchObject({ done: 0, putOff: 0 });
  });

  test('may overlap with itself and with workers: everything is done once', async () => {
    const shared = await world();
    const settings = { ...shared.env, PUBLIC_URL };
    const [one, other] = [await open(settings, shared), await open(settings, shared)];
    await one.readdress.startWorkers();
    await ask(other.readdress, shared, 8);
    await Promise.all(
      [one, other, other].map(({ readdress }) => readdress.runDueTasks({ forMs: 5000 })),
    );
    await eventually(() => shared.inbox.messages.length === 16);
    for (let i = 0; i < 8; i += 1) {
      const [mail] = shared.inbox.to(`new${i}@example.org`);
      const token = tokenIn(mail?.text, 'confirm');
      expect((await post(other.readdress, '/v1/confirm', { token })).status).toBe(202);
    }
    await Promise.all(
      [one, other, other].map(({ readdress }) => readdress.runDueTasks({ forMs: 5000 })),
    );
    await eventually(() => shared.inbox.messages.length === 32);
    expect(shared.tenant.patches()).toHaveLength(8);
    expect(shared.tenant.tokenRequests()).toHaveLength(1);
  });
});

test('AUTH0_RATE holds over workers and runs of what is due together', async () => {
  const shared = await startWorld({
    workers: false,
    tenant: { rateLimit: { burst: 10_000, perSecond: 10_000 } },
  });
  const settings = { ...shared.env, PUBLIC_URL, AUTH0_RATE: '10' };
  const homes = [await open(settings, shared), await open(settings, shared)];
  await ask(homes[0]!.readdress, shared, 30);
  await homes[0]!.readdress.startWorkers();
  await Promise.all(homes.map(({ readdress }) => readdress.runDueTasks({ forMs: 8000 })));
  await eventually(() => shared.inbox.messages.length === 60);
  const at = shared.tenant.calls
    .filter(({ path }) => path.startsWith('/api/v2/users/'))
    .map((call) => call.at);
  expect(at).toHaveLength(30);
  // The bucket holds one second's worth, which may come on top once.
  for (const from of at)
    expect(at.filter((one) => one >= from && one < from + 1000).length).toBeLessThanOrEqual(20);
});

describe('TASKS=inline', () => {
  test('what a request made due is done when it is answered, and BullMQ has no part in it', async () => {
    const shared = await world();
    const { readdress } = await open({ ...shared.env, PUBLIC_URL, TASKS: 'inline' }, shared);
    await ask(readdress, shared, 1);
    const mail = shared.inbox.to('new0@example.org')[0];
    const confirmed = await post(readdress, '/v1/confirm', {
      token: tokenIn(mail?.text, 'confirm'),
    });
    expect(confirmed.status).toBe(202);
    expect(shared.tenant.patches()).toHaveLength(1);
    const keys = await shared.redis.keys(`readdress:{${shared.env['AUTH0_DOMAIN']}}:*`);
    expect(keys.filter((key) => /:(?:meta|events|wait|id|marker)$/.test(key))).toEqual([]);
  });

  test('what the tenant refused for now is put off, and the schedule does the rest', async () => {
    const shared = await world();
    const { readdress } = await open({ ...shared.env, PUBLIC_URL, TASKS: 'inline' }, shared);
    shared.tenant.faults.add({
      kind: 'status',
      status: 503,
      times: 1,
      match: { path: '/api/v2/' },
    });
    await ask(readdress, shared, 1);
    expect(shared.inbox.messages).toHaveLength(0);
    shared.pass(60_000);
    const run = await readdress.runDueTasks({ forMs: 5000 });
    expect(run.done).toBe(3);
    expect(shared.inbox.messages).toHaveLength(2);
  });
});
