/** The headers of every answer: pages, API, errors and all. */
import { expect, test } from 'vitest';
import { ask, askAndReadMail, newUser, send, submit, type WireAnswer } from '../../support/wire.ts';
import { eventually, startWorld, type World } from '../../support/world.ts';

const HTML = { accept: 'text/html' };
const SPA = 'https://spa.example';

/** One answer of every kind that the service gives. */
async function everyKind(world: World): Promise<Record<string, WireAnswer>> {
  const user = await newUser(world);
  const bearer = { authorization: `Bearer ${user.token}` };
  const json = { 'content-type': 'application/json' };
  const change = await askAndReadMail(world, user, 'new@example.org');
  const own = `/v1/email-changes/${change.id}`;
  const pressed = await submit(world, '/cancel', change.cancel);
  const get = (path: string, headers = {}) => send(world.api, path, { headers });
  const post = (path: string, body: string, headers = {}) =>
    send(world.api, path, { method: 'POST', headers: { ...json, ...headers }, body });
  return {
    'page /': await get('/', HTML),
    'page /confirm': await get('/confirm', HTML),
    'page /problems': await get('/problems', HTML),
    'page after the button': pressed,
    'page /result': await get(String(pressed.headers.location), HTML),
    'page 404': await get('/nowhere', HTML),
    'page 400': await submit(world, '/confirm', 'x'),
    'page 403': await submit(world, '/confirm', 'x', { 'sec-fetch-site': 'cross-site' }),
    'api 200': await get(own, bearer),
    'api 202': await post('/v1/email-changes', '{"email":"b@example.org"}', bearer),
    'api 304': await eventually(async () => {
      // Mails that are still going out change the record.
      const { headers } = await get(own, bearer);
      const again = await get(own, { ...bearer, 'if-none-match': headers.etag ?? '' });
      return again.status === 304 && again;
    }),
    'api 400': await post('/v1/confirm', '{"token":"x"}'),
    'api 401': await get('/v1/email-changes/current'),
    'api 404': await get('/v1/nowhere'),
    'api 405': await get('/v1/confirm'),
    'api 413': await post('/v1/confirm', 'x'.repeat(20_000)),
    'api 415': await post('/v1/confirm', 'x', { 'content-type': 'text/plain' }),
    '/livez': await get('/livez'),
    '/readyz': await get('/readyz'),
    '/openapi.json': await get('/openapi.json'),
    '/docs': await get('/docs', HTML),
  };
}

const directives = ({ headers }: WireAnswer): Record<string, string> =>
  Object.fromEntries(
    String(headers['content-security-policy'])
      .split(';')
      .map((part) => part.trim().split(/\s+(.*)/s) as [string, string?])
      .map(([name, value]) => [name, value ?? '']),
  );

test('every answer is guarded, no answer sets a cookie or says what we run on', async () => {
  const world = await startWorld({ env: { CORS_ORIGINS: SPA } });
  const answers = await everyKind(world);
  for (const [kind, answer] of Object.entries(answers)) {
    const { headers } = answer;
    expect(headers, kind).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'origin-agent-cluster': '?1',
      'permissions-policy':
        'accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=(), browsing-topics=()',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=63072000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'x-robots-tag': 'noindex, nofollow',
    });
    expect(headers['set-cookie'], kind).toBeUndefined();
    expect(headers['server'], kind).toBeUndefined();
    expect(headers['x-powered-by'], kind).toBeUndefined();
    expect(headers['access-control-allow-origin'], kind).toBeUndefined();
    const policy = directives(answer);
    expect(policy, kind).toMatchObject({
      'default-src': "'none'",
      'frame-ancestors': "'none'",
      'base-uri': "'none'",
    });
    const own = kind === '/docs' ? { ...policy, 'img-src': '' } : policy;
    expect(JSON.stringify(own), kind).not.toMatch(/unsafe|\*|https?:|data:/);
    if (kind === '/docs') continue;
    const shows = kind.startsWith('page') && answer.status !== 303;
    expect(policy['script-src'], kind).toBe(shows ? "'self'" : undefined);
    if (!shows) continue;
    expect(headers['content-type'], kind).toBe('text/html; charset=utf-8');
    expect(policy, kind).toMatchObject({
      'style-src': "'self'",
      'connect-src': "'self'",
      'form-action': "'self'",
      'object-src': "'none'",
      'require-trusted-types-for': "'script'",
      'trusted-types': "'none'",
    });
  }
  expect(answers['page after the button']?.status).toBe(303);
  expect(answers['api 304']?.status).toBe(304);
  expect(answers['page 403']?.status).toBe(403);
});

test('on https the pages also upgrade what is left of http', async () => {
  const world = await startWorld({ workers: false, env: { PUBLIC_URL: 'https://change.example' } });
  const page = await send(world.api, '/confirm', { headers: HTML });
  expect(directives(page)).toHaveProperty('upgrade-insecure-requests');
});

test('CORS opens the API to the listed origins, with what they need to read, and never with credentials', async () => {
  const world = await startWorld({
    workers: false,
    env: { CORS_ORIGINS: `${SPA}, https://other.example:8443` },
  });
  const { token } = await newUser(world);
  for (const origin of [SPA, 'https://other.example:8443']) {
    const preflight = await send(world.api, '/v1/email-changes', {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-max-age': '600',
    });
    expect(preflight.headers['access-control-allow-methods']?.split(', ').toSorted()).toEqual([
      'DELETE',
      'GET',
      'POST',
    ]);
    for (const header of ['authorization', 'content-type', 'prefer', 'if-none-match'])
      expect(preflight.headers['access-control-allow-headers']).toContain(header);
    expect(preflight.headers['access-control-allow-credentials']).toBeUndefined();

    const answers = [
      await world.call('POST', '/v1/email-changes', {
        token,
        body: { email: 'a@example.org' },
        headers: { origin },
      }),
      await world.call('POST', '/v1/email-changes', { headers: { origin } }),
      await world.call('POST', '/v1/email-changes', { token, body: {}, headers: { origin } }),
      await world.call('GET', '/v1/nowhere', { headers: { origin } }),
      await world.call('PUT', '/v1/confirm', { headers: { origin } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 401, 400, 404, 405]);
    for (const { headers, status } of answers) {
      expect(headers.get('access-control-allow-origin'), String(status)).toBe(origin);
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      expect(headers.get('vary')?.toLowerCase()).toContain('origin');
      const exposed = headers.get('access-control-expose-headers');
      for (const name of [
        'www-authenticate',
        'retry-after',
        'ratelimit',
        'ratelimit-policy',
        'location',
        'etag',
      ])
        expect(exposed).toContain(name);
    }
  }
});

test('CORS stays shut for everybody else', async () => {
  const open = await startWorld({ workers: false, env: { CORS_ORIGINS: SPA } });
  const shut = await startWorld({ workers: false });
  const { token } = await newUser(open);
  const others = [
    'null',
    'https://evil.example',
    'http://spa.example',
    'https://spa.example.evil.example',
    'https://evil-spa.example',
    'https://sub.spa.example',
    'https://spa.example:8443',
    'https://spa.exampleX',
    'https://SPA.example/',
    '*',
  ];
  for (const origin of others) {
    const answer = await send(open.api, '/v1/email-changes/current', {
      headers: { origin, authorization: `Bearer ${token}` },
    });
    expect(answer.headers['access-control-allow-origin'], origin).toBeUndefined();
    expect(answer.headers.vary?.toLowerCase(), origin).toContain('origin');
    const preflight = await send(open.api, '/v1/email-changes', {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
    expect(preflight.headers['access-control-allow-origin'], origin).toBeUndefined();
  }
  const unlisted = await send(shut.api, '/livez', { headers: { origin: SPA } });
  expect(unlisted.headers['access-control-allow-origin']).toBeUndefined();
  expect((await ask(open, token, 'a@example.org')).status).toBe(202);
});
