/**
 * No string costs more than its length (ASVS 1.3.12). Long runs and near-matches go through every
 * header, field, query and path of a real door. The bound is the growth: twice the text may cost
 * about twice the CPU time, and never four times, as it does where something reads it again and
 * again. Noise only ever adds, so the least of several measurements counts.
 */
import { describe, expect, test } from 'vitest';
import { matchLocale } from '../../src/locales/messages.ts';
import { parseEmail } from '../../src/domain/email-address.ts';
import { tokenFromPaste } from '../../client/paste.js';
import { networkOf } from '../../src/http/plugins/network.ts';
import { newUser, send } from '../support/wire.ts';
import { startWorld } from '../support/world.ts';

/** Under Node's limit for all headers together. */
const FULL = 14_000;
/** What one string may look like, at any length. */
const repeated = (part: string, head = '', tail = '') => [
  `${head}${part}…${tail}`,
  (length: number) => head + part.repeat(Math.ceil(length / part.length)) + tail,
];
const RUNS = Object.fromEntries([
  ...[
    ' ',
    '\t',
    ',',
    ';',
    '"',
    '\\',
    '=',
    '%',
    '.',
    '-',
    '@',
    ':',
    '/',
    '#',
    '_',
    '[',
    '(',
    '0',
    'a',
  ].map((part) => repeated(part)),
  ...[' ', '\t', ';', '.', '-', '"'].map((part) => repeated(part, 'a', 'b')),
  repeated(' ', 'a', ';q=1'),
  repeated('\u00e9'),
  repeated('a;q=1 '),
  repeated(';q='),
  repeated('a,'),
  repeated('a; '),
  repeated('W/"a",'),
  repeated('wait = '),
  repeated('wait='),
  repeated(' ', 'wait', '='),
  repeated('%23'),
  repeated('%2523'),
  repeated('%2'),
  repeated('&token='),
  repeated('#a'),
  repeated('url=http'),
  repeated('__'),
  repeated('-3A'),
  repeated('=\\"'),
  repeated('127.0.0.1, '),
  repeated('::1%'),
  repeated('text/html,'),
  repeated('../'),
  repeated('a.', 'Bearer '),
  repeated(' ', 'Bearer ', '.a.a'),
  repeated('a', 'DPoP ', '.a'),
  repeated('a', '', '@'),
  repeated('xn--', 'a@'),
  repeated('a-', 'a@', '.example'),
  repeated('?u=http:'),
  repeated('/v3/__'),
  repeated('*', '/v3/__', '__;'),
  repeated('a/https://'),
  repeated('?u=aHR0c'),
]) as Record<string, (length: number) => string>;

/** What is beneath notice, in ms: without it the ratio of two tiny numbers would be anything. */
const NOTHING_MORE = 0.5;
const ROUNDS = 2;

/** CPU time of this process, in ms: nothing else of the machine is in it. */
async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** How many times dearer the whole text is than its half. Measured again while it looks bad. */
async function growth(run: (length: number) => unknown, full = FULL): Promise<number> {
  let [half, whole] = [Infinity, Infinity];
  let ratio = Infinity;
  for (let round = 0; round < 6 * ROUNDS && (round < ROUNDS || ratio > 3); round++) {
    whole = Math.min(whole, await cpuMs(() => run(full)));
    half = Math.min(half, await cpuMs(() => run(full / 2)));
    ratio = (whole + NOTHING_MORE) / (half + NOTHING_MORE);
  }
  return ratio;
}

async function expectLinear(what: string, run: (length: number) => unknown, full = FULL) {
  const ratio = await growth(run, full);
  expect(ratio, `${what}: twice the text for ${ratio.toFixed(1)} times the work`).toBeLessThan(3);
}

const each = async (check: (name: string, make: (length: number) => string) => Promise<void>) => {
  for (const [name, make] of Object.entries(RUNS)) await check(name, make);
};
const latin1 = (text: string): string => text.replaceAll(/[^\u0020-\u00ff\t]/g, '?');

test('the measure finds what is quadratic', async () => {
  const quadratic = (length: number) => / *;/.exec(`${' '.repeat(length)}b`);
  // Four times the work, but for the noise, which makes of four less as well as more.
  const seen = [await growth(quadratic), await growth(quadratic), await growth(quadratic)];
  expect(Math.max(...seen)).toBeGreaterThan(3);
});

describe('what reads untrusted text', () => {
  const readers: Record<string, (text: string) => unknown> = {
    language: (text) => matchLocale(text),
    address: (text) => parseEmail(text),
    network: (text) => networkOf(text, { v4: 24, v6: 48 }),
    paste: (text) => tokenFromPaste(text),
  };
  test.each(Object.keys(readers))('%s takes time by length', { timeout: 60_000 }, async (name) => {
    await each((run, make) => expectLinear(run, (n) => readers[name]!(make(n)), 20_000));
  });
});

describe('through the door', () => {
  const open = () =>
    startWorld({
      workers: false,
      env: {
        TRUST_PROXY: 'loopback',
        DPOP: 'allowed',
        LIMIT_IP: '1000000/1m',
        LIMIT_LINK: '1000000/1m',
      },
    });
  const HEADERS = [
    'accept',
    'accept-encoding',
    'authorization',
    'content-type',
    'cookie',
    'dpop',
    'forwarded',
    'if-modified-since',
    'last-event-id',
    'origin',
    'prefer',
    'range',
    'referer',
    'sec-fetch-site',
    'user-agent',
    'x-forwarded-for',
    'accept-language',
    'if-none-match',
  ];

  test(
    'no header of a page, a link or a request costs more than its length',
    { timeout: 240_000 },
    async () => {
      const world = await open();
      const { token } = await newUser(world);
      for (const header of HEADERS)
        await each((run, make) =>
          expectLinear(`${header}: ${run}`, (length) =>
            send(world.api, ...callWith(header, latin1(make(length)), token)),
          ),
        );
    },
  );

  test('no path and no query costs more than its length', { timeout: 120_000 }, async () => {
    const world = await open();
    for (const start of [
      '/',
      '/confirm',
      '/v1/email-changes/',
      '/confirm?token=',
      '/result?receipt=',
      '/?',
    ])
      await each((run, make) =>
        expectLinear(`${start} ${run}`, (length) =>
          send(world.api, start + escaped(make(length)).slice(0, length)),
        ),
      );
  });

  test('no field of a body costs more than its length', { timeout: 120_000 }, async () => {
    const world = await open();
    const { token } = await newUser(world);
    const post = (path: string, type: string, body: string) =>
      send(world.api, path, {
        method: 'POST',
        headers: { 'content-type': type, accept: 'text/html', authorization: `Bearer ${token}` },
        body,
      });
    const json = 'application/json';
    await each(async (run, make) => {
      await expectLinear(`email: ${run}`, (n) =>
        post('/v1/email-changes', json, JSON.stringify({ email: make(n) })),
      );
      await expectLinear(`locale: ${run}`, (n) =>
        post('/v1/email-changes', json, JSON.stringify({ locale: make(n) })),
      );
      await expectLinear(`token: ${run}`, (n) =>
        post('/v1/links/inspect', json, JSON.stringify({ token: make(n) })),
      );
      await expectLinear(`JSON: ${run}`, (n) => post('/v1/links/inspect', json, make(n)));
      await expectLinear(`form: ${run}`, (n) =>
        post(
          '/confirm',
          'application/x-www-form-urlencoded',
          `token=${escaped(make(n)).slice(0, n)}`,
        ),
      );
    });
  });
});

/** No code point that a request line may not hold. */
const escaped = (text: string): string => text.replaceAll(/[^\u0021-\u007e]/g, '+');

function callWith(header: string, value: string, token: string): [string, object] {
  const headers = { accept: 'text/html', authorization: `Bearer ${token}`, [header]: value };
  if (header === 'content-type') return ['/confirm', { method: 'POST', headers, body: '{}' }];
  if (header === 'prefer')
    return [
      '/v1/confirm',
      {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: `{"token":"${'a'.repeat(64)}"}`,
      },
    ];
  if (['authorization', 'dpop', 'if-none-match'].includes(header))
    return ['/v1/email-changes/current', { headers }];
  return ['/confirm', { headers }];
}
