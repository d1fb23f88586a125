/** The doctor: one sound world, and one mistake planted at a time by a setting. Each is named, with what to do. */
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, test } from 'vitest';
import { spawnRedis, type SpawnedRedis } from '../../demo/redis.ts';
import { freePort } from '../../demo/ports.ts';
import type { Finding } from '../../cli/doctor/finding.ts';
import { inShell, readdress } from '../stories/operator.ts';
import { startRawServer } from '../support/raw-smtp.ts';
import { ask, newUser } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';
import { startOddWorld, type OddWorld } from './odd-world.ts';

type Raw = Awaited<ReturnType<typeof startRawServer>>;
type Places = { world: World; odd: OddWorld; raw: Raw; refusing: Raw; volatile: SpawnedRedis };
type Env = Record<string, string>;

let places: Places;
const APP = 'http://localhost:5173';

beforeAll(async () => {
  const port = String(await freePort(0));
  const world = await startWorld({
    lasting: true,
    env: {
      PORT: port,
      PUBLIC_URL: `http://localhost:${port}`,
      CORS_ORIGINS: APP,
      APP_LINKS_IOS: 'TEAMID1234.com.acme.app',
      PASSWORD_RESET_URL: 'https://app.acme.invalid/reset',
    },
  });
  const raw = await startRawServer();
  const refusing = await startRawServer({ AUTH: '535 5.7.8 wrong' }, ['AUTH PLAIN LOGIN']);
  const odd = await startOddWorld();
  const volatile = await spawnRedis();
  const admin = new Redis(volatile.url);
  await admin.call('CONFIG', 'SET', 'appendonly', 'no');
  await admin.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
  await admin.call(
    'ACL',
    'SETUSER',
    'timid',
    'on',
    '>timid',
    '~readdress:*',
    '&*',
    '+ping',
    '+get',
  );
  await admin.call('ACL', 'SETUSER', 'blind', 'on', '>blind', '~*', '&*', '+@all', '-set', '-eval');
  await admin.set(`readdress:{other.test}:canary`, 'x');
  admin.disconnect();
  places = { world, odd, raw, refusing, volatile };
  return async () => {
    await Promise.all([world.close(), raw.close(), refusing.close(), volatile.stop()]);
    odd.close();
  };
});

async function examine(env: Env = {}, args: string[] = []) {
  const { code, lines, stderr } = await readdress(
    { env: places.world.env },
    ['doctor', '--json', ...args],
    env,
  );
  const [report] = lines as [{ ok: boolean; failures: number; checks: Finding[] }];
  return { code, stderr, ...report };
}
const of = (findings: Finding[], verdict: Finding['verdict']) =>
  findings.filter((finding) => finding.verdict === verdict);

test('a sound deployment has no failure: exit code 0, in words too', async () => {
  const { code, ok, checks, stderr } = await examine();
  expect(of(checks, 'failure')).toEqual([]);
  expect({ code, ok, stderr }).toEqual({ code: 0, ok: true, stderr: '' });
  const sound = new Set(of(checks, 'ok').map(({ check }) => check));
  const names =
    'settings redis redis.aof redis.eviction redis.latency redis.canary tenant.discovery issuer.keys clock smtp ' +
    'management.token management.scopes management.read links links.ready cors app-links';
  for (const name of names.split(' ')) expect(sound, name).toContain(name);
  const { code: same, lines } = await readdress({ env: places.world.env }, ['doctor']);
  expect(same).toBe(0);
  expect(lines.join('\n')).toMatch(/^ok +management\.token .*fresh management token/m);
});

const KEY = createHash('sha256').update('another').digest('base64');
const host = (url: string) => url.replace(/^\w+:\/\//, '');

/** What was done wrong; the settings that do it; the setting that is named, and what of it is said. */
const MISTAKES: [string, (at: Places) => Env, string, RegExp][] = [
  // Settings.
  ['a required setting is missing', () => ({ AUTH0_AUDIENCE: '' }), 'AUTH0_AUDIENCE', /required/],
  ['a duration has no unit', () => ({ LINK_TTL: '3600' }), 'LINK_TTL', /duration/],
  [
    'a placeholder was left',
    () => ({ AUTH0_DOMAIN: 'your-tenant.auth0.com' }),
    'AUTH0_DOMAIN',
    /placeholder/,
  ],
  [
    'a secret was left at change-me',
    () => ({ AUTH0_CLIENT_SECRET: 'change-me' }),
    'AUTH0_CLIENT_SECRET',
    /placeholder/,
  ],
  ['a name is misspelt', () => ({ CORS_ORIGIN: APP }), 'CORS_ORIGIN', /no setting/],
  ['a letter is missing in a name', () => ({ LINK_TLL: '2h' }), 'LINK_TLL', /no setting/],
  [
    'the Management API is the audience',
    ({ world }) => ({ AUTH0_AUDIENCE: `${world.tenant.url}/api/v2/` }),
    'AUTH0_AUDIENCE',
    /your own API/,
  ],
  [
    'a wildcard in RETURN_URLS',
    () => ({ RETURN_URLS: 'https://*.acme.example/' }),
    'RETURN_URLS',
    /wildcard/,
  ],
  [
    'a domain with https',
    () => ({ AUTH0_DOMAIN: 'https://acme.eu.auth0.com' }),
    'AUTH0_DOMAIN',
    /domain alone/,
  ],
  ['a key of the wrong length', () => ({ SEALING_KEYS: 'c2hvcnQ=' }), 'SEALING_KEYS', /32 bytes/],
  ['a value in quotation marks', () => ({ BRAND_NAME: '"Acme"' }), 'BRAND_NAME', /quotation/],
  [
    'a value that ends with a line end',
    ({ world }) => ({ AUTH0_CLIENT_ID: `${world.env['AUTH0_CLIENT_ID']}\n` }),
    'AUTH0_CLIENT_ID',
    /space or line end/,
  ],
  [
    'a file that is not there',
    () => ({ SMTP_URL_FILE: '/nowhere' }),
    'SMTP_URL_FILE',
    /cannot be read/,
  ],
  [
    'a webhook without a secret',
    ({ odd }) => ({ WEBHOOK_URL: odd.http('none') }),
    'WEBHOOK_SECRETS',
    /required/,
  ],
  [
    'both credentials at once',
    ({ world }) => ({ AUTH0_PRIVATE_KEY: world.env['SEALING_KEYS']! }),
    'AUTH0_CLIENT_SECRET',
    /one of the two/,
  ],
  [
    'an own confirmation page that may not call us',
    () => ({ CONFIRM_URL: 'http://localhost:9/confirm' }),
    'CORS_ORIGINS',
    /CONFIRM_URL/,
  ],
  // Redis.
  [
    'nobody listens at REDIS_URL',
    ({ odd }) => ({ REDIS_URL: `redis://${odd.nobody}` }),
    'REDIS_URL',
    /ECONNREFUSED/,
  ],
  [
    'Redis is somewhere unknown',
    () => ({ REDIS_URL: 'redis://redis.invalid:6379' }),
    'REDIS_URL',
    /ENOTFOUND|EAI_AGAIN/,
  ],
  [
    'a wrong password of Redis',
    ({ volatile }) => ({ REDIS_URL: `redis://timid:wrong@${host(volatile.url)}` }),
    'REDIS_URL',
    /WRONGPASS/,
  ],
  [
    'TLS to a Redis without',
    ({ volatile }) => ({ REDIS_URL: `rediss://${host(volatile.url)}` }),
    'REDIS_URL',
    /Redis: /,
  ],
  [
    'Redis keeps nothing on disk',
    ({ volatile }) => ({ REDIS_URL: volatile.url }),
    'REDIS_URL',
    /appendonly/,
  ],
  [
    'Redis evicts keys',
    ({ volatile }) => ({ REDIS_URL: volatile.url }),
    'REDIS_URL',
    /allkeys-lru/,
  ],
  [
    'the user of Redis may not ask INFO',
    ({ volatile }) => ({ REDIS_URL: `redis://timid:timid@${host(volatile.url)}` }),
    'REDIS_URL',
    /INFO|NOPERM/,
  ],
  [
    'the user of Redis may not do the work',
    ({ volatile }) => ({ REDIS_URL: `redis://blind:blind@${host(volatile.url)}` }),
    'REDIS_URL',
    /may not: set, eval/,
  ],
  ['the sealing keys were lost', () => ({ SEALING_KEYS: KEY }), 'SEALING_KEYS', /do not open/],
  // Tenant.
  [
    'nobody listens at the tenant',
    ({ odd }) => ({ AUTH0_BASE_URL: `http://${odd.nobody}` }),
    'AUTH0_DOMAIN',
    /can not be reached/,
  ],
  [
    'there is no such tenant',
    ({ odd }) => ({ AUTH0_BASE_URL: odd.http('none') }),
    'AUTH0_DOMAIN',
    /no tenant/,
  ],
  [
    'somebody else answers for the tenant',
    ({ odd }) => ({ AUTH0_BASE_URL: odd.http('page') }),
    'AUTH0_DOMAIN',
    /not as a tenant/,
  ],
  [
    'an issuer is not there',
    ({ odd }) => ({ AUTH0_ISSUERS: odd.http('none') }),
    'AUTH0_ISSUERS',
    /no tenant/,
  ],
  [
    'an issuer has another name',
    ({ odd }) => ({ AUTH0_ISSUERS: odd.http('renamed') }),
    'AUTH0_ISSUERS',
    /calls itself https:\/\/login/,
  ],
  [
    'an issuer has no RSA key',
    ({ odd }) => ({ AUTH0_ISSUERS: odd.http('keyless') }),
    'AUTH0_ISSUERS',
    /no RSA key/,
  ],
  [
    'the clock is ten minutes off',
    ({ odd }) => ({ AUTH0_BASE_URL: odd.http('skewed') }),
    'clock',
    /\d{3} s behind/,
  ],
  [
    'a wrong client secret',
    () => ({ AUTH0_CLIENT_SECRET: 'wrong-wrong-wrong-wrong' }),
    'AUTH0_CLIENT_SECRET',
    /401/,
  ],
  ['a wrong client id', () => ({ AUTH0_CLIENT_ID: 'unknown' }), 'AUTH0_CLIENT_SECRET', /401/],
  [
    'the client has no grant',
    () => ({ AUTH0_MANAGEMENT_AUDIENCE: 'https://else/api/v2/' }),
    'AUTH0_CLIENT_ID',
    /client-grant/,
  ],
  [
    'a custom domain as management audience',
    ({ odd }) => ({
      AUTH0_BASE_URL: odd.http('token/403/access_denied/Service not found: https:%2F%2Flogin.acme'),
    }),
    'AUTH0_MANAGEMENT_AUDIENCE',
    /Service not found/,
  ],
  [
    'an application that is no machine',
    ({ odd }) => ({
      AUTH0_BASE_URL: odd.http(
        "token/403/unauthorized_client/Grant type 'client_credentials' not allowed",
      ),
    }),
    'AUTH0_CLIENT_ID',
    /Grant type/,
  ],
  [
    'the quota of tokens is used up',
    ({ odd }) => ({ AUTH0_BASE_URL: odd.http('token/429/too_many_requests/x') }),
    'AUTH0_CLIENT_ID',
    /429/,
  ],
  [
    'update:users is missing',
    ({ odd }) => ({ AUTH0_BASE_URL: odd.http('scopes/read:users') }),
    'AUTH0_CLIENT_ID',
    /missing: update:users/,
  ],
  [
    'reading users is refused',
    ({ odd }) => ({ AUTH0_BASE_URL: odd.http('scopes/read:users,update:users/403') }),
    'AUTH0_CLIENT_ID',
    /403/,
  ],
  [
    'the token is for another API',
    ({ odd }) => ({ AUTH0_BASE_URL: odd.http('scopes/read:users,update:users/401') }),
    'AUTH0_MANAGEMENT_AUDIENCE',
    /401/,
  ],
  // Mail.
  [
    'nobody listens at the mail server',
    ({ odd }) => ({ SMTP_URL: `smtp://${odd.nobody}` }),
    'SMTP_URL',
    /nothing listens/,
  ],
  [
    'the mail server is unknown',
    () => ({ SMTP_URL: 'smtp://mail.invalid:587' }),
    'SMTP_URL',
    /no such host/,
  ],
  [
    'smtps to a port without TLS',
    ({ raw }) => ({ SMTP_URL: raw.url.replace('smtp:', 'smtps:') }),
    'SMTP_URL',
    /TLS was expected/,
  ],
  [
    'a wrong login of the mail server',
    ({ refusing }) => ({ SMTP_URL: refusing.url.replace('//', '//ada:hunter22@') }),
    'SMTP_URL',
    /refused: 535/,
  ],
  [
    'a user of the mail server without a password',
    ({ raw }) => ({ SMTP_URL: raw.url.replace('//', '//ada@') }),
    'SMTP_URL',
    /no password/,
  ],
  // Links.
  [
    'nobody listens at PUBLIC_URL',
    ({ odd }) => ({ PUBLIC_URL: `http://${odd.nobody}` }),
    'PUBLIC_URL',
    /ECONNREFUSED/,
  ],
  [
    'somebody else is at PUBLIC_URL',
    ({ odd }) => ({ PUBLIC_URL: odd.http('page') }),
    'PUBLIC_URL',
    /somebody else/,
  ],
  [
    'PUBLIC_URL leads elsewhere',
    ({ odd }) => ({ PUBLIC_URL: odd.http('away') }),
    'PUBLIC_URL',
    /redirects/,
  ],
  ['the proxy finds no API', ({ odd }) => ({ PUBLIC_URL: odd.http('bad') }), 'PUBLIC_URL', /502/],
  [
    'the API is not ready',
    ({ odd }) => ({ PUBLIC_URL: odd.http('unready') }),
    'PUBLIC_URL',
    /WRONGPASS/,
  ],
  [
    'the API knows nothing of an origin',
    () => ({ CORS_ORIGINS: `${APP},http://localhost:5174` }),
    'CORS_ORIGINS',
    /5174 is not allowed/,
  ],
  [
    'an app is not in the file for phones',
    () => ({ APP_LINKS_IOS: 'TEAMID1234.com.acme.other' }),
    'APP_LINKS_IOS',
    /does not name/,
  ],
  [
    'the file for Android is not there',
    () => ({ APP_LINKS_ANDROID: `com.acme=${Array.from({ length: 32 }).fill('AB').join(':')}` }),
    'APP_LINKS_ANDROID',
    /404/,
  ],
  // Webhook.
  [
    'the webhook does not know our secret',
    ({ odd }) => ({ WEBHOOK_URL: odd.http('unauthorized'), WEBHOOK_SECRETS: `whsec_${KEY}` }),
    'WEBHOOK_SECRETS',
    /401/,
  ],
  [
    'the webhook is not there',
    ({ odd }) => ({ WEBHOOK_URL: `http://${odd.nobody}`, WEBHOOK_SECRETS: `whsec_${KEY}` }),
    'WEBHOOK_URL',
    /did not answer/,
  ],
];

describe.concurrent('a planted mistake is a failure, with its setting, why, and what to do', () => {
  test.each(MISTAKES)('%s', async (_, plant, setting, why) => {
    const env = plant(places);
    const { code, checks } = await examine(env);
    expect(code).toBe(1);
    const named = of(checks, 'failure').filter((one) => one.setting === setting);
    expect(named.map((one) => one.why).join('\n'), JSON.stringify(of(checks, 'failure'))).toMatch(
      why,
    );
    for (const { do: todo } of of(checks, 'failure')) expect(todo).toMatch(/\w{3}/);
  });
});

/** The same, where it is no more than a hint: exit code 0. */
const WEAKNESSES: [string, (at: Places) => Env, string, RegExp][] = [
  [
    'more scopes than are needed',
    ({ odd }) => ({ AUTH0_BASE_URL: odd.http('scopes/read:users,update:users,delete:users') }),
    'AUTH0_CLIENT_ID',
    /delete:users/,
  ],
  [
    'REVOKE without its scopes',
    ({ odd }) => ({ REVOKE: 'all', AUTH0_BASE_URL: odd.http('scopes/read:users,update:users') }),
    'REVOKE',
    /delete:refresh_tokens/,
  ],
  [
    'a rate above the tenant’s',
    ({ odd }) => ({ AUTH0_RATE: '99', AUTH0_BASE_URL: odd.http('scopes/read:users,update:users') }),
    'AUTH0_RATE',
    /10/,
  ],
  [
    'credentials for a server without login',
    ({ raw }) => ({ SMTP_URL: raw.url.replace('//', '//ada:hunter22@') }),
    'SMTP_URL',
    /knows no login/,
  ],
  [
    'no credentials for a server with login',
    ({ refusing }) => ({ SMTP_URL: refusing.url }),
    'SMTP_URL',
    /has none/,
  ],
  [
    'an example value',
    () => ({ SUPPORT_URL: 'https://example.com/help' }),
    'SUPPORT_URL',
    /example/,
  ],
  ['freshness is off', () => ({ MAX_AUTH_AGE: '0' }), 'MAX_AUTH_AGE', /stolen session/],
  [
    'another tenant’s Redis',
    ({ volatile }) => ({ REDIS_URL: volatile.url, ALLOW_VOLATILE_REDIS: '1' }),
    'AUTH0_DOMAIN',
    /another tenant/,
  ],
  [
    'a file and a value',
    ({ world }) => ({
      BRAND_NAME_FILE: 'package.json',
      BRAND_NAME: 'Acme',
      ...pick(world, 'PORT'),
    }),
    'BRAND_NAME',
    /goes before/,
  ],
  [
    'secrets of no webhook',
    () => ({ WEBHOOK_SECRETS: `whsec_${KEY}` }),
    'WEBHOOK_URL',
    /does nothing/,
  ],
];
const pick = (world: World, name: string): Env => ({ [name]: world.env[name]! });

describe.concurrent('what may be meant is a warning', () => {
  test.each(WEAKNESSES)('%s', async (_, plant, setting, why) => {
    const { checks } = await examine(plant(places));
    const named = of(checks, 'warning').filter((one) => one.setting === setting);
    expect(named.map((one) => one.why).join('\n'), JSON.stringify(checks)).toMatch(why);
  });
});

describe.concurrent('what is seen with a token', () => {
  const finding = async (check: string, env: Env, args: string[] = []) => {
    const { checks } = await examine(env, args);
    return checks.filter((one) => one.check === check);
  };

  test('a proxy that holds back the live status, or takes it for a page, is a failure', async () => {
    const { world, odd } = places;
    const args = ['api', '--token', await world.token('auth0|b')];
    expect(await finding('events', { PUBLIC_URL: odd.http('held') }, args)).toMatchObject([
      {
        verdict: 'failure',
        setting: 'PUBLIC_URL',
        why: expect.stringMatching(/within 3 s/),
        do: expect.stringMatching(/buffering/),
      },
    ]);
    expect(await finding('events', { PUBLIC_URL: odd.http('paged') }, args)).toMatchObject([
      { verdict: 'failure', why: expect.stringMatching(/200, text\/html/) },
    ]);
  });

  test('the live status of an open change comes through; without one there is nothing to follow', async () => {
    const { world } = places;
    const user = await newUser(world);
    const args = ['api', '--token', user.token];
    expect(await finding('events', {}, ['api'])).toMatchObject([{ verdict: 'skipped' }]);
    expect(await finding('events', {}, args)).toMatchObject([{ verdict: 'skipped' }]);
    expect((await ask(world, user.token, 'followed@example.org')).status).toBe(202);
    expect(await finding('events', {}, args)).toMatchObject([{ verdict: 'ok' }]);
  });

  test('a custom database without its script is a failure; with it, or with import, it is none', async () => {
    const at = (kind: string): Env => ({
      AUTH0_BASE_URL: `${places.odd.http('databases')}/${kind}`,
      AUTH0_SETUP_TOKEN: 'pasted-token',
    });
    const lacking = await finding('database', at('none/off'), ['workers']);
    expect(lacking).toMatchObject([
      {
        verdict: 'failure',
        setting: 'AUTH0_DOMAIN',
        why: expect.stringMatching(/legacy-users has no change_email/),
        do: expect.stringMatching(/Management API/),
      },
    ]);
    for (const kind of ['script/off', 'none/import'])
      expect(await finding('database', at(kind), ['workers'])).toMatchObject([{ verdict: 'ok' }]);
    expect(await finding('database', {}, ['workers'])).toMatchObject([{ verdict: 'skipped' }]);
    // A token that may not read connections is no fault of the deployment.
    const poor = { AUTH0_BASE_URL: places.odd.http('unauthorized'), AUTH0_SETUP_TOKEN: 'poor' };
    expect(await finding('database', poor, ['workers'])).toMatchObject([{ verdict: 'skipped' }]);
  });
});

test('what is optional is done when it is asked for: a mail, a token, the settings alone, one process', async () => {
  const { world, raw } = places;
  const token = await world.token('auth0|a');
  const asked = await examine({}, ['--mail-to', 'ops@acme.example', '--token', token]);
  const verdicts = new Map(asked.checks.map(({ check, verdict }) => [check, verdict]));
  expect([verdicts.get('smtp.mail'), verdicts.get('action')]).toEqual(['ok', 'ok']);
  expect((await world.inbox.waitFor({ to: 'ops@acme.example' })).text).toContain(
    'readdress doctor',
  );
  const bare = await world.tenant.accessToken({ sub: 'auth0|a', scope: 'change:email' });
  const lacking = await examine({}, ['--token', bare]);
  expect(of(lacking.checks, 'failure')).toMatchObject([
    { check: 'action', setting: 'AUTH_TIME_CLAIM', do: expect.stringContaining('Action') },
  ]);
  const offline = await examine({ REDIS_URL: 'redis://redis.invalid' }, ['--offline']);
  expect({ code: offline.code, failures: of(offline.checks, 'failure') }).toEqual({
    code: 0,
    failures: [],
  });
  const api = await examine({ AUTH0_CLIENT_SECRET: '', SMTP_URL: '' }, ['api']);
  expect(of(api.checks, 'failure')).toEqual([]);
  const workers = await examine({ AUTH0_AUDIENCE: '' }, ['workers']);
  expect(of(workers.checks, 'failure')).toEqual([]);
  expect(raw.recipients).toEqual([]);
});

test('no secret, token or clear address is shown, whatever is wrong', async () => {
  const { odd, refusing } = places;
  const token = await places.world.token('auth0|a');
  const secrets = {
    REDIS_URL: `redis://ada:redis-secret-1@${odd.nobody}`,
    SMTP_URL: refusing.url.replace('//', '//ada:smtp%2Dsecret-2@'),
    AUTH0_CLIENT_SECRET: 'client-secret-3-client-secret-3',
    WEBHOOK_URL: odd.http('unauthorized'),
    WEBHOOK_SECRETS: `whsec_${KEY}`,
    MAIL_FROM: 'Acme <clear.address@acme.example>',
    AUTH0_BASE_URL: odd.http(
      'token/401/access_denied/client-secret-3-client-secret-3 of ada@acme.example',
    ),
  };
  for (const json of [['--json'], []]) {
    const world = { env: { ...places.world.env, ...secrets } };
    const args = ['doctor', ...json, '--token', token, '--mail-to', 'clear.address@acme.example'];
    const { lines, stderr } = await readdress(world, args);
    const shown = JSON.stringify(lines) + stderr;
    for (const secret of [
      'secret-1',
      'secret-2',
      'client-secret-3',
      KEY,
      token,
      'clear.address',
      'ada@acme',
    ])
      expect(shown, secret).not.toContain(secret);
    expect(shown).not.toContain(places.world.env['SEALING_KEYS']);
  }
});

// Each check has 8 s.
test(
  'it ends in time whatever hangs, and says what did; as a process too',
  { timeout: 60_000 },
  async () => {
    const { odd, world } = places;
    const hanging = {
      REDIS_URL: `redis://${odd.silent}`,
      SMTP_URL: `smtp://${odd.silent}`,
      AUTH0_BASE_URL: `http://${odd.silent}`,
      PUBLIC_URL: `http://${odd.silent}`,
      WEBHOOK_URL: `http://${odd.silent}`,
      WEBHOOK_SECRETS: `whsec_${KEY}`,
    };
    const env = { ...world.env, ...hanging };
    const timed = async (...args: string[]) => {
      const startedAt = performance.now();
      const ran = await inShell({ env }, ['doctor', '--json', ...args]);
      return { ...ran, ms: performance.now() - startedAt };
    };
    // How long a process takes to start is the machine's matter.
    const { ms: startMs } = await timed('--offline');
    const { code, lines, ms } = await timed();
    expect(ms - startMs).toBeLessThan(15_000);
    expect(code).toBe(1);
    const { checks } = lines[0] as { checks: Finding[] };
    const settings = new Set(of(checks, 'failure').map(({ setting }) => setting));
    for (const name of ['REDIS_URL', 'SMTP_URL', 'AUTH0_DOMAIN', 'AUTH0_ISSUERS', 'WEBHOOK_URL'])
      expect(settings, name).toContain(name);
    // From here it may be the firewall.
    expect(of(checks, 'warning').map(({ setting }) => setting)).toContain('PUBLIC_URL');
  },
);
