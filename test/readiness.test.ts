/** Why a process is not ready, in Redis' own word: an operator must not have to guess. */
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { spawnRedis } from '../demo/redis.ts';
import { eventually, startWorld, type World } from './support/world.ts';

async function startServer() {
  const server = await spawnRedis();
  const admin = new Redis(server.url);
  onTestFinished(async () => {
    admin.disconnect();
    await server.stop();
  });
  return { server, admin };
}

const urlOf = ({ port }: { port: number }, user: string, password: string) =>
  `redis://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}`;

async function reasonIs(world: World, reason: string | undefined): Promise<boolean> {
  for (const url of [world.api, world.workers!.url])
    await eventually(
      async () => {
        const answer = await fetch(`${url}/readyz`);
        const body = (await answer.json()) as { reason?: string };
        return reason === undefined ? answer.ok : !answer.ok && body.reason === reason;
      },
      `${url}: ${reason ?? 'ready'}`,
    );
  return true;
}

test('a slip in the name of a setting is told at start, by both processes', async () => {
  const world = await startWorld({ env: { CORS_ORIGIN: 'https://app.acme.example' } });
  expect(world.logs.filter(({ event }) => event === 'config.misspelt')).toMatchObject([
    { level: 'warn', role: 'api', name: 'CORS_ORIGIN', meant: 'CORS_ORIGINS' },
    { level: 'warn', role: 'workers', name: 'CORS_ORIGIN', meant: 'CORS_ORIGINS' },
  ]);
});

test('a wrong password is named, and all is well once Redis takes it', async () => {
  const { server, admin } = await startServer();
  await admin.acl('SETUSER', 'u@ser:1', 'on', '>right', '~*', '&*', '+@all');
  const world = await startWorld({ env: { REDIS_URL: urlOf(server, 'u@ser:1', 'wr/ong') } });
  expect(await reasonIs(world, 'redis: WRONGPASS')).toBe(true);
  await admin.acl('SETUSER', 'u@ser:1', '>wr/ong');
  expect(await reasonIs(world, undefined)).toBe(true);
});

test('a user who may not run INFO is told so in the log and as the reason', async () => {
  const { server, admin } = await startServer();
  await admin.acl('SETUSER', 'blind', 'on', '>pass', '~*', '&*', '+@all', '-info');
  const world = await startWorld({ env: { REDIS_URL: urlOf(server, 'blind', 'pass') } });
  expect(await reasonIs(world, 'redis: NOPERM')).toBe(true);
  const told = world.logs.filter(({ event }) => event === 'redis.unchecked');
  expect(told).toHaveLength(2);
  expect(told[0]).toMatchObject({ level: 'error', said: 'NOPERM', needs: ['INFO', 'SCAN'] });
  await admin.acl('SETUSER', 'blind', '+info');
  expect(await reasonIs(world, undefined)).toBe(true);
});

test('a Redis that takes no more writes makes nobody ready', async () => {
  const { server, admin } = await startServer();
  const world = await startWorld({ env: { REDIS_URL: server.url } });
  expect(await reasonIs(world, undefined)).toBe(true);
  await admin.config('SET', 'maxmemory', '1');
  expect(await reasonIs(world, 'redis: OOM')).toBe(true);
  await admin.config('SET', 'maxmemory', '0');
  expect(await reasonIs(world, undefined)).toBe(true);
});
