/** A host keeps its own house: what is somebody else's is not touched, and what would weaken us is told. */
import { gzipSync } from 'node:zlib';
import cors from '@fastify/cors';
import jwt from '@fastify/jwt';
import Fastify, { type FastifyInstance } from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { startWorld, type LogLine } from '../support/world.ts';
import { listen, open, PUBLIC_URL } from './home.ts';

const world = () => startWorld({ workers: false });
const weakenings = (logs: LogLine[]) =>
  logs.filter(({ event }) => event === 'host.weakened').map(({ weakening }) => String(weakening));

/** A backend that has made everything its own. */
async function startHost(prefix: string, publicUrl = PUBLIC_URL, options = {}) {
  const { env } = await world();
  const { readdress, logs } = await open({ ...env, PUBLIC_URL: publicUrl });
  const seen: string[] = [];
  const lines: string[] = [];
  const app: FastifyInstance = Fastify({
    requestTimeout: 10_000,
    logger: { stream: { write: (line: string) => void lines.push(line) } },
    ...options,
  });
  await app.register(jwt, { secret: 'the host has a secret of its own' });
  await app.register(cors, { origin: 'https://host.example' });
  app.decorateRequest('own', 'of the host');
  app.addHook('onRequest', async ({ url }) => void seen.push(`request ${url}`));
  app.addHook('onSend', async ({ url }) => void seen.push(`send ${url}`));
  app.addHook('onResponse', async ({ url }) => void seen.push(`response ${url}`));
  app.setErrorHandler((_error, _request, reply) => reply.status(418).send({ from: 'host' }));
  app.setNotFoundHandler((_request, reply) => reply.status(404).send({ from: 'host' }));
  app.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) =>
    done(null, { csv: body }),
  );
  app.get('/', () => 'home of the host');
  app.get('/broken', () => {
    throw new Error('own fault');
  });
  app.get('/signed', async (request) => {
    await request.jwtVerify();
    return request.user;
  });
  app.post('/echo', ({ body }) => body);
  await app.register(readdress.plugin, { prefix });
  app.post('/account-not-ours', ({ body }) => body);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => app.close());
  return { app, url, seen, lines, logs, readdress };
}

test.each(['/account', '/account/', ''])(
  'hooks, parsers, errors and decorators of a host stay its own beside the prefix %s',
  async (prefix) => {
    const { app, url, seen, lines } = await startHost(prefix);
    const json = async (path: string, init?: RequestInit) => (await fetch(url + path, init)).json();
    expect(await (await fetch(url)).text()).toBe('home of the host');
    expect(await json('/nothing')).toEqual({ from: 'host' });
    expect(await json('/accounts')).toEqual({ from: 'host' });
    expect(await json('/broken')).toEqual({ from: 'host' });
    expect(
      await json('/echo', { method: 'POST', headers: { 'content-type': 'text/csv' }, body: 'a,b' }),
    ).toEqual({ csv: 'a,b' });
    const twice = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":1,"a":2}',
    };
    expect(await json('/echo', twice)).toEqual({ a: 2 });
    expect(await json('/account-not-ours', twice)).toEqual({ a: 2 });
    const token = app.jwt.sign({ iss: 'host', sub: 'me', role: 'admin' });
    expect(await json('/signed', { headers: { authorization: `Bearer ${token}` } })).toMatchObject({
      role: 'admin',
    });
    const plain = await fetch(`${url}/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://host.example' },
      body: '{}',
    });
    expect(plain.headers.get('access-control-allow-origin')).toBe('https://host.example');
    expect(plain.headers.get('content-security-policy')).toBeNull();
    expect(app.printRoutes()).not.toContain('email-changes');

    // Ours: no parser, error handler or answer of the host, and its hooks see the request as it came.
    const mount = prefix.replace(/\/$/, '');
    seen.length = 0;
    const ours = await fetch(`${url}${mount}/v1/confirm?a=1`, {
      ...twice,
      body: '{"token":"a","token":"b"}',
    });
    expect(await ours.json()).toMatchObject({
      code: 'invalid-request',
      errors: [{ detail: 'has a name twice' }],
    });
    expect(ours.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(seen).toEqual([`request ${mount}/v1/confirm?a=1`, `response ${mount}/v1/confirm?a=1`]);
    const csv = await fetch(`${url}${mount}/v1/confirm`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      body: 'a',
    });
    expect(csv.status).toBe(415);
    expect((await fetch(`${url}${mount}/v1/nothing`)).headers.get('content-type')).toContain(
      'problem+json',
    );
    expect(lines.join('')).not.toContain('email_change');
  },
);

test('any prefix will do, also one with a parameter and one behind another', async () => {
  const { app, url, logs } = await startHost('/tenants/:tenant/account');
  expect((await fetch(`${url}/tenants/acme/account/livez`)).status).toBe(200);
  expect(
    (await fetch(`${url}/tenants/acme/account/v1/email-changes/${'x'.repeat(500)}`)).status,
  ).toBe(401);
  expect((await fetch(`${url}/tenants/acme`)).status).toBe(404);
  expect(weakenings(logs)).toEqual([expect.stringContaining('/tenants/:tenant/account')]);
  await app.close();
});

test('what of a host would weaken us is told when it registers', async () => {
  expect(weakenings((await startHost('/account')).logs)).toEqual([]);
  const { logs } = await startHost('/account', 'https://api.example.com', {
    requestTimeout: 0,
    trustProxy: true,
  });
  expect(weakenings(logs)).toEqual([
    expect.stringContaining('PUBLIC_URL'),
    expect.stringContaining('requestTimeout'),
    expect.stringContaining('TRUST_PROXY'),
  ]);
});

test('a host that closes ends live streams and is not held up by them', async () => {
  const shared = await world();
  const { readdress } = await open({ ...shared.env, PUBLIC_URL }, shared);
  const app = Fastify();
  await app.register(readdress.plugin, { prefix: '/account' });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const { user_id: sub } = shared.tenant.addUser({ email: 'old@example.com' });
  const authorization = `Bearer ${await shared.token(sub)}`;
  const asked = await fetch(`${url}/account/v1/email-changes`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'new@example.org' }),
  });
  const { id } = (await asked.json()) as { id: string };
  const stream = await fetch(`${url}/account/v1/email-changes/${id}/events`, {
    headers: { authorization },
  });
  await app.close();
  expect(await stream.text()).toContain('event: reconnect');
});

test('a body that a host has read, or that is packed, is a precise problem and changes nothing', async () => {
  const { env } = await world();
  const { readdress, logs } = await open({ ...env, PUBLIC_URL });
  const url = await listen((request, response) => {
    if (request.headers['x-parsed'] === undefined) return void readdress.handler(request, response);
    request.resume();
    request.once('end', () => void readdress.handler(request, response));
  });
  const post = async (headers: Record<string, string>, body: string | Uint8Array<ArrayBuffer>) => {
    const answer = await fetch(`${url}/account/v1/confirm`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    return answer.json();
  };
  const read = {
    status: 400,
    code: 'body-already-read',
    detail: expect.stringContaining('parser'),
  };
  expect(await post({ 'x-parsed': '1' }, '{"token":"a"}')).toMatchObject(read);
  expect(logs.some(({ event, level }) => event === 'host.body_read' && level === 'error')).toBe(
    true,
  );
  expect(
    await post({ 'content-encoding': 'gzip' }, new Uint8Array(gzipSync('{"token":"a"}'))),
  ).toMatchObject({ status: 400, detail: expect.stringContaining('Content-Encoding') });
  expect(await post({}, '{"token":"a"}')).toMatchObject({ code: 'invalid-link' });

  const used = new Request(`${PUBLIC_URL}/v1/confirm`, { method: 'POST', body: '{}' });
  await used.text();
  expect(await (await readdress.fetch(used)).json()).toMatchObject(read);
});

test('the request that a host logs after us is the one that it got', async () => {
  const { env } = await world();
  const { readdress } = await open({ ...env, PUBLIC_URL });
  const urls: unknown[] = [];
  const url = await listen((request, response) => {
    Object.assign(request, { originalUrl: request.url });
    response.once('finish', () =>
      urls.push(request.url, (request as { originalUrl?: string }).originalUrl),
    );
    void readdress.handler(request, response);
  });
  await (await fetch(`${url}/account/livez?a=1`)).text();
  expect(urls).toEqual(['/account/livez?a=1', '/account/livez?a=1']);
});

test('limits per IP count by the address; without one they are off, and that is told once', async () => {
  const { env } = await world();
  const { readdress, logs } = await open({ ...env, PUBLIC_URL, LIMIT_LINK: '2/1m' });
  const url = await listen((request, response) => void readdress.handler(request, response));
  const body = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"token":"a"}',
  };
  const times = async (count: number, ask: () => Promise<Response>) => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i += 1) statuses.push((await ask()).status);
    return statuses;
  };
  const fetched = (from?: { ip: string }) => () =>
    readdress.fetch(new Request(`${PUBLIC_URL}/v1/confirm`, body), from);
  const sent = (headers: Record<string, string>) => () =>
    fetch(`${url}/account/v1/confirm`, { ...body, headers: { ...body.headers, ...headers } });
  const told = () =>
    logs.filter(({ weakening }) => /limits per IP are off/.test(String(weakening)));

  expect(await times(3, fetched({ ip: '203.0.113.1' }))).toEqual([400, 400, 429]);
  expect(await times(1, fetched({ ip: '203.0.113.2' }))).toEqual([400]);
  expect(await times(3, sent({}))).toEqual([400, 400, 429]);
  expect(told()).toEqual([]);
  expect(await times(4, fetched())).toEqual([400, 400, 400, 400]);
  expect(await times(4, sent({ 'x-forwarded-for': '198.51.100.1' }))).toEqual([400, 400, 400, 400]);
  expect(told()).toHaveLength(2);
});

test('a live status that nobody reads any more is over, for the service too', async () => {
  const shared = await world();
  const { readdress } = await open({ ...shared.env, PUBLIC_URL }, shared);
  const { user_id: sub } = shared.tenant.addUser({ email: 'old@example.com' });
  const authorization = `Bearer ${await shared.token(sub)}`;
  const ask = (path: string, init: RequestInit = {}) =>
    readdress.fetch(
      new Request(PUBLIC_URL + path, {
        ...init,
        headers: { authorization, 'content-type': 'application/json' },
      }),
    );
  const asked = await ask('/v1/email-changes', {
    method: 'POST',
    body: JSON.stringify({ email: 'new@example.org' }),
  });
  const { id } = (await asked.json()) as { id: string };
  // More, one after the other, than one user may have at a time.
  for (let i = 0; i < 8; i += 1) {
    const leaving = new AbortController();
    const stream = await ask(`/v1/email-changes/${id}/events`, { signal: leaving.signal });
    expect(stream.status).toBe(200);
    const reader = stream.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('event: change');
    if (i % 2 === 0) await reader.cancel();
    else {
      leaving.abort();
      await reader.read().catch(() => undefined);
    }
  }
});
