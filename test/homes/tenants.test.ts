/** Several tenants in one deployment: what their file may say, and that none of them feels another. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/ports.ts';
import { spawnRedis } from '../../demo/redis/spawn.ts';
import { type ConfigError, readApiConfig, readWorkerConfig } from '../../src/config.ts';
import { startApi } from '../../src/process/start-api.ts';
import { QUEUES } from '../../src/store/wake-ups.ts';
import { PURPOSES } from '../../src/domain/email-change.ts';
import { readTenants } from '../../src/tenants.ts';
import { startWorkers } from '../../workers/start-workers.ts';
import { startProcess } from '../support/processes.ts';
import { send } from '../support/wire.ts';
import {
  callApi,
  eventually,
  startWorld,
  tokenIn,
  type LogLine,
  type World,
} from '../support/world.ts';

const key = () => randomBytes(32).toString('base64');

function fileOf(content: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), 'tenants-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'tenants.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const SHARED = {
  REDIS_URL: 'redis://127.0.0.1:1',
  PUBLIC_URL: 'https://account.example.com',
  AUTH0_AUDIENCE: 'https://account.example.com/',
};
const acme = () => ({ path: '/acme', AUTH0_DOMAIN: 'acme.test', SEALING_KEYS: key() });
const other = (more: object = {}) => ({
  path: '/other',
  AUTH0_DOMAIN: 'other.test',
  SEALING_KEYS: key(),
  ...more,
});
function problemsOf(content: unknown, env: Record<string, string> = SHARED): readonly string[] {
  try {
    readTenants(readApiConfig, { ...env, TENANTS_FILE: fileOf(content) });
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
}

describe('the file', () => {
  test('gives each tenant a path below PUBLIC_URL, settings of its own, and the rest of the environment', () => {
    const [first, second] = readTenants(readApiConfig, {
      ...SHARED,
      LIMIT_USER: '9/1h',
      TENANTS_FILE: fileOf([acme(), other({ LIMIT_USER: '1/1h', AUTH0_AUDIENCE: 'mine' })]),
    });
    expect(first).toMatchObject({
      tenant: 'acme.test',
      publicUrl: 'https://account.example.com/acme',
      audience: SHARED.AUTH0_AUDIENCE,
      limits: { user: { points: 9 } },
    });
    expect(second).toMatchObject({ audience: 'mine', limits: { user: { points: 1 } } });
    expect(first.queues).toBe(second?.queues);
    expect(readTenants(readApiConfig, { ...SHARED, ...acme() })).toHaveLength(1);
  });

  test.each<[string, unknown, string]>([
    ['no JSON', '{', 'TENANTS_FILE: is no JSON'],
    ['no list', {}, 'TENANTS_FILE: write a list of tenants'],
    ['an empty list', [], 'TENANTS_FILE: write a list of tenants'],
    ['an entry that is no object', ['x'], 'TENANTS_FILE: entry 1: is no object'],
    ['an entry without a path', [{ ...acme(), path: 'acme' }], 'TENANTS_FILE: entry 1: path: '],
    ['one path twice', [acme(), other({ path: '/acme' })], 'TENANTS_FILE: /acme: path: '],
    ['an unknown name', [{ ...acme(), AUTH0_DOMIAN: 'x' }], 'TENANTS_FILE: /acme: AUTH0_DOMIAN: '],
    ['a name of the process', [{ ...acme(), PORT: '1' }], 'TENANTS_FILE: /acme: PORT: '],
    ['a number', [{ ...acme(), MAX_AUTH_AGE: 3 }], 'TENANTS_FILE: /acme: MAX_AUTH_AGE: '],
    ['a wrong value', [{ ...acme(), LINK_TTL: 'soon' }], 'TENANTS_FILE: /acme: LINK_TTL: '],
    ['a missing value', [{ ...acme(), SEALING_KEYS: '' }], 'TENANTS_FILE: /acme: SEALING_KEYS: '],
    [
      'one tenant twice',
      [acme(), other({ AUTH0_DOMAIN: 'ACME.test' })],
      'TENANTS_FILE: /other: AUTH0_DOMAIN: ',
    ],
    [
      'a PUBLIC_URL elsewhere',
      [{ ...acme(), PUBLIC_URL: 'https://x.test/y' }],
      'TENANTS_FILE: /acme: PUBLIC_URL: ',
    ],
  ])('%s is told with the tenant and the field', (_, content, told) => {
    expect(problemsOf(content)).toEqual([expect.stringContaining(told)]);
  });

  test('keys that two tenants share are refused, however they come to it', () => {
    const SEALING_KEYS = key();
    const told = [expect.stringContaining('/other: SEALING_KEYS: has a key of /acme')];
    expect(
      problemsOf([
        { ...acme(), SEALING_KEYS },
        other({ SEALING_KEYS: `${key()},${SEALING_KEYS}` }),
      ]),
    ).toEqual(told);
    const { SEALING_KEYS: _, ...without } = acme();
    const { SEALING_KEYS: __, ...neither } = other();
    expect(problemsOf([without, neither], { ...SHARED, SEALING_KEYS })).toEqual(told);
  });

  test('that is wrong ends both processes with 78, before anything is opened', async () => {
    const TENANTS_FILE = fileOf([acme(), { ...other(), WHAT: 'x' }]);
    for (const role of ['api', 'workers'] as const) {
      const { exited, stderr } = await startProcess(role, { ...SHARED, TENANTS_FILE }, 'source');
      expect(await exited).toBe(78);
      expect(stderr()).toContain('TENANTS_FILE: /other: WHAT: is no setting');
    }
  });
});

test('phones find the apps of all tenants of a host at its root, and of those alone', async () => {
  const [DEBUG, RELEASE] = ['AB', '0F'].map((byte) => Array(32).fill(byte).join(':'));
  const entries = [
    {
      ...acme(),
      APP_LINKS_IOS: 'TEAM123456.com.acme,TEAM123456.com.shared',
      APP_LINKS_ANDROID: `com.shared=${DEBUG}`,
    },
    other({ APP_LINKS_IOS: 'TEAM123456.com.shared', APP_LINKS_ANDROID: `com.shared=${RELEASE}` }),
    { ...acme(), path: '/away', AUTH0_DOMAIN: 'away.test', PUBLIC_URL: 'https://b.example/away' },
    { ...acme(), path: '/none', AUTH0_DOMAIN: 'none.test' },
  ];
  const settings = { ...SHARED, ALLOW_VOLATILE_REDIS: '1', PORT: '0' };
  const serve = async (list: object[]) => {
    const configs = readTenants(readApiConfig, { ...settings, TENANTS_FILE: fileOf(list) });
    const api = await startApi(configs, { logTo: { write: () => undefined } });
    onTestFinished(() => api.close());
    return (file: string, host: string) =>
      send(api.url, `/.well-known/${file}`, { headers: { host } });
  };
  const [APPLE, ANDROID] = ['apple-app-site-association', 'assetlinks.json'];
  const ask = await serve(entries);
  const found = await ask(APPLE, 'Account.Example.com:443');
  expect([found.status, found.headers['cache-control'], found.headers['content-type']]).toEqual([
    200,
    'public, max-age=3600',
    'application/json',
  ]);
  const componentsOf = (...paths: string[]) =>
    paths.flatMap((path) =>
      PURPOSES.map((purpose) => ({ '/': `${path}/${purpose}`, comment: `${purpose} link` })),
    );
  expect(JSON.parse(found.text)).toEqual({
    applinks: {
      details: [
        { appIDs: ['TEAM123456.com.acme'], components: componentsOf('/acme') },
        { appIDs: ['TEAM123456.com.shared'], components: componentsOf('/acme', '/other') },
      ],
    },
  });
  const [statement, ...more] = JSON.parse((await ask(ANDROID, 'account.example.com')).text) as [
    { target: object },
  ];
  expect([statement.target, more]).toEqual([
    expect.objectContaining({
      package_name: 'com.shared',
      sha256_cert_fingerprints: [DEBUG, RELEASE],
    }),
    [],
  ]);
  // A host of another tenant, which has no app, and one that nobody has.
  for (const host of ['b.example', 'c.example']) {
    const { status, text } = await ask(APPLE, host);
    expect([status, (JSON.parse(text) as { code: string }).code]).toEqual([404, 'not-found']);
  }
  // Where all share one host, a proxy may call it as it likes.
  const behind = await serve(entries.slice(0, 2));
  expect((await behind(APPLE, 'inside:3000')).text).toBe(found.text);
});

/** A deployment of these worlds' tenants; their own API and workers have no part in it. */
async function startDeployment(worlds: readonly World[], redisUrl: string, more: object[] = []) {
  const logs: LogLine[] = [];
  const entries = worlds.map(({ env }, i) => ({
    path: `/t${i}`,
    ...Object.fromEntries(
      [
        'AUTH0_DOMAIN',
        'AUTH0_BASE_URL',
        'AUTH0_AUDIENCE',
        'AUTH0_CLIENT_ID',
        'AUTH0_CLIENT_SECRET',
        'SMTP_URL',
      ].map((name) => [name, env[name]!]),
    ),
    SEALING_KEYS: key(),
    ...more[i],
  }));
  const { AUTH0_DOMAIN: _, SEALING_KEYS: __, ...env } = worlds[0]!.env;
  const settings = { ...env, REDIS_URL: redisUrl, TENANTS_FILE: fileOf(entries) };
  const logTo = { write: (line: string) => void logs.push(JSON.parse(line) as LogLine) };
  const api = await startApi(readTenants(readApiConfig, settings), { logTo });
  const workers = await startWorkers(readTenants(readWorkerConfig, settings), { logTo });
  const close = async () => void (await Promise.all([api.close(), workers.close()]));
  onTestFinished(close);
  for (const url of [api.url, workers.url])
    await eventually(async () => (await fetch(`${url}/readyz`)).ok, `${url} to be ready`);
  return { url: api.url, workers: workers.url, logs, close };
}
const ownRedis = async () => {
  const server = await spawnRedis();
  onTestFinished(() => server.stop());
  return server.url;
};
const worldsOf = (count: number) =>
  Promise.all(Array.from({ length: count }, () => startWorld({ workers: false })));

/** A user of this tenant asks for a change and confirms it. */
async function change(url: string, path: string, world: World, name: string) {
  const { tenant, inbox } = world;
  const { user_id: sub } = tenant.addUser({ email: `${name}@old.example` });
  const asked = await callApi(url, 'POST', `${path}/v1/email-changes`, {
    token: await world.token(sub),
    body: { email: `${name}@new.example` },
  });
  expect(asked.status).toBe(202);
  expect(asked.headers.get('location')).toContain(`${path}/v1/email-changes/`);
  const { text } = await inbox.waitFor({ to: `${name}@new.example` });
  expect(text).toContain(`${path}/confirm#`);
  const body = { token: tokenIn(text, 'confirm') };
  const clicked = await callApi(url, 'POST', `${path}/v1/confirm`, { body });
  expect(clicked.status).toBe(202);
  await eventually(() => tenant.user(sub).email === `${name}@new.example`);
}

test('each tenant tells the whole story under its path, and knows nobody of another', async () => {
  const worlds = await worldsOf(2);
  const { url } = await startDeployment(worlds, await ownRedis());
  await Promise.all(worlds.map((world, i) => change(url, `/t${i}`, world, 'ada')));
  const [one] = worlds as [World, World];
  const { user_id: sub } = one.tenant.addUser({ email: 'eve@old.example' });
  const foreign = await callApi(url, 'GET', '/t1/v1/email-changes/current', {
    token: await one.token(sub),
  });
  const nonsense = await callApi(url, 'GET', '/t1/v1/email-changes/current', { token: 'a.b.c' });
  expect([foreign.status, foreign.body.code]).toEqual([401, nonsense.body.code]);
  for (const path of ['/v1/email-changes', '/', '/t2/confirm', '/confirm'])
    expect(await callApi(url, 'GET', path, {}), path).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  for (const path of ['/livez', '/readyz', '/t0/readyz', '/t1/confirm'])
    expect((await callApi(url, 'GET', path, {})).status, path).toBe(200);
});

test('measures and log lines say whose they are, by the paths of the file and nothing else', async () => {
  const worlds = await worldsOf(2);
  const port = await freePort(0);
  Object.assign(worlds[0]!.env, { METRICS_PORT: String(port) });
  const { url, workers, logs } = await startDeployment(worlds, await ownRedis());
  await change(url, '/t1', worlds[1]!, 'ada');
  await callApi(url, 'GET', '/nobody/v1/email-changes/current', {});
  const scrape = async (base: string) => (await fetch(`${base}/metrics`)).text();
  const ofWorkers = await eventually(
    async () => {
      const text = await scrape(workers);
      return text.includes('task="commit",outcome="done",tenant="t1"') && text;
    },
    'the commit to be counted',
    30_000,
  );
  const text = `${ofWorkers}\n${await scrape(`http://127.0.0.1:${port}`)}`;
  for (const sample of [
    'readdress_transitions_total{status="confirmed",reason="",tenant="t1"} 1',
    'readdress_transitions_total{status="committed",reason="",tenant="t1"} 1',
    'readdress_parked_tasks{tenant="t0"} 0',
    'readdress_parked_tasks{tenant="t1"} 0',
    'readdress_redis_up 1',
  ])
    expect(text).toContain(`${sample}\n`);
  const named = [...text.matchAll(/tenant="([^"]*)"/g)].map(([, name]) => name);
  expect(new Set(named)).toEqual(new Set(['t0', 't1']));
  for (const { domain } of worlds.map(({ env }) => ({ domain: env['AUTH0_DOMAIN']! })))
    expect(text).not.toContain(domain);
  const committed = logs.find(({ event }) => event === 'email_change.committed');
  expect(committed).toMatchObject({ tenant: 't1' });
});

test('one tenant that is down and one that is flooded are not felt by a third', async () => {
  const worlds = await worldsOf(3);
  const limits = { LIMIT_IP: '100/1m', LIMIT_LINK: '20/1m' };
  const { url } = await startDeployment(worlds, await ownRedis(), [{}, limits, {}]);
  const [down, , fine] = worlds as [World, World, World];
  down.tenant.faults.add({ kind: 'hang', match: { path: '/api/v2/' } });
  const ask = async (i: number) => {
    const { user_id: sub } = down.tenant.addUser({ email: `u${i}@old.example` });
    const body = { email: `u${i}@new.example` };
    return callApi(url, 'POST', '/t0/v1/email-changes', { token: await down.token(sub), body });
  };
  // More than the hands of a lane.
  for (const { status } of await Promise.all(Array.from({ length: 15 }, (_, i) => ask(i))))
    expect(status).toBe(202);
  const click = (path: string) =>
    callApi(url, 'POST', `${path}/v1/confirm`, { body: { token: 'A'.repeat(64) } });
  const flood = await Promise.all(Array.from({ length: 40 }, () => click('/t1')));
  expect(flood.filter(({ status }) => status === 429)).toHaveLength(20);
  expect((await click('/t2')).status).toBe(400);
  await change(url, '/t2', fine, 'ada');
  expect(down.tenant.patches()).toEqual([]);
});

test('the connections of BullMQ are as many as for one tenant', async () => {
  const redisUrl = await ownRedis();
  const worlds = await worldsOf(3);
  const admin = new Redis(redisUrl);
  onTestFinished(() => admin.disconnect());
  /** Who waits for a wake-up of BullMQ, one connection for each queue. */
  const waiting = async () =>
    Number(/blocked_clients:(\d+)/.exec(await admin.info('clients'))?.[1]);
  for (const count of [1, 3]) {
    const { close } = await startDeployment(worlds.slice(0, count), redisUrl);
    await eventually(async () => (await waiting()) >= QUEUES.length);
    const bells = String(await admin.client('LIST')).match(/ name=readdress-blocking /g);
    expect([count, await waiting(), bells?.length]).toEqual([count, QUEUES.length, 1]);
    await close();
    await eventually(async () => (await waiting()) === 0);
  }
});
