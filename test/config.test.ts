/** Settings: all faults in one message, no secret in it, and nothing left to fail later. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  ConfigError,
  EX_CONFIG,
  readApiConfig,
  readBothConfigs,
  readWorkerConfig,
} from '../src/config.ts';
import { SETTING_NAMES } from '../src/config-checks.ts';
import { misspeltIn } from '../src/misspelt.ts';
import { weakenings } from '../src/weakenings.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const PEM = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

const SHARED = {
  REDIS_URL: 'redis://127.0.0.1:6379',
  SEALING_KEYS: KEY,
  AUTH0_DOMAIN: 'Acme.eu.auth0.com',
  PUBLIC_URL: 'https://change.acme.example/',
};
const API = { ...SHARED, AUTH0_AUDIENCE: 'https://change.acme.example/api' };
const WORKERS = {
  ...SHARED,
  AUTH0_CLIENT_ID: 'id',
  AUTH0_CLIENT_SECRET: 'secret',
  SMTP_URL: 'smtp://mail.acme.example:587',
  MAIL_FROM: 'Acme <no-reply@acme.example>',
};
const BOTH = { ...API, ...WORKERS };

type Env = Record<string, string | undefined>;

function faultsOf(env: Env, read: (env: Env) => unknown = readBothConfigs): readonly string[] {
  try {
    read(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
/** The settings that a fault was found with. */
const namesOf = (faults: readonly string[]): string[] =>
  faults.map((fault) => fault.split(':')[0]!).toSorted();

describe('faults', () => {
  test('are all told at once, each with the name of its setting and what to write', () => {
    const env: Env = {
      ...BOTH,
      REDIS_URL: undefined,
      SEALING_KEYS: 'short',
      PUBLIC_URL: 'change.acme.example',
      LINK_TTL: '1 hour',
      LIMIT_USER: 'five',
      PORT: '80000',
      CONFIRMATION: 'never',
      AUTH0_CLIENT_SECRET: undefined,
      MAIL_FROM: 'nobody',
    };
    const faults = faultsOf(env);
    expect(namesOf(faults)).toEqual([
      'AUTH0_CLIENT_SECRET',
      'CONFIRMATION',
      'LIMIT_USER',
      'LINK_TTL',
      'MAIL_FROM',
      'PORT',
      'PUBLIC_URL',
      'REDIS_URL',
      'SEALING_KEYS',
    ]);
    for (const fault of faults)
      expect(fault).toMatch(/^[A-Z0-9_]+: (is required|write |use |set )/);
    const { message } = new ConfigError(faults);
    expect(message.split('\n')).toEqual([
      '9 problems with the settings:',
      ...faults.map((fault) => `  ${fault}`),
    ]);
    expect(new ConfigError(['X: y']).message).toContain('1 problem with');
    expect(EX_CONFIG).toBe(78);
  });

  test('of an empty environment name what each process requires, and nothing of the other', () => {
    const shared = ['AUTH0_DOMAIN', 'PUBLIC_URL', 'REDIS_URL', 'SEALING_KEYS'];
    expect(namesOf(faultsOf({}, readApiConfig))).toEqual(['AUTH0_AUDIENCE', ...shared]);
    const workers = [...shared, 'AUTH0_CLIENT_ID', 'AUTH0_CLIENT_SECRET', 'MAIL_FROM', 'SMTP_URL'];
    expect(namesOf(faultsOf({}, readWorkerConfig))).toEqual(workers.toSorted());
    expect(namesOf(faultsOf({}))).toEqual([...workers, 'AUTH0_AUDIENCE'].toSorted());
    // An empty value is an absent one: compose files write `NAME=`.
    expect(namesOf(faultsOf({ ...API, PUBLIC_URL: '', HOST: '' }, readApiConfig))).toEqual([
      'PUBLIC_URL',
    ]);
  });

  test('never quote a secret', () => {
    const secret = 'hunter2hunter2';
    const cases: Env[] = [
      { REDIS_URL: `http://:${secret}@redis.example` },
      { REDIS_URL: `redis://:${secret}%zz@redis.example` },
      { REDIS_URL: `redis://:${secret}@redis.example:99999` },
      { SEALING_KEYS: `${KEY},${secret}` },
      { AUTH0_CLIENT_SECRET: secret, AUTH0_PRIVATE_KEY: PEM },
      {
        AUTH0_CLIENT_SECRET: undefined,
        AUTH0_PRIVATE_KEY: `-----BEGIN PRIVATE KEY-----\n${secret}\n`,
      },
      { SMTP_URL: `http://user:${secret}@mail.example` },
      { SMTP_URL: `smtp://user:${secret}@mail.example:x` },
      { WEBHOOK_SECRETS: secret },
      { PUBLIC_URL: `https://user:${secret}@change.example` },
      { AUTH0_BASE_URL: `https://user:${secret}@acme.auth0.com` },
      { WEBHOOK_URL: `https://user:${secret}@hooks.example`, WEBHOOK_SECRETS: `whsec_${KEY}` },
      { AUTH0_ISSUERS: `https://user:${secret}@acme.auth0.com/` },
      { CORS_ORIGINS: `https://spa.example,https://user:${secret}@spa.example` },
      { RETURN_URLS: `https://user:${secret}@spa.example/` },
      { MAIL_FROM: secret },
      { AUTH0_DOMAIN: `https://${secret}` },
    ];
    for (const changes of cases) {
      const faults = faultsOf({ ...BOTH, ...changes });
      expect(faults.length, JSON.stringify(changes)).toBeGreaterThan(0);
      expect(faults.join('\n'), JSON.stringify(changes)).not.toContain(secret);
    }
  });

  test.each<[string, ...string[]]>([
    ['LINK_TTL', '0s', '25h', '2d', '1.5h', '-1h', '1H', '1 h', '3600', '1w', 'PT1H', '٣h'],
    ['UNDO_WINDOW', '0s', '31d', '1y'],
    ['RESEND_AFTER', '0s', '25h'],
    ['COMMIT_DEADLINE', '0s', '31d'],
    ['SHUTDOWN_GRACE', '0s', '6m', '999ms'],
    [
      'LIMIT_USER',
      '5',
      '5/',
      '/1h',
      '0/1h',
      '-1/1h',
      '5/1',
      '5/500ms',
      '5/1h/1',
      '5 / 1h',
      '5.5/1h',
      '05/1h',
      '12345678/1h',
    ],
    ['LIMIT_LINK', 'off'],
    ['PORT', '-1', '65536', '3000.5', '0x10', '1e3', ' 80'],
    ['WORKER_PORT', 'x'],
    ['MAX_AUTH_AGE', '-1', '86401', '5m', 'off', 'NaN'],
    ['DPOP', 'on', '1', 'true', 'Required', 'optional'],
    ['AUTH0_RATE', '0', '0.0', '-2', '2/s', '1e3', '12345'],
    [
      'AUTH0_DOMAIN',
      'https://acme.eu.auth0.com',
      'acme.eu.auth0.com/',
      'acme auth0',
      'acme:99999',
      'a_b',
    ],
    [
      'AUTH0_BASE_URL',
      'http://acme.eu.auth0.com',
      'acme.eu.auth0.com',
      'ftp://acme',
      'https://acme.example/#x',
    ],
    ['AUTH0_ISSUERS', 'http://acme.eu.auth0.com/', 'acme', 'https://a.example/,x'],
    [
      'PUBLIC_URL',
      'http://change.acme.example',
      'http://192.168.1.1',
      'http://localhost.evil.example',
      'http://127.0.0.1.evil.example',
      '//x',
      'javascript:alert(1)',
      'https://change.acme.example/a//b',
      'https://change.acme.example/?x=1',
      'https://change.acme.example/#x',
    ],
    ['CONFIRM_URL', 'http://app.example/', 'acme://confirm', 'https://app.example/#/confirm'],
    [
      'CORS_ORIGINS',
      '*',
      'https://*.example.com',
      'null',
      'spa.example',
      'http://spa.example',
      'https://spa.example,*',
      'capacitor://localhost',
    ],
    [
      'RETURN_URLS',
      '/app',
      'javascript:alert(1)',
      'data:text/html,x',
      'http://app.example/',
      'https://ok.example/,//evil',
      'https://*.example.com/',
      'https://app.example.com/*',
      'https://ok.example/,https://app.example.com/%2A',
    ],
    [
      'AUTH0_AUDIENCE',
      'https://acme.eu.auth0.com/api/v2/',
      'https://acme.eu.auth0.com/api/v2',
      'https://ACME.eu.auth0.com/api/v2/',
      'https://other.us.auth0.com/api/v2/',
      'https://acme.eu.auth0.com/userinfo',
    ],
    ['SUPPORT_URL', 'mailto:x@y.example', 'javascript:alert(1)'],
    [
      'TRUST_PROXY',
      '1',
      'true',
      'all',
      '*',
      '2',
      '10.0.0.0/99',
      '10.0.0.0/x',
      '1.1',
      ':',
      '.',
      '0.0.0.0/0',
      '::/0',
      'loopback,true',
      'proxy.example',
    ],
    ['SUPPORT_SCOPE', 'change:email', 'two scopes', 'quo"te'],
    ['REQUIRED_SCOPE', 'two scopes', 'quo"te', 'back\\slash', 'ünï'],
    ['CONFIRMATION', 'NEW', 'none', 'new,both'],
    ['LINK_STYLE', 'path'],
    ['LOG_LEVEL', 'verbose', 'INFO'],
    ['ALLOW_VOLATILE_REDIS', 'true', 'yes', '2'],
    ['BRAND_NAME', 'a\r\nBcc: x', 'x'.repeat(81), '<b>Acme</b>'],
    ['BRAND_COLOR', 'red', '#fff', '#12345g', 'red;}body{'],
    ['MAIL_FROM', 'a@b, c@d', 'Acme', '<a@b>, x', 'a@b\r\nBcc: c@d', '"Acme, Inc" <a@b>'],
    ['SMTP_URL', 'mail.acme.example', 'http://mail', 'smtp://', 'smtp:mail'],
    [
      'SEALING_KEYS',
      'x',
      ',',
      Buffer.alloc(31).toString('base64'),
      Buffer.alloc(33).toString('base64'),
      `${KEY},`.repeat(2) + 'x',
    ],
    [
      'REDIS_URL',
      'localhost:6379',
      'http://redis',
      'redis://a b',
      'redis://h:x',
      'redis://h:99999',
      'redis://:p%zz@h',
      'redis://h/zero',
      'redis://[::',
      'redis://a,http://b',
      'redis+sentinel://h:1',
    ],
  ])('%s is refused where it can not work', (name, ...values) => {
    for (const value of values)
      expect(new Set(namesOf(faultsOf({ ...BOTH, [name]: value }))), JSON.stringify(value)).toEqual(
        new Set([name]),
      );
  });

  test.each<[string, ...string[]]>([
    [
      'AUTH0_DOMAIN',
      'your-tenant.auth0.com',
      'YOUR_DOMAIN',
      'your-tenant.eu.auth0.com',
      '<domain>',
    ],
    ['AUTH0_BASE_URL', 'https://your-tenant.auth0.com'],
    ['AUTH0_AUDIENCE', 'https://your-api/', 'YOUR_API_IDENTIFIER', '{{audience}}', 'changeme'],
    ['AUTH0_ISSUERS', 'https://acme.eu.auth0.com/,https://your-domain.com/'],
    ['AUTH0_CLIENT_ID', 'YOUR_CLIENT_ID', 'change-me', 'your-client-id', '${CLIENT_ID}', '##ID##'],
    ['AUTH0_CLIENT_SECRET', 'change-me', 'CHANGEME', 'change_me', 'your client secret', 'xxxxxxxx'],
    ['PUBLIC_URL', 'https://account.your-company.com', 'https://yourdomain.com'],
    ['REDIS_URL', 'redis://:change-me@redis:6379', 'redis://your-redis-host:6379'],
    ['SMTP_URL', 'smtp://user:changeme@mail.acme.example:587', 'smtp://smtp.your-host.com'],
    ['MAIL_FROM', 'Acme <no-reply@your-domain.com>', 'todo@acme.example'],
    ['WEBHOOK_URL', 'https://your-app.example/hooks'],
  ])('%s is refused where nobody filled it in, in one line', (name, ...values) => {
    for (const value of values) {
      const hooks = { WEBHOOK_SECRETS: `whsec_${KEY}` };
      const faults = faultsOf({ ...BOTH, ...hooks, [name]: value });
      expect(faults, value).toHaveLength(1);
      expect(faults[0], value).toMatch(new RegExp(`^${name}: `));
    }
  });

  test('what only sounds like a placeholder is taken', () => {
    for (const changes of [
      { BRAND_NAME: 'Your Company' },
      { MAIL_FROM: 'Your App <no-reply@acme.example>' },
      { AUTH0_DOMAIN: 'yourself.eu.auth0.com' },
      { AUTH0_CLIENT_SECRET: `${'aB3-'.repeat(8)}yourself_changed` },
      { AUTH0_AUDIENCE: 'urn:acme:account' },
      { PUBLIC_URL: 'https://todos.acme.example' },
    ])
      expect(faultsOf({ ...BOTH, ...changes }), JSON.stringify(changes)).toEqual([]);
  });

  test('a file that can not be read is one fault, and a slip in a name is told beside what it left out', () => {
    const missing = { ...BOTH, SMTP_URL: undefined, SMTP_URL_FILE: '/nowhere/at/all' };
    expect(faultsOf(missing)).toEqual(['SMTP_URL_FILE: cannot be read']);
    const slip = { ...BOTH, REDIS_URL: undefined, REDIS_URI: 'redis://127.0.0.1' };
    expect(faultsOf(slip)).toEqual(['REDIS_URL: is required, and REDIS_URI is no setting']);
  });

  test('one credential is asked for, of two', () => {
    const without = { ...BOTH, AUTH0_CLIENT_SECRET: undefined };
    expect(namesOf(faultsOf(without))).toEqual(['AUTH0_CLIENT_SECRET']);
    expect(namesOf(faultsOf({ ...BOTH, AUTH0_PRIVATE_KEY: PEM }))).toEqual(['AUTH0_CLIENT_SECRET']);
    expect(faultsOf({ ...without, AUTH0_PRIVATE_KEY: PEM })).toEqual([]);
    // One line, as many secret stores keep it.
    expect(faultsOf({ ...without, AUTH0_PRIVATE_KEY: PEM.replaceAll('\n', '\\n') })).toEqual([]);
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(namesOf(faultsOf({ ...without, AUTH0_PRIVATE_KEY: pem }))).toEqual([
      'AUTH0_PRIVATE_KEY',
    ]);
    expect(namesOf(faultsOf({ ...BOTH, WEBHOOK_URL: 'https://hooks.example/' }))).toEqual([
      'WEBHOOK_SECRETS',
    ]);
  });
});

describe('defaults', () => {
  test('of the API are those of the contract', () => {
    expect(readApiConfig(API)).toMatchObject({
      tenant: 'acme.eu.auth0.com',
      auth0Url: 'https://acme.eu.auth0.com',
      issuers: ['https://acme.eu.auth0.com/'],
      publicUrl: 'https://change.acme.example',
      confirmUrl: 'https://change.acme.example/confirm',
      confirmation: 'new',
      linkTtlMs: 3_600_000,
      undoWindowMs: 7 * 24 * 3_600_000,
      shutdownGraceMs: 20_000,
      logLevel: 'info',
      linkStyle: 'fragment',
      port: 3000,
      requiredScope: 'change:email',
      maxAuthAgeS: 300,
      corsOrigins: [],
      returnUrls: [],
      trustProxy: [],
      foldAddresses: true,
      mailLimits: {
        further: { points: 3, windowMs: 24 * 3_600_000 },
        first: { points: 10, windowMs: 24 * 3_600_000 },
        user: { points: 30, windowMs: 24 * 3_600_000 },
      },
      limits: {
        user: { points: 5, windowMs: 3_600_000 },
        ip: { points: 60, windowMs: 60_000 },
        link: { points: 30, windowMs: 60_000 },
      },
      resendAfterMs: 60_000,
      dpop: 'off',
      allowReservedDomains: false,
      allowVolatileRedis: false,
    });
  });

  test('of the workers are those of the contract', () => {
    expect(readWorkerConfig(WORKERS)).toMatchObject({
      credential: { kind: 'secret', secret: 'secret' },
      managementAudience: 'https://acme.eu.auth0.com/api/v2/',
      callsPerSecond: 2,
      commitDeadlineMs: 72 * 3_600_000,
      operators: { host: '127.0.0.1', port: 9464 },
      allowInsecureSmtp: false,
      brand: { name: 'change.acme.example' },
    });
  });

  test('the API holds no credential of the tenant and none of the mail server', () => {
    const text = JSON.stringify(
      readApiConfig({
        ...BOTH,
        AUTH0_CLIENT_SECRET: 'canary',
        SMTP_URL: 'smtp://u:canary@m.example',
      }),
    );
    expect(text).not.toContain('canary');
    expect(text).not.toContain('smtp');
  });

  test('what is read can not be changed', () => {
    const { api, workers } = readBothConfigs(BOTH);
    for (const config of [api, workers, readApiConfig(API), readWorkerConfig(WORKERS)])
      expect(Object.isFrozen(config)).toBe(true);
  });
});

describe('values', () => {
  test('durations, limits and lists are taken in every documented form', () => {
    const config = readApiConfig({
      ...API,
      LINK_TTL: '90s',
      UNDO_WINDOW: '30d',
      RESEND_AFTER: '1500ms',
      LIMIT_USER: '100/10m',
      LIMIT_ADDRESS: '1/1s',
      MAX_AUTH_AGE: '0',
      DPOP: 'required',
      CORS_ORIGINS: ' https://A.example , https://b.example:8443/,,http://localhost:5173 ',
      RETURN_URLS: 'https://A.example/x?y=1, http://127.0.0.1:8080/',
      TRUST_PROXY: 'loopback, 10.0.0.0/8,uniquelocal, 2001:db8::/32, 192.0.2.7',
      AUTH0_ISSUERS: 'https://login.acme.example, https://acme.eu.auth0.com/',
    });
    expect(config).toMatchObject({
      linkTtlMs: 90_000,
      undoWindowMs: 30 * 24 * 3_600_000,
      dpop: 'required',
      resendAfterMs: 1500,
      limits: {
        user: { points: 100, windowMs: 600_000 },
      },
      mailLimits: { further: { points: 1, windowMs: 1000 } },
      maxAuthAgeS: 0,
      corsOrigins: ['https://a.example', 'https://b.example:8443', 'http://localhost:5173'],
      // Compared as text, so kept as text.
      returnUrls: ['https://A.example/x?y=1', 'http://127.0.0.1:8080/'],
      trustProxy: ['loopback', '10.0.0.0/8', 'uniquelocal', '2001:db8::/32', '192.0.2.7'],
      issuers: ['https://login.acme.example/', 'https://acme.eu.auth0.com/'],
    });
  });

  test('Redis may be one, a Cluster or behind Sentinels, with and without TLS and password', () => {
    for (const REDIS_URL of [
      'redis://localhost',
      'redis://localhost:6379/3',
      'rediss://user:p%40ss@redis.example:6380',
      'redis://:p%2Fss@10.0.0.1:6379',
      'redis://[::1]:6379',
      'redis://a:1,redis://b:2,redis://c:3',
      'redis+sentinel://user:pass@a:26379,b:26379/main-1',
      'rediss+sentinel://a/main',
    ])
      expect(faultsOf({ ...BOTH, REDIS_URL }), REDIS_URL).toEqual([]);
  });

  test('plain http is for this machine only', () => {
    for (const url of [
      'http://localhost',
      'http://localhost:3000',
      'http://127.0.0.1:3000',
      'http://127.8.9.1',
      'http://[::1]:3000',
    ])
      expect(faultsOf({ ...BOTH, PUBLIC_URL: url, AUTH0_BASE_URL: url }), url).toEqual([]);
    expect(
      readApiConfig({ ...API, PUBLIC_URL: 'http://localhost:3000' }).allowReservedDomains,
    ).toBe(true);
  });

  test('several sealing keys are kept in their order', () => {
    const other = Buffer.alloc(32, 9).toString('base64');
    const { sealingKeys } = readApiConfig({ ...API, SEALING_KEYS: `${other}, ${KEY}` });
    expect(sealingKeys.map((key) => key.toString('base64'))).toEqual([other, KEY]);
  });

  test('any setting can come from a file, as container secrets do', () => {
    const dir = mkdtempSync(join(tmpdir(), 'readdress-config-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const file = (name: string, content: string) => {
      writeFileSync(join(dir, name), content);
      return join(dir, name);
    };
    const config = readWorkerConfig({
      ...WORKERS,
      AUTH0_CLIENT_SECRET: undefined,
      AUTH0_CLIENT_SECRET_FILE: file('secret', 'from a file\n'),
      SEALING_KEYS: 'overridden',
      SEALING_KEYS_FILE: file('keys', `${KEY}\n`),
    });
    expect(config.credential).toEqual({ kind: 'secret', secret: 'from a file' });
    expect(config.sealingKeys).toHaveLength(1);

    const missing = faultsOf({ ...BOTH, SMTP_URL: undefined, SMTP_URL_FILE: join(dir, 'nowhere') });
    expect(missing).toContain('SMTP_URL_FILE: cannot be read');
    const bad = faultsOf({ ...BOTH, SEALING_KEYS_FILE: file('bad', 'hunter2') });
    expect(namesOf(bad)).toEqual(['SEALING_KEYS']);
    expect(bad.join()).not.toContain('hunter2');
  });
});

test('what is weakened on purpose is said at start, one sentence each', () => {
  const reset = { PASSWORD_RESET_URL: 'https://app.example/reset' };
  const { api, workers } = readBothConfigs({ ...BOTH, ...reset });
  expect([...weakenings(api), ...weakenings(workers)]).toEqual([]);
  const weak = readBothConfigs({
    ...BOTH,
    ALLOW_VOLATILE_REDIS: '1',
    LINK_STYLE: 'query',
    PUBLIC_URL: 'http://localhost:3000',
    AUTH0_BASE_URL: 'http://localhost:4400',
    MAX_AUTH_AGE: '0',
    ALLOW_INSECURE_SMTP: '1',
    TENANT_PATIENCE: '5s',
  });
  const said = new Set([...weakenings(weak.api), ...weakenings(weak.workers)]);
  for (const name of [
    'ALLOW_VOLATILE_REDIS',
    'LINK_STYLE',
    'PUBLIC_URL',
    'AUTH0_BASE_URL',
    'MAX_AUTH_AGE',
    'SMTP',
    'TENANT_PATIENCE',
    'PASSWORD_RESET_URL',
  ])
    expect(
      [...said].filter((sentence) => sentence.startsWith(name)),
      name,
    ).toHaveLength(1);
  expect(said.size).toBe(8);
});

describe('names that are nearly settings', () => {
  const meantBy = (...names: string[]) =>
    Object.fromEntries(
      misspeltIn(Object.fromEntries(names.map((name) => [name, 'x']))).map(({ name, meant }) => [
        name,
        meant,
      ]),
    );

  test('are told with the setting that was meant', () => {
    const slips = {
      CORS_ORIGIN: 'CORS_ORIGINS',
      LINK_TLL: 'LINK_TTL',
      LINKTTL: 'LINK_TTL',
      link_ttl: 'LINK_TTL',
      'LINK-TTL': 'LINK_TTL',
      READDRESS_LINK_TTL: 'LINK_TTL',
      RETURN_URL: 'RETURN_URLS',
      REDIS_URI: 'REDIS_URL',
      SEALING_KEY: 'SEALING_KEYS',
      SEALINGKEYS_FILE: 'SEALING_KEYS',
      AUTH0_SECRET: 'AUTH0_CLIENT_SECRET',
      AUTH0_CLIENTID: 'AUTH0_CLIENT_ID',
      AUTHO_DOMAIN: 'AUTH0_DOMAIN',
      AUTH0_ISSUER: 'AUTH0_ISSUERS',
      AUTH0_AUDIANCE: 'AUTH0_AUDIENCE',
      WEBHOOK_SECRET: 'WEBHOOK_SECRETS',
      LIMIT_USERS: 'LIMIT_USER',
      TRUSTED_PROXY: 'TRUST_PROXY',
      MAX_AGE: 'MAX_AUTH_AGE',
      MAIL_FORM: 'MAIL_FROM',
      SMPT_URL: 'SMTP_URL',
      WORKERS_PORT: 'WORKER_PORT',
      APP_LINK_IOS: 'APP_LINKS_IOS',
      BRAND_COLOUR: 'BRAND_COLOR',
    };
    expect(meantBy(...Object.keys(slips))).toEqual(slips);
  });

  test("are not other people's names, nor ours", () => {
    const foreign =
      'PATH HOME HOSTNAME POST LANG LC_ALL USER SHELL PWD TZ TERM NODE_OPTIONS NODE_PATH NODE_VERSION CI DEBUG ' +
      'npm_lifecycle_event LOGNAME REDIS_HOST REDIS_PORT REDIS_PASSWORD SMTP_HOST SMTP_USER SMTP_PASS BASE_URL ' +
      'DATABASE_URL API_URL CLIENT_ID CLIENT_SECRET PORTS DOC COLOR LOG_FORMAT HTTP_PROXY NO_PROXY SSL_CERT_FILE ' +
      'NODE_EXTRA_CA_CERTS KUBERNETES_PORT';
    expect(meantBy(...foreign.split(' '))).toEqual({});
    expect(meantBy(...SETTING_NAMES, ...SETTING_NAMES.map((name) => `${name}_FILE`))).toEqual({});
  });

  test('are no fault at start: each config says them, for a warning', () => {
    const { api, workers } = readBothConfigs({ ...BOTH, CORS_ORIGIN: 'https://app.acme.example' });
    for (const config of [api, workers])
      expect(config.misspelt).toEqual([{ name: 'CORS_ORIGIN', meant: 'CORS_ORIGINS' }]);
  });
});
