import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnRedis, type SpawnedRedis } from '../../demo/redis.ts';
import { readSharedConfig } from '../../src/config.ts';
import { createLog } from '../../src/process/log.ts';
import { answered, checkDurability, openRedis, StoreUnavailable } from '../../src/store/redis.ts';
import { createSubscription } from '../../src/store/subscription.ts';
import { eventually } from '../support/world.ts';

async function startServer(): Promise<SpawnedRedis> {
  const server = await spawnRedis();
  onTestFinished(() => server.stop());
  return server;
}

function open({ url }: { url: string }, kind: 'commands' | 'blocking' | 'subscriber') {
  const config = readSharedConfig({
    REDIS_URL: url,
    SEALING_KEYS: Buffer.alloc(32).toString('base64'),
    AUTH0_DOMAIN: 'tenant.example',
    PUBLIC_URL: 'https://readdress.example',
  });
  const redis = openRedis(config, kind, createLog({ logLevel: 'silent' }, 'test')) as Redis;
  onTestFinished(() => redis.disconnect());
  return redis;
}

const ready = (redis: Redis) => eventually(() => redis.status === 'ready', 'a connection');

describe('a Redis that would lose acknowledged clicks is refused', () => {
  test.each([
    ['it evicts keys', 'maxmemory-policy', 'allkeys-lru', 'maxmemory-policy is allkeys-lru'],
    ['it evicts keys that expire', 'maxmemory-policy', 'volatile-ttl', 'set it to noeviction'],
    ['it keeps nothing on disk', 'appendonly', 'no', 'appendonly is off'],
  ])('since %s', async (_, name, value, why) => {
    const server = await startServer();
    const redis = open(server, 'commands');
    await ready(redis);
    await checkDurability(redis);
    await redis.config('SET', name, value);
    await expect(checkDurability(redis)).rejects.toThrow(why);
  });
});

describe('the connection for commands', () => {
  test('says within a second and a half that Redis is slow or gone, and works again soon after it is back', async () => {
    const server = await startServer();
    const redis = open(server, 'commands');
    await ready(redis);
    const other = open(server, 'commands');
    await ready(other);

    const within = async (ms: number, command: Promise<unknown>) => {
      const from = Date.now();
      await expect(answered(command)).rejects.toThrow(StoreUnavailable);
      expect(Date.now() - from).toBeLessThan(ms);
    };
    await other.client('PAUSE', 2500, 'ALL');
    await within(1500, redis.get('x'));
    await eventually(
      () =>
        redis.get('x').then(
          () => true,
          () => false,
        ),
      'the pause to end',
    );

    await server.kill();
    await within(1500, redis.get('x'));
    await eventually(() => redis.status !== 'ready');
    await within(100, redis.get('x'));

    const again = await spawnRedis({ port: server.port, dir: server.dir });
    onTestFinished(() => again.stop());
    const from = Date.now();
    await eventually(
      () =>
        redis.get('x').then(
          () => true,
          () => false,
        ),
      'an answer',
    );
    expect(Date.now() - from).toBeLessThan(3000);
  });

  test('never sends a command a second time, so that one that was given up is not carried out later', async () => {
    const server = await startServer();
    const redis = open(server, 'commands');
    await ready(redis);
    await server.kill();
    const lost = Array.from({ length: 5 }, () => redis.incr('count').catch(() => 'lost'));
    expect(new Set(await Promise.all(lost))).toEqual(new Set(['lost']));
    const again = await spawnRedis({ port: server.port, dir: server.dir });
    onTestFinished(() => again.stop());
    await ready(redis);
    expect(await redis.get('count')).toBeNull();
  });
});

describe('transitions', () => {
  test('are heard by whoever waits for that change, and by nobody else, until they stop', async () => {
    const server = await startServer();
    const transitions = createSubscription(() => open(server, 'subscriber'), 'changed');
    onTestFinished(() => transitions.close());
    const writer = open(server, 'commands');
    await ready(writer);
    const heard: string[] = [];
    const stop = transitions.listen('a', () => heard.push('first'));
    transitions.listen('a', () => heard.push('second'));
    transitions.listen('b', () => heard.push('b'));
    await eventually(async () => (await writer.publish('changed', 'x')) === 1);
    heard.length = 0;
    await writer.publish('changed', 'a c');
    await eventually(() => heard.length === 2);
    stop();
    await writer.publish('changed', 'a');
    await writer.publish('changed', 'b a');
    await eventually(() => heard.length === 5);
    expect(heard).toEqual(['first', 'second', 'second', 'b', 'second']);
  });

  test('who stops twice does not stop whoever came after', async () => {
    const server = await startServer();
    const transitions = createSubscription(() => open(server, 'subscriber'), 'changed');
    onTestFinished(() => transitions.close());
    const writer = open(server, 'commands');
    await ready(writer);
    let heard = 0;
    const stop = transitions.listen('a', () => undefined);
    stop();
    transitions.listen('a', () => (heard += 1));
    stop();
    await eventually(async () => (await writer.publish('changed', 'a')) === 1 && heard > 0);
    expect(heard).toBeGreaterThan(0);
  });

  test('that were missed while Redis was away are made up for when it is back', async () => {
    const server = await startServer();
    const transitions = createSubscription(() => open(server, 'subscriber'), 'changed');
    onTestFinished(() => transitions.close());
    let calls = 0;
    transitions.listen('a', () => (calls += 1));
    await eventually(() => calls === 1);
    await server.kill();
    const again = await spawnRedis({ port: server.port, dir: server.dir });
    onTestFinished(() => again.stop());
    await eventually(() => calls === 2, 'a call after the reconnection');
    const writer = open(again, 'commands');
    await ready(writer);
    await eventually(async () => (await writer.publish('changed', 'a')) === 1);
    await eventually(() => calls >= 3, 'a call after the next write');
    expect(calls).toBe(3);
  });
});

/** A server that takes what it is sent for Redis' or Sentinel's, and names itself as the master. */
async function startListener() {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      heard += bytes.toString();
      const { port } = server.address() as AddressInfo;
      const place = `*2\r\n$9\r\n127.0.0.1\r\n$${String(port).length}\r\n${port}\r\n`;
      for (const command of bytes.toString().split(/(?<=\r\n)(?=\*\d)/)) {
        if (command.includes('get-master-addr-by-name')) socket.write(place);
        else socket.write(command.includes('sentinels') ? '*0\r\n' : '+OK\r\n');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { at: `127.0.0.1:${(server.address() as AddressInfo).port}`, heard: () => heard };
}

test.each<[string, (at: string) => string]>([
  ['one node', (at) => `redis://ada%40acme:p%2Fss%3A@${at}`],
  ['a Sentinel', (at) => `redis+sentinel://ada%40acme:p%2Fss%3A@${at}/main`],
  ['a Cluster', (at) => `redis://ada%40acme:p%2Fss%3A@${at},redis://ada%40acme:p%2Fss%3A@${at}`],
])('user and password of %s may hold any character, percent-encoded', async (_, urlOf) => {
  const listener = await startListener();
  open({ url: urlOf(listener.at) }, 'commands');
  await eventually(() => listener.heard().includes('ada@acme'), 'the user name');
  expect(listener.heard()).toContain('p/ss:');
  expect(listener.heard()).not.toContain('%40');
});
