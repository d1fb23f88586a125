import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished, test } from 'vitest';
import { fetchWhole } from '../../workers/directory/auth0/fetch-whole.ts';

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Collects garbage again and again until the test is over. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const timer = setInterval(gc, 20);
  onTestFinished(() => clearInterval(timer));
}

describe('an answer is whole, or it is an error in time', () => {
  test('a body that stalls is given up, also when the garbage collector has been round, and the connection is closed', async () => {
    collectGarbage();
    const closed: Promise<unknown>[] = [];
    const url = await serve((_, response) => {
      closed.push(once(response, 'close'));
      response.writeHead(200, { 'content-length': 100 }).write('0123456789');
    });
    const all = Array.from({ length: 5 }, () =>
      fetchWhole(url, { method: 'PATCH', body: '{}' }, 400),
    );
    for (const one of all) await expect(one).rejects.toThrow('no answer in 400 ms');
    await Promise.all(closed);
  });

  test('a server that says nothing is given up', async () => {
    collectGarbage();
    const url = await serve(() => {});
    await expect(fetchWhole(url, {}, 200)).rejects.toThrow('no answer in 200 ms');
  });

  test('an endless body is given up before it fills the memory', async () => {
    const url = await serve((_, response) => {
      const chunk = Buffer.alloc(100_000);
      const pour = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    });
    await expect(fetchWhole(url, {}, 5000)).rejects.toThrow('too long');
  });

  test.each([200, 404, 204])('%i comes with its status, headers and body', async (status) => {
    const body = status === 204 ? '' : '{"ok":"ä"}';
    const url = await serve((_, response) => response.writeHead(status, { 'x-a': 'b' }).end(body));
    const response = await fetchWhole(url, {}, 5000);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-a')).toBe('b');
    expect(await response.text()).toBe(body);
  });

  test('a redirect is not followed', async () => {
    const paths: (string | undefined)[] = [];
    const url = await serve(({ url: path }, response) => {
      paths.push(path);
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    await expect(fetchWhole(url, {}, 5000)).rejects.toThrow('a redirect is no answer');
    expect(paths).toEqual(['/']);
  });
});
