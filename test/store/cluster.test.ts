import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { spawnRedis } from '../../demo/redis.ts';
import { eventually, startWorld, tokenIn } from '../support/world.ts';
import { ask, click, commit, invite, untilStatus } from '../workers/steps.ts';

/** One node that owns every slot: alone, but as strict about slots as any cluster. */
async function startOneNodeCluster(): Promise<{ url: string; redis: Redis }> {
  const dir = mkdtempSync(join(tmpdir(), 'readdress-cluster-'));
  const binary = join(dir, 'redis-cluster-node');
  writeFileSync(binary, '#!/bin/sh\nexec redis-server "$@" --cluster-enabled yes\n');
  chmodSync(binary, 0o755);
  const server = await spawnRedis({ binary });
  const redis = new Redis(server.url);
  onTestFinished(async () => {
    redis.disconnect();
    await server.stop();
    rmSync(dir, { recursive: true });
  });
  await redis.cluster('ADDSLOTSRANGE', 0, 16_383);
  await eventually(async () => (await redis.cluster('INFO')).includes('cluster_state:ok'));
  return { url: server.url, redis };
}

test('everything that a tenant ever stores lies in one slot, so that no script of ours or of BullMQ crosses slots', async () => {
  const { url, redis } = await startOneNodeCluster();
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const world = await startWorld({
    env: {
      REDIS_URL: url,
      WEBHOOK_URL: 'http://127.0.0.1:9/',
      WEBHOOK_SECRETS: secret,
      REVOKE: 'all',
    },
  });
  await eventually(async () => (await fetch(`${world.api}/readyz`)).ok);

  // A life: committed and undone, canceled, resent, refused by a mailbox, rejected, and never read.
  const done = await commit(world);
  const mail = await world.inbox.waitFor((m) => m.messageId.startsWith(`<${done.id}.mail.changed`));
  await click(world, tokenIn(mail.text, 'undo'), 'undo');
  await untilStatus(world, done, 'undone');
  const withdrawn = await invite(world, { email: 'w@example.com', to: 'w@example.org' });
  await world.call('DELETE', `/v1/email-changes/${withdrawn.id}`, { token: withdrawn.token });
  await untilStatus(world, withdrawn, 'canceled');
  const rejected = await ask(world, { email: 'same@example.com', to: 'same@example.com' });
  await untilStatus(world, rejected, 'rejected');
  await redis.zadd(`${world.prefix}:due`, 1, 'juggle');
  await eventually(async () => (await redis.exists(`${world.prefix}:parked`)) === 1);

  const keys = await redis.keys('*');
  expect(keys.length).toBeGreaterThan(20);
  const kinds = ['change', 'user', 'due', 'lane', 'epoch', 'audit', 'parked', 'budget'];
  for (const kind of [
    ...kinds,
    'management-token',
    'limit-user',
    'tenant',
    'mail',
    'event',
    'upkeep',
  ])
    expect(
      keys.some((key) => key.startsWith(`${world.prefix}:${kind}`)),
      kind,
    ).toBe(true);
  const slots = await Promise.all(keys.map((key) => redis.cluster('KEYSLOT', key)));
  expect(new Set(slots).size).toBe(1);
  const errors = world.logs.filter(
    ({ event, level }) => event !== 'task.parked' && level === 'error',
  );
  expect(errors).toEqual([]);
});
