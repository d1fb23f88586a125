/** The service under a path of somebody else's host: `PUBLIC_URL=https://api.example.com/account`. */
import { describe, expect, test } from 'vitest';
import { insideOf } from '../../src/http/inside.ts';
import { startWorld, tokenIn, type World } from '../support/world.ts';

const IOS = 'TEAMID1234.com.example.app';
const open = (env: Record<string, string> = {}) =>
  startWorld({ env: { PUBLIC_URL: 'http://localhost:3999/account/', ...env } });
const HTML = { accept: 'text/html' };

async function requested(world: World) {
  const { user_id: sub } = world.tenant.addUser({ email: 'old@example.com' });
  const token = await world.token(sub);
  const asked = await world.call('POST', '/account/v1/email-changes', {
    token,
    body: { email: 'new@example.org' },
  });
  expect(asked.status).toBe(202);
  const { text } = await world.inbox.waitFor({ to: 'new@example.org' });
  return { token, asked, text };
}

test('links, Location, forms, redirects, assets and problem types all lead below it', async () => {
  const world = await open({ APP_LINKS_IOS: IOS, DOCS: 'on' });
  const { asked, text } = await requested(world);
  expect(asked.headers.get('location')).toBe(
    `http://localhost:3999/account/v1/email-changes/${asked.body.id}`,
  );
  const link = tokenIn(text, 'confirm');
  expect(text).toContain(`http://localhost:3999/account/confirm#${link}`);

  const page = await world.call('GET', '/account/confirm', { headers: HTML });
  expect(page.text).toContain('action="/account/confirm"');
  const own = [...page.text.matchAll(/(?:src|href)="(\/[^"]*)"/g)].map(([, path]) => path!);
  expect(own.length).toBeGreaterThan(2);
  for (const path of own) {
    expect(path).toMatch(/^\/account\/(?:assets\/|confirm\?lang=)/);
    expect((await world.call('GET', path)).status, path).toBe(200);
  }

  const pressed = await world.call('POST', '/account/confirm', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `token=${link}`,
  });
  expect(pressed.status).toBe(303);
  const result = pressed.headers.get('location')!;
  expect(result).toMatch(/^\/account\/result\?receipt=/);
  expect((await world.call('GET', result, { headers: HTML })).status).toBe(200);

  for (const bent of [`/account/confirm%23${link}`, `/account/confirm/${link}`]) {
    const mended = await world.call('GET', bent, { headers: HTML });
    expect([mended.status, mended.headers.get('location')]).toEqual([
      303,
      `/account/confirm#${link}`,
    ]);
  }
  const { body: problem } = await world.call('GET', '/account/v1/nothing');
  expect(problem).toMatchObject({
    type: 'http://localhost:3999/account/problems#not-found',
    code: 'not-found',
  });
  expect((await world.call('GET', '/account/problems')).status).toBe(200);
  const home = await world.call('GET', '/account', { headers: HTML });
  expect(home.text).toContain('href="/account/docs"');
  const docs = await world.call('GET', '/account/docs', { headers: HTML });
  expect(docs.text).toContain('href="/account/docs/static/');
  const file = await world.call('GET', '/account/.well-known/apple-app-site-association');
  expect(file.body.applinks.details[0].components[0]).toMatchObject({ '/': '/account/confirm' });
});

test('at the root stands what phones and load balancers look for there, and nothing else', async () => {
  const world = await open({ APP_LINKS_IOS: IOS });
  for (const path of ['/livez', '/readyz', '/.well-known/apple-app-site-association'])
    for (const place of [path, `/account${path}`])
      expect((await world.call('GET', place)).status, place).toBe(200);
  for (const path of ['/', '/confirm', '/v1/email-changes', '/accounts/confirm', '/problems'])
    expect((await world.call('GET', path)).status, path).toBe(404);
});

describe('where a request leads inside', () => {
  test.each([
    ['/account', '/'],
    ['/account/', '/'],
    ['/account?a=1', '/?a=1'],
    ['/account/v1/x?y', '/v1/x?y'],
    ['http://evil.example/account/v1/x', '/v1/x'],
    ['/readyz', '/readyz'],
    ['/readyzz', '/-/readyzz'],
    ['/accountant/v1', '/-/accountant/v1'],
    ['/v1/x', '/-/v1/x'],
    ['/account/account/v1', '/account/v1'],
    ['*', '/-*'],
  ])('%s → %s', (from, to) => expect(insideOf('/account', from, 'strict')).toBe(to));

  test('a host that cuts the path off itself is as good', () => {
    expect(insideOf('/account', '/v1/x', 'bare-too')).toBe('/v1/x');
    expect(insideOf('/account', '/account/v1/x', 'bare-too')).toBe('/v1/x');
  });
});
