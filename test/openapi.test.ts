/** The description of the API is valid, whole, and served. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { send } from './support/wire.ts';
import { startWorld } from './support/world.ts';

const CALLS: Record<string, string[]> = {
  '/v1/email-changes': ['post'],
  '/v1/email-changes/current': ['get'],
  '/v1/email-changes/{id}': ['delete', 'get'],
  '/v1/email-changes/{id}/confirm': ['post'],
  '/v1/email-changes/{id}/events': ['get'],
  '/v1/email-changes/{id}/keep': ['post'],
  '/v1/email-changes/{id}/resend': ['post'],
  '/v1/links/inspect': ['post'],
  '/v1/confirm': ['post'],
  '/v1/approve': ['post'],
  '/v1/cancel': ['post'],
  '/v1/undo': ['post'],
};

test('openapi.json is valid OpenAPI 3.1 and lists the calls of the API, all and only these', async () => {
  const world = await startWorld({ workers: false });
  const { body: described, status } = await world.call('GET', '/openapi.json');
  expect(status).toBe(200);
  expect(described.openapi).toMatch(/^3\.1\./);
  const result = await new Validator().validate(structuredClone(described));
  expect(result.errors).toBeUndefined();
  expect(result.valid).toBe(true);

  const calls = Object.entries<object>(described.paths).map(([path, methods]) => [
    path,
    Object.keys(methods).toSorted(),
  ]);
  expect(Object.fromEntries(calls)).toEqual(CALLS);
  expect(described.servers).toEqual([{ url: world.env['PUBLIC_URL'] }]);
});

test('each call says who may make it, what it takes, and which answers it gives', async () => {
  const world = await startWorld({ workers: false, env: { REQUIRED_SCOPE: 'my:scope' } });
  const { body: described } = await world.call('GET', '/openapi.json');
  type Call = {
    security?: unknown;
    tags: unknown[];
    responses: Record<string, unknown>;
    parameters?: unknown;
  };
  const id = [expect.objectContaining({ name: 'id', in: 'path', required: true })];
  for (const [path, methods] of Object.entries<Record<string, Call>>(described.paths))
    for (const [method, call] of Object.entries(methods)) {
      const label = `${method} ${path}`;
      const signedIn = path.startsWith('/v1/email-changes');
      expect(call.security, label).toEqual(signedIn ? [{ accessToken: ['my:scope'] }] : undefined);
      expect(call.tags, label).toHaveLength(1);
      const statuses = Object.keys(call.responses);
      expect(
        statuses.some((status) => status.startsWith('2')),
        label,
      ).toBe(true);
      expect(call.parameters, label).toEqual(path.includes('{id}') ? id : undefined);
    }
  const { flows } = described.components.securitySchemes.accessToken;
  expect(flows.authorizationCode).toMatchObject({
    authorizationUrl: `${world.tenant.url}/authorize`,
    tokenUrl: `${world.tenant.url}/oauth/token`,
    scopes: { 'my:scope': expect.any(String) },
  });
  const problem = described.paths['/v1/confirm'].post.responses['4XX'];
  expect(JSON.stringify(problem)).toContain('"code"');
});

test('the docs page is off in production unless DOCS=on, and the description stays', async () => {
  const accept = { headers: { accept: 'text/html' } };
  const cases: [Record<string, string>, number][] = [
    [{}, 200],
    [{ DOCS: 'off' }, 404],
    [{ NODE_ENV: 'production' }, 404],
    [{ PUBLIC_URL: 'https://account.example.com' }, 404],
    [{ PUBLIC_URL: 'https://account.example.com', NODE_ENV: 'production', DOCS: 'on' }, 200],
  ];
  for (const [env, status] of cases) {
    const world = await startWorld({ workers: false, env });
    expect((await send(world.api, '/docs', accept)).status, JSON.stringify(env)).toBe(status);
    expect((await send(world.api, '/docs/static/swagger-ui.css')).status).toBe(status);
    expect((await send(world.api, '/openapi.json')).status).toBe(200);
    const home = await send(world.api, '/', accept);
    expect(home.text.includes('href="/docs"')).toBe(status === 200);
  }
});

test('docs are readable from this server alone', async () => {
  const world = await startWorld({ workers: false });
  const page = await send(world.api, '/docs', { headers: { accept: 'text/html' } });
  expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  for (const [, address = ''] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    expect(address).not.toMatch(/^(https?:)?\/\//);
    const asset = await send(world.api, new URL(address, `${world.api}/docs/`).pathname);
    expect(asset.status, address).toBe(200);
  }
});
