/** Closing: answers under way are given, everything else ends at once. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { askAndReadMail, confirm, newUser, send } from '../../support/wire.ts';
import { startWorld, type World } from '../../support/world.ts';

const SOON_MS = 2000;

async function open(world: World, bytes = ''): Promise<Socket> {
  const { hostname, port } = new URL(world.api);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

const GET = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';

test('a connection on which nothing, half a request or nothing more was sent does not hold the process', async () => {
  const world = await startWorld({ workers: false });
  await open(world);
  await open(world, 'GET / HT');
  await open(world, 'POST /v1/confirm HTTP/1.1\r\nHost: x\r\nContent-Ty');
  for (const more of ['', 'GET /livez HT', 'POST /v1/confirm HTTP/1.1\r\nHost: x\r\n']) {
    const kept = await open(world, GET);
    await once(kept, 'data');
    kept.write(more);
  }
  // The server has seen them all when a later one is answered.
  expect((await send(world.api, '/livez')).status).toBe(200);
  const startedAt = performance.now();
  await world.close();
  expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
});

test('an answer under way is still given, and its connection ends with it', async () => {
  const world = await startWorld();
  const change = await askAndReadMail(world, await newUser(world), 'new@example.org');
  let answer = (): void => undefined;
  const until = new Promise<void>((resolve) => (answer = resolve));
  onTestFinished(() => answer());
  const { struck } = world.tenant.faults.add({
    kind: 'hold',
    until,
    match: { path: '/api/v2/users/' },
  });

  // Waits for an outcome that does not come before the end of the process.
  const waiting = confirm(world, change.confirm, { prefer: 'wait=60' });
  await struck;
  const startedAt = performance.now();
  const closed = world.close();
  const { status, body, headers } = await waiting;
  expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
  expect([status, body]).toEqual([202, { status: 'confirmed' }]);
  expect(headers.get('preference-applied')).toBe('wait=15');
  answer();
  await closed;
  expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
});
