import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/world.ts';
import { startFaultProxy } from './fault-proxy.ts';

/** A server that keeps what it hears and answers with the same in capitals, behind a proxy. */
async function behindProxy() {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      heard.push(String(bytes));
      socket.write(String(bytes).toUpperCase());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startFaultProxy((server.address() as AddressInfo).port);
  onTestFinished(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const dial = async () => {
    const socket = connect(proxy.port, '127.0.0.1');
    let answered = '';
    let closed = false;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => (answered += String(bytes)));
    socket.on('close', () => (closed = true));
    socket.on('end', () => (closed = true));
    await once(socket, 'connect');
    return {
      say: (text: string) => void socket.write(text),
      answered: () => answered,
      closed: () => closed,
    };
  };
  return { heard, proxy, dial };
}

test('what is said arrives, and so does what is answered', async () => {
  const { dial } = await behindProxy();
  const caller = await dial();
  caller.say('a');
  caller.say('b');
  expect(await eventually(() => caller.answered() === 'AB')).toBe(true);
});

test('replies are swallowed after the request was carried out, and then the connection ends', async () => {
  const { dial, heard, proxy } = await behindProxy();
  const caller = await dial();
  caller.say('a');
  await eventually(() => caller.answered() === 'A');
  proxy.swallowReplies(100);
  caller.say('b');
  await eventually(() => heard.includes('b'));
  await eventually(() => caller.closed());
  expect(caller.answered()).toBe('A');
  const next = await dial();
  next.say('c');
  await eventually(() => next.answered() === 'C');
});

test('a black hole keeps the connection and lets nothing through, until it is healed', async () => {
  const { dial, heard, proxy } = await behindProxy();
  const caller = await dial();
  await eventually(() => proxy.open === 1);
  proxy.blackHole();
  caller.say('a');
  await sleep(100);
  expect([heard, caller.answered(), caller.closed()]).toEqual([[], '', false]);
  proxy.heal();
  await eventually(() => caller.closed());
});

test('a pause holds everything back and loses nothing; a delay only slows', async () => {
  const { dial, heard, proxy } = await behindProxy();
  const caller = await dial();
  proxy.pause();
  caller.say('a');
  await sleep(100);
  expect(heard).toEqual([]);
  proxy.resume();
  await eventually(() => caller.answered() === 'A');
  proxy.delay(50);
  const startedAt = performance.now();
  caller.say('b');
  await eventually(() => caller.answered() === 'AB');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99);
});

test('a cut, a half-close and a refusal end connections, and new ones work after it', async () => {
  const { dial, proxy } = await behindProxy();
  for (const strike of [() => proxy.cut(), () => proxy.halfClose()]) {
    const caller = await dial();
    await eventually(() => proxy.open > 0);
    strike();
    await eventually(() => caller.closed());
  }
  proxy.refuse(true);
  await dial().then(
    (refused) => eventually(() => refused.closed()),
    () => undefined,
  );
  proxy.heal();
  const next = await dial();
  next.say('d');
  expect(await eventually(() => next.answered() === 'D')).toBe(true);
});
