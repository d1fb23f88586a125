/**
 * Thousands of requests, seeded: every route by its schema and beyond it, and bytes that are hardly
 * HTTP. FUZZ_RUNS says how many (2,000), FUZZ_SEED which; a failure prints its seed and the smallest
 * request that shows it. What was counted is in .reports/fuzz.json.
 */
import fc from 'fast-check';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { askAndReadMail, newUser, parseAnswer, send } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';
import { rawBytes, requestTo, type Known, type Route, type Schema } from './arbitraries.ts';
import { createJudge, type Documented } from './judge.ts';

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 2000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const RAW_RUNS = Math.ceil(RUNS / 4);

/** Not in the document: pages, files and the operators' own. */
const HIDDEN: Route[] = [
  ...['/confirm', '/approve', '/cancel', '/undo'].flatMap((path) => [
    { method: 'GET', path },
    { method: 'POST', path },
  ]),
  ...['/', '/result', '/problems', '/livez', '/readyz', '/docs', '/openapi.json', '/nowhere'].map(
    (path) => ({ method: 'GET', path }),
  ),
  { method: 'GET', path: '/.well-known/assetlinks.json' },
  { method: 'GET', path: '/assets/{id}' },
  { method: 'GET', path: '/docs/static/{id}' },
];

type Described = { requestBody?: { content: Record<string, { schema: Schema }> } };

const routesOf = (documented: Documented): Route[] =>
  Object.entries(documented).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, call]): Route => {
      const body = (call as Described).requestBody?.content['application/json']?.schema;
      return { method: method.toUpperCase(), path, ...(body && { body }) };
    }),
  );

const RETURN_URL = 'https://app.example/account';

async function startFuzzWorld() {
  const world = await startWorld({
    tenant: { accessTokenTtlSeconds: 86_400 },
    env: {
      LIMIT_USER: '999999/1s',
      LIMIT_ADDRESS: '999999/24h',
      LIMIT_ADDRESS_FIRST: '1/24h',
      LIMIT_USER_MAILS: '999999/24h',
      LIMIT_IP: '999999/1s',
      LIMIT_LINK: '999999/1s',
      RETURN_URLS: RETURN_URL,
      CORS_ORIGINS: 'https://spa.example',
      CODE: 'on',
      // A long run is longer than a login or a link is good for by default.
      MAX_AUTH_AGE: '86400',
      LINK_TTL: '12h',
      APP_LINKS_ANDROID: `com.example.app=${Array(32).fill('AB').join(':')}`,
      LOG_LEVEL: 'info',
    },
  });
  const known: Known = { ids: [], linkTokens: [], accessTokens: [], returnUrls: [RETURN_URL] };
  for (let i = 0; i < 6; i += 1) {
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, `known${i}@example.org`);
    known.ids.push(change.id);
    known.linkTokens.push(change.confirm, change.cancel);
    known.accessTokens.push(user.token);
  }
  const { body } = await world.call('GET', '/openapi.json');
  const documented: Documented = body.paths;
  const secrets = ['SEALING_KEYS', 'AUTH0_CLIENT_SECRET', 'REDIS_URL'].map((name) =>
    String(world.env[name]),
  );
  return { world, known, documented, judge: createJudge(documented, secrets) };
}

/** Bytes and the end of our side; what the server says until it ends its own. */
function exchange(base: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve) => {
    const socket = connect({ port: Number(port), host: hostname });
    let text = '';
    // A stream has no end.
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.end(Buffer.from(bytes, 'latin1'));
  });
}

/** Event streams end with their change, which is too long here. */
const isStream = (headers: WireHeaders): boolean =>
  String(headers['content-type']).startsWith('text/event-stream');
type WireHeaders = Awaited<ReturnType<typeof send>>['headers'];

const quietLogs = ({ logs }: World): void => {
  const loud = logs.filter(
    ({ event, level }) => (level === 'error' || level === 'fatal') && event !== undefined,
  );
  expect(loud).toEqual([]);
};

test(`${RUNS} requests and ${RAW_RUNS} malformed ones (seed ${SEED}): a documented answer to each, no fault, no leak`, async () => {
  const { world, known, documented, judge } = await startFuzzWorld();
  const byStatus: Record<string, number> = {};
  const count = (status: number | string) => {
    byStatus[status] = (byStatus[status] ?? 0) + 1;
  };
  const startedAt = performance.now();
  let sent = 0;

  await fc.assert(
    fc.asyncProperty(requestTo([...routesOf(documented), ...HIDDEN], known), async (request) => {
      sent += 1;
      world.logs.length = 0;
      const answer = await send(world.api, request.path, { ...request, stopAt: isStream });
      judge(answer, request);
      quietLogs(world);
      count(answer.status);
    }),
    { numRuns: RUNS, seed: SEED },
  );

  let silent = 0;
  await fc.assert(
    fc.asyncProperty(rawBytes, async (bytes) => {
      sent += 1;
      world.logs.length = 0;
      const text = await exchange(world.api, bytes);
      quietLogs(world);
      // CONNECT, and what ends before it began.
      if (text === '') return void (silent += 1);
      const [first = ''] = text
        .split(/(?=HTTP\/1\.1 \d{3} )/)
        .filter((part) => !part.startsWith('HTTP/1.1 100 '));
      const answer = parseAnswer(first);
      const [, method = 'GET'] = /^([A-Z]+) /.exec(bytes) ?? [];
      if (!isStream(answer.headers)) judge(answer, { method });
      count(answer.status);
    }),
    { numRuns: RAW_RUNS, seed: SEED },
  );

  // Still there, and as well as before.
  expect((await world.call('GET', '/readyz')).status).toBe(200);
  const [user] = known.accessTokens;
  const asked = await world.call('POST', '/v1/email-changes', {
    token: user!,
    body: { email: 'after@example.org' },
  });
  expect(asked.status).toBe(202);

  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const report = { seed: SEED, requests: sent, silent, seconds, byStatus };
  mkdirSync('.reports', { recursive: true });
  writeFileSync('.reports/fuzz.json', `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`fuzz: ${JSON.stringify(report)}\n`);
});
