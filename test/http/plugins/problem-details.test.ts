/** Errors: one shape for every status of every route (RFC 9457), also for what never reaches a route. */
import { describe, expect, test } from 'vitest';
import { SECURITY_HEADERS } from '../../../src/http/plugins/security-headers.ts';
import { PROBLEMS } from '../../../src/http/problems.ts';
import { expectProblem, newUser, parseAnswer, send, sendBytes } from '../../support/wire.ts';
import { startWorld } from '../../support/world.ts';

const HTML = { accept: 'text/html' };

describe('a path or a method that is not there', () => {
  test('is a 404 or a 405 with Allow, in JSON for programs and in words for people', async () => {
    const world = await startWorld({ workers: false });
    for (const path of [
      '/v1',
      '/v1/',
      '/v2/email-changes',
      '/nowhere',
      '/confirm/x.css',
      '/confirm/',
      '/.env',
      '/v1/email-changes/a/b/c',
    ])
      for (const method of ['GET', 'POST', 'DELETE'])
        expectProblem(await world.call(method, path), 'not-found', `${method} ${path}`);

    const allowed: Record<string, string[]> = {
      '/v1/email-changes': ['POST'],
      '/v1/email-changes/current': ['DELETE', 'GET', 'HEAD'],
      '/v1/email-changes/AAAAAAAAAAAAAAAAAAAAAA': ['DELETE', 'GET', 'HEAD'],
      '/v1/email-changes/AAAAAAAAAAAAAAAAAAAAAA/resend': ['POST'],
      '/v1/links/inspect': ['POST'],
      '/v1/confirm': ['POST'],
      '/v1/approve': ['POST'],
      '/v1/cancel': ['POST'],
      '/v1/undo': ['POST'],
      '/confirm': ['GET', 'HEAD', 'POST'],
      '/undo': ['GET', 'HEAD', 'POST'],
      '/result': ['GET', 'HEAD'],
      '/livez': ['GET', 'HEAD'],
      '/openapi.json': ['GET', 'HEAD'],
    };
    for (const [path, methods] of Object.entries(allowed))
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'].filter(
        (one) => !methods.includes(one),
      )) {
        const answer = await world.call(method, `${path}?x=1`);
        expectProblem(answer, 'method-not-allowed', `${method} ${path}`);
        expect(answer.headers.get('allow')?.split(', ').toSorted(), path).toEqual(methods);
      }

    // Below a link's page people find the field for what they can copy from the mail.
    const astray = await send(world.api, '/confirm/x', { headers: HTML });
    expect([astray.status, astray.text.includes('id="token"')]).toEqual([200, true]);
    const forPeople = await send(world.api, '/nowhere', { headers: HTML });
    expect(forPeople.status).toBe(404);
    expect(forPeople.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(forPeople.text).toMatch(/^<!doctype html>/i);
    // The API speaks JSON whoever asks.
    const api = await world.call('GET', '/v1/nowhere', { headers: HTML });
    expectProblem(api, 'not-found');
  });
});

describe('a URL', () => {
  test('that does not decode is a 400 which does not play it back', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    for (const path of ['/v1/email-changes/%zz', '/%ff', '/v1/email-changes/%c0%af', '/%']) {
      const answer = await world.call('GET', `${path}?token=secret`, { token });
      expectProblem(answer, 'invalid-request', path);
      expect(answer.text).not.toContain('secret');
      expect(Object.fromEntries(answer.headers)).toMatchObject(SECURITY_HEADERS);
    }
    expect(JSON.stringify(world.logs)).not.toContain('secret');
  });

  test('of any length is answered, and never with a fault', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    for (const length of [101, 1000, 15_000])
      expectProblem(
        await world.call('GET', `/v1/email-changes/${'a'.repeat(length)}`, { token }),
        'not-found',
      );
    for (const path of [
      '/..%2f..%2fetc/passwd',
      '/assets/../package.json',
      '/assets/%2e%2e/pages.css',
      '/docs/static/..%2f..%2fpackage.json',
      '//evil.example',
      '/\\evil.example',
    ]) {
      const answer = await send(world.api, path);
      expect([400, 404], path).toContain(answer.status);
      expect(answer.headers['content-type'], path).toBe('application/problem+json; charset=utf-8');
      expect(answer.text, path).not.toContain('"dependencies"');
    }
  });
});

describe('what Node refuses before any route', () => {
  test.each([
    [
      'headers beyond all reason',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(80_000)}\r\n\r\n`,
      431,
    ],
    [
      'a cookie beyond all reason',
      `GET /v1/confirm HTTP/1.1\r\nHost: x\r\nCookie: ${'a'.repeat(40_000)}\r\n\r\n`,
      431,
    ],
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
    ['another version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', 400],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n', 400],
    ['a header name with a space', 'GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    ['a bare line feed in a header', 'GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n', 400],
    [
      'two lengths (request smuggling)',
      'POST /v1/confirm HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
      400,
    ],
    [
      'a length and chunks (request smuggling)',
      'POST /v1/confirm HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      'a negative length',
      'POST /v1/confirm HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      400,
    ],
    [
      'a broken chunk',
      'POST /v1/confirm HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      400,
    ],
  ])('%s: a well-formed problem, and the connection ends', async (_label, bytes, status) => {
    const world = await startWorld({ workers: false });
    const answer = parseAnswer(await sendBytes(world.api, bytes));
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      ...SECURITY_HEADERS,
      'content-type': 'application/problem+json; charset=utf-8',
      connection: 'close',
    });
    expect(Number(answer.headers['content-length'])).toBe(Buffer.byteLength(answer.text));
    const code = status === 431 ? 'headers-too-large' : 'invalid-request';
    expect(JSON.parse(answer.text)).toEqual({
      type: expect.stringMatching(/^(about:blank|http.*#.*)$/),
      title: PROBLEMS[code].title,
      status,
      detail: expect.any(String),
      code,
    });
    // The process is none the worse for it.
    expect((await world.call('GET', '/livez')).status).toBe(200);
  });
});

describe('a body', () => {
  test('beyond the limit is a 413, told by its length or counted as it comes', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ token: 'x'.repeat(20_000) });
    for (const path of ['/v1/email-changes', '/v1/confirm', '/v1/links/inspect'])
      for (const framing of [
        { 'content-length': body.length },
        { 'transfer-encoding': 'chunked' },
      ]) {
        const answer = await send(world.api, path, {
          method: 'POST',
          headers: { ...headers, ...framing },
          body,
        });
        expect([answer.status, JSON.parse(answer.text).code], path).toEqual([
          413,
          'payload-too-large',
        ]);
        expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
      }
  });

  test('that is nested beyond reason, compressed or of no use is never a fault', async () => {
    const world = await startWorld({ workers: false });
    const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
      send(world.api, '/v1/confirm', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
    const bodies: [string | Buffer, Record<string, string>?][] = [
      ['['.repeat(8000) + ']'.repeat(8000)],
      ['{"a":'.repeat(2000) + '1' + '}'.repeat(2000)],
      [`{"token":${'9'.repeat(9000)}}`],
      ['{"token":"\\ud800"}'],
      ['{"token":"\\u0000"}'],
      ['\u0000'],
      [Buffer.from([0xff, 0xfe, 0xfd])],
      [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0]), { 'content-encoding': 'gzip' }],
      ['{"token":"x"}', { 'content-type': 'application/json; charset=utf-16' }],
    ];
    for (const [body, headers] of bodies) {
      const answer = await post(body, headers);
      expect(answer.status, String(body).slice(0, 40)).toBe(400);
      expect(['invalid-request', 'invalid-link']).toContain(JSON.parse(answer.text).code);
    }
    expect(world.logs.filter(({ event }) => event === 'request.failed')).toEqual([]);
  });
});

test('every problem has a stable page to stand on, and every type leads there', async () => {
  const world = await startWorld({ workers: false });
  const { text, status } = await send(world.api, '/problems', { headers: HTML });
  expect(status).toBe(200);
  for (const code of Object.keys(PROBLEMS)) expect(text).toContain(`id="${code}"`);
  const { body } = await world.call('GET', '/v1/nowhere');
  expect(body.type).toBe(`${world.env['PUBLIC_URL']}/problems#not-found`);
});
