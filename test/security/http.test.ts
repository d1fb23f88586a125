/** HTTP as attackers write it: too much, too slow, ambiguous, or cut off. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { SECURITY_HEADERS } from '../../src/http/plugins/security-headers.ts';
import { ask, comparable, newUser, parseAnswer, send, sendBytes } from '../support/wire.ts';
import { eventually, startWorld, type World } from '../support/world.ts';

const CURRENT = '/v1/email-changes/current';
const faults = ({ logs }: World) =>
  logs.filter(({ event }) => event === 'request.failed' || event === 'request.unavailable');

/** A request that never ends by itself: its bytes come one by one. Resolves with the answer. */
async function trickle(world: World, head: string, everyMs: number): Promise<string> {
  const { hostname, port } = new URL(world.api);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk)));
  socket.write(head);
  const timer = setInterval(() => socket.write('a'), everyMs);
  await once(socket, 'close');
  clearInterval(timer);
  return answer;
}

describe('too much', () => {
  test('a hundred headers are taken, one more is a 431, and so are thousands', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    // With Host, Authorization and Connection.
    const look = (more: number) =>
      send(world.api, CURRENT, {
        headers: [
          'host',
          'x',
          'authorization',
          `Bearer ${token}`,
          'connection',
          'close',
          ...Array.from({ length: more }, (_, i) => [`x${i}`, '1']).flat(),
        ],
      });
    expect((await look(97)).status).toBe(404);
    for (const more of [98, 2000]) {
      const answer = await look(more);
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([431, 'headers-too-large']);
      expect(answer.headers).toMatchObject(SECURITY_HEADERS);
    }
    const flood = `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${'a:b\r\n'.repeat(5000)}\r\n`;
    expect(parseAnswer(await sendBytes(world.api, flood)).status).toBe(431);
    expect((await world.call('GET', '/livez')).status).toBe(200);
  });
});

describe('too slow', () => {
  test(
    'headers, a body and chunks that only trickle in are a 408 soon after ten seconds, and hold up nobody',
    { timeout: 40_000 },
    async () => {
      const world = await startWorld({ workers: false });
      const startedAt = performance.now();
      const json = 'Host: x\r\nContent-Type: application/json\r\n';
      const slow = [
        'GET /livez HTTP/1.1\r\nHost: x\r\nX: ',
        `POST /v1/confirm HTTP/1.1\r\n${json}Content-Length: 4000\r\n\r\n{"token":"`,
        `POST /confirm HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\ntoken=`,
        `POST /v1/confirm HTTP/1.1\r\n${json}Transfer-Encoding: chunked\r\n\r\nfff\r\n{"token":"`,
      ].flatMap((head) => Array.from({ length: 10 }, () => trickle(world, head, 500)));
      const others: number[] = [];
      for (let i = 0; i < 40; i += 1) {
        const at = performance.now();
        await world.call('GET', '/livez');
        others.push(performance.now() - at);
        await Promise.race([Promise.all(slow), new Promise((resolve) => setTimeout(resolve, 200))]);
      }
      const answers = await Promise.all(slow);

      for (const bytes of answers) {
        const answer = parseAnswer(bytes);
        expect([answer.status, JSON.parse(answer.text).code]).toEqual([408, 'request-timeout']);
        expect(answer.headers).toMatchObject({ ...SECURITY_HEADERS, connection: 'close' });
      }
      const tookMs = performance.now() - startedAt;
      expect(tookMs).toBeGreaterThan(9900);
      expect(tookMs).toBeLessThan(15_000);
      expect(others.toSorted((a, b) => a - b)[Math.floor(others.length / 2)]).toBeLessThan(100);
      expect(faults(world)).toEqual([]);
    },
  );

  test('a client that leaves in the middle of its body is no fault of ours', async () => {
    const world = await startWorld({ workers: false });
    const { hostname, port } = new URL(world.api);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /v1/confirm HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"token":',
      () => socket.destroy(),
    );
    await once(socket, 'close');
    // The server has seen the end of that connection before it answers on a newer one.
    for (let i = 0; i < 3; i += 1) await world.call('GET', '/livez');
    expect(faults(world)).toEqual([]);
  });
});

describe('two meanings', () => {
  test('no Host or two of them are a 400, whatever they say; HTTP/1.0 needs none', async () => {
    const world = await startWorld({ workers: false });
    const get = async (hosts: string, version = '1.1') =>
      parseAnswer(
        await sendBytes(
          world.api,
          `GET /livez HTTP/${version}\r\n${hosts}Connection: close\r\n\r\n`,
        ),
      );
    for (const hosts of [
      '',
      'Host: a\r\nHost: b\r\n',
      'Host: a\r\nhost: a\r\n',
      'Host: a\r\nX: 1\r\nHOST: \r\n',
    ]) {
      const { status, text, headers } = await get(hosts);
      expect([status, JSON.parse(text).code], hosts).toEqual([400, 'invalid-request']);
      expect(headers, hosts).toMatchObject(SECURITY_HEADERS);
    }
    for (const hosts of [
      'Host: a\r\n',
      'Host: evil.example\r\n',
      'Host:\r\n',
      'Host: [::1]:3000\r\n',
    ])
      expect((await get(hosts)).status, hosts).toBe(200);
    expect((await get('', '1.0')).status).toBe(200);
  });

  test('the host in a request target decides nothing (RFC 9112 §3.2.2)', async () => {
    const world = await startWorld({ workers: false });
    const [plain, absolute, doubled] = await Promise.all(
      ['/nowhere', 'http://evil.example/nowhere', '//evil.example/livez'].map((path) =>
        send(world.api, path),
      ),
    );
    expect((await send(world.api, 'http://evil.example/livez')).status).toBe(200);
    expect(comparable(absolute!)).toEqual(comparable(plain!));
    expect(comparable(doubled!)).toEqual(comparable(plain!));
    expect(absolute!.text).not.toContain('evil.example');
  });

  test('an expectation that nobody knows is ignored, and one that everybody knows is met', async () => {
    const world = await startWorld({ workers: false });
    for (const expectation of ['100-continue', 'the unexpected']) {
      const answer = await send(world.api, '/v1/confirm', {
        method: 'POST',
        headers: { expect: expectation, 'content-type': 'application/json', connection: 'close' },
        body: '{"token":"x"}',
      });
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([400, 'invalid-link']);
    }
  });

  test('a form with two tokens has none', async () => {
    const world = await startWorld({ workers: false });
    for (const body of ['token=a&token=b', 'token[]=a', 'token[0]=a', 'token.x=a', '__proto__=a'])
      expect(
        (
          await send(world.api, '/confirm', {
            method: 'POST',
            headers: {
              'content-type': 'application/x-www-form-urlencoded',
              'content-length': body.length,
            },
            body,
          })
        ).status,
        body,
      ).toBe(400);
    expect(faults(world)).toEqual([]);
  });
});

test('rubbish behind a request whose answer has begun cuts it off, and is never part of it', async () => {
  const world = await startWorld({ workers: false });
  const { token } = await newUser(world);
  const { body: change } = await ask(world, token, 'new@example.org');
  const { hostname, port } = new URL(world.api);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk)));
  socket.on('error', () => undefined);
  socket.write(
    `GET /v1/email-changes/${change.id}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  await eventually(() => answer.includes('event: change'));
  socket.write('RUBBISH\r\n\r\n');
  await once(socket, 'close');
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  expect(answer).not.toContain('invalid-request');
});
