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

async function untilReason(world: World, reason: string | undefined): Promise<void> {
  for (const url of [world.api, world.workers!.url])
    await eventually(
      async () => {
        const answer = await fetch(`${url}/readyz`);
        const body = (await answer.json()) as { reason?: string };
        return reason === undefined ? answer.ok : !answer.ok && body.reason === reason;
      },
      `${url}: ${reason ?? 'ready'}`,
    );
}

test('a wrong password is named, and all is well once Redis takes it', async () => {
  const { server, admin } = await startServer();
  await admin.acl('SETUSER', 'u@ser:1', 'on', '>right', '~*', '&*', '+@all');
  const world = await startWorld({ env: { REDIS_URL: urlOf(server, 'u@ser:1', 'wr/ong') } });
  await untilReason(world, 'redis: WRONGPASS');
  await admin.acl('SETUSER', 'u@ser:1', '>wr/ong');
  await untilReason(world, undefined);
});

test('a user who may not run INFO is told so in the log and as the reason', async () => {
  const { server, admin } = await startServer();
  await admin.acl('SETUSER', 'blind', 'on', '>pass', '~*', '&*', '+@all', '-info');
  const world = await startWorld({ env: { REDIS_URL: urlOf(server, 'blind', 'pass') } });
  await untilReason(world, 'redis: NOPERM');
  const told = world.logs.filter(({ event }) => event === 'redis.unchecked');
  expect(told).toHaveLength(2);
  expect(told[0]).toMatchObject({ level: 'error', said: 'NOPERM', needs: ['INFO', 'SCAN'] });
  await admin.acl('SETUSER', 'blind', '+info');
  await untilReason(world, undefined);
});

test('a Redis that takes no more writes makes nobody ready', async () => {
  const { server, admin } = await startServer();
  const world = await startWorld({ env: { REDIS_URL: server.url } });
  await untilReason(world, undefined);
  await admin.config('SET', 'maxmemory', '1');
  await untilReason(world, 'redis: OOM');
  await admin.config('SET', 'maxmemory', '0');
  await untilReason(world, undefined);
});
