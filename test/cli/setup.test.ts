/** `readdress setup`: adds what is missing at a tenant, after a yes, and takes nothing away. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readdress } from '../stories/operator.ts';

type Json = Record<string, unknown>;
const AUDIENCE = 'https://account.acme.example/';
const DOMAIN = 'acme.eu.auth0.com';
const OTHER = { id: 'b1', display_name: 'Enrich', action: { id: 'act_other', name: 'Enrich' } };

/** The part of the Management API that a set-up needs, in the shapes of its documentation. */
async function startDashboard(
  before: { api?: Json; actions?: Json[]; grants?: Json[]; clients?: Json[] } = {},
) {
  const state = {
    api: before.api,
    clients: before.clients ?? [
      { client_id: 'spa', name: 'Spa', grant_types: ['authorization_code'] },
    ],
    grants: before.grants ?? [],
    actions: before.actions ?? [],
    bindings: [OTHER] as Json[],
    deployed: [] as string[],
  };
  const writes: string[] = [];
  let isBuilt = false;
  const answerTo = (method: string, url: URL, body: Json): [number, unknown] => {
    const path = url.pathname.replace('/api/v2', '');
    if (method !== 'GET') writes.push(`${method} ${path}`);
    if (path.startsWith('/resource-servers/')) {
      if (!state.api) return [404, {}];
      if (method === 'PATCH') Object.assign(state.api, body);
      return [200, state.api];
    }
    if (path === '/resource-servers') return [201, (state.api = body)];
    if (path.startsWith('/clients/')) {
      const found = state.clients.find(({ client_id: id }) => path.endsWith(`/${String(id)}`));
      return found ? [200, found] : [404, {}];
    }
    if (path === '/clients') {
      if (method === 'GET') return [200, state.clients];
      const made = { client_id: 'new-client', client_secret: 'the-new-secret', ...body };
      state.clients.push(made);
      return [201, made];
    }
    if (path === '/client-grants') {
      const of = (name: string) => url.searchParams.get(name);
      if (method === 'GET')
        return [
          200,
          state.grants.filter(
            (grant) =>
              grant['client_id'] === of('client_id') && grant['audience'] === of('audience'),
          ),
        ];
      state.grants.push({ id: `g${state.grants.length}`, ...body });
      return [201, {}];
    }
    if (path.startsWith('/client-grants/')) {
      Object.assign(
        state.grants.find(({ id }) => path.endsWith(String(id)))!,
        body,
      );
      return [200, {}];
    }
    if (path === '/actions/actions') {
      if (method === 'GET') return [200, { actions: state.actions }];
      state.actions.push({ id: 'act_1', ...body });
      return [201, { id: 'act_1' }];
    }
    if (path.endsWith('/deploy')) {
      // It is still being built.
      if (!isBuilt) {
        isBuilt = true;
        return [400, { errorCode: 'action_not_built' }];
      }
      state.actions[0]!['deployed_version'] = { id: 'v1' };
      return [200, {}];
    }
    if (path === '/actions/triggers/post-login/bindings') {
      if (method === 'PATCH')
        state.bindings = (body['bindings'] as { ref: { type: string; value: string } }[]).map(
          ({ ref }) =>
            ref.type === 'binding_id' ? OTHER : { id: 'b2', action: { id: ref.value } },
        );
      return [200, { bindings: state.bindings, total: state.bindings.length }];
    }
    return [404, {}];
  };
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const allowed = req.headers.authorization === 'Bearer good';
      const [status, body] = allowed
        ? answerTo(
            req.method!,
            new URL(req.url!, 'http://x'),
            text === '' ? {} : (JSON.parse(text) as Json),
          )
        : [req.headers.authorization === 'Bearer poor' ? 403 : 401, {}];
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const env = {
    AUTH0_DOMAIN: DOMAIN,
    AUTH0_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AUTH0_AUDIENCE: AUDIENCE,
    AUTH0_SETUP_TOKEN: 'good',
  };
  return {
    state,
    writes,
    env,
    run: (args: string[], more = {}) => readdress({ env }, ['setup', ...args, '--json'], {}, more),
  };
}

test('says what is missing, and changes nothing without a yes', async () => {
  const { writes, run } = await startDashboard();
  for (const more of [{}, { ask: async () => 'n' }, { ask: async () => '' }]) {
    const { code, lines, stderr } = await run(['--app', 'spa'], more);
    expect({ code, lines }).toEqual({ code: 0, lines: [{ missing: 6, differs: 0, done: 0 }] });
    expect(stderr).toMatch(
      /^missing +API https:\/\/account\.acme\.example\/ with the scope change:email$/m,
    );
    expect(stderr).toContain('Nothing was changed');
  }
  expect(writes).toEqual([]);
});

test('adds what is missing behind what is there, once, and keeps the secret out of sight', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'readdress-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, '.env');
  await writeFile(file, 'AUTH0_CLIENT_ID=\nAUTH0_CLIENT_SECRET=\nBRAND_NAME=Acme\n');
  const { state, writes, run } = await startDashboard();
  const done = await run(['--app', 'spa', '--env', file, '--yes']);
  expect(done).toMatchObject({ code: 0, lines: [{ missing: 0, done: 6, clientId: 'new-client' }] });
  expect(JSON.stringify(done)).not.toContain('the-new-secret');
  expect(await readFile(file, 'utf8')).toBe(
    'BRAND_NAME=Acme\nAUTH0_CLIENT_ID=new-client\nAUTH0_CLIENT_SECRET=the-new-secret\n',
  );
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(state.api).toMatchObject({
    identifier: AUDIENCE,
    signing_alg: 'RS256',
    scopes: [{ value: 'change:email' }],
  });
  expect(state.grants).toMatchObject([
    {
      client_id: 'new-client',
      audience: `https://${DOMAIN}/api/v2/`,
      scope: ['read:users', 'update:users', 'delete:sessions', 'delete:refresh_tokens'],
    },
    { client_id: 'spa', audience: AUDIENCE, scope: ['change:email'], subject_type: 'user' },
  ]);
  expect(state.actions[0]!['code']).toContain('onExecutePostLogin');
  expect(state.bindings).toMatchObject([OTHER, { action: { id: 'act_1' } }]);

  writes.splice(0);
  const again = await run(['--app', 'spa', '--yes']);
  expect(again).toMatchObject({ code: 0, lines: [{ missing: 0, done: 0 }] });
  expect(writes).toEqual([]);
});

test('adds to what is there, and never replaces what somebody made otherwise', async () => {
  const mine = {
    id: 'act_9',
    name: 'Login evidence for Readdress',
    code: 'exports.mine = 1;',
    deployed_version: {},
  };
  const { state, run } = await startDashboard({
    api: { identifier: AUDIENCE, signing_alg: 'RS256', scopes: [{ value: 'read:things' }] },
    clients: [{ client_id: 'w', name: 'Readdress workers', grant_types: ['client_credentials'] }],
    grants: [
      {
        id: 'g0',
        client_id: 'w',
        audience: `https://${DOMAIN}/api/v2/`,
        scope: ['read:users', 'read:logs'],
      },
    ],
    actions: [mine],
  });
  const done = await run(['--yes', '--without-sessions']);
  expect(done.code).toBe(1);
  expect(done.stderr).toMatch(/^differs +Action .*its code is another one/m);
  expect(state.api!['scopes']).toMatchObject([{ value: 'read:things' }, { value: 'change:email' }]);
  expect(state.grants[0]!['scope']).toEqual(['read:users', 'read:logs', 'update:users']);
  expect(state.actions).toEqual([mine]);
  expect(state.bindings).toMatchObject([OTHER, { action: { id: 'act_9' } }]);
});

test('says which token or setting is missing, and shows no token', async () => {
  const { env, writes } = await startDashboard();
  const setUp = (over: Record<string, string>) =>
    readdress({ env: { ...env, ...over } }, ['setup', '--yes']);
  expect(await setUp({ AUTH0_SETUP_TOKEN: '' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('AUTH0_SETUP_TOKEN is not set'),
  });
  expect(await setUp({ AUTH0_SETUP_TOKEN: 'stale' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is not taken'),
  });
  expect(await setUp({ AUTH0_SETUP_TOKEN: 'poor' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('may not read resource-servers'),
  });
  expect(await setUp({ AUTH0_AUDIENCE: '' })).toMatchObject({
    code: 78,
    stderr: expect.stringContaining('AUTH0_AUDIENCE: is required'),
  });
  expect((await setUp({ AUTH0_DOMAIN: 'your-tenant.auth0.com' })).code).toBe(78);
  expect(await setUp({ AUTH0_CLIENT_ID: 'unknown' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('names no application'),
  });
  expect(writes.filter((line) => line.includes('/clients'))).toEqual([]);
});
