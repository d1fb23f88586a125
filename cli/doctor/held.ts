/** What Redis holds of this tenant: whether our keys open it, and whether work lies about. */
import { Cluster } from 'ioredis';
import { createClock } from '../../src/clock.ts';
import type { Config } from '../../src/config.ts';
import { createSealer, type Sealer } from '../../src/seal.ts';
import { isKnown, WrongSealingKeys } from '../../src/store/canary.ts';
import { keysOf, type Keys } from '../../src/store/keys.ts';
import { createOutbox } from '../../src/store/outbox.ts';
import type { RedisClient } from '../../src/store/redis.ts';
import { failure, nameOf, ok, skipped, warning, type Finding } from './finding.ts';

export async function checkHeld(
  redis: RedisClient,
  prefix: string,
  config: Config,
): Promise<Finding[]> {
  // It opens and seals nothing.
  const sealer = createSealer(config.sealingKeys, () => Buffer.alloc(0));
  const keys = keysOf(prefix, sealer);
  return [...(await sealed(redis, keys, sealer)), ...(await waiting(redis, keys))];
}

async function sealed(redis: RedisClient, keys: Keys, sealer: Sealer): Promise<Finding[]> {
  try {
    if (await isKnown(redis, sealer, keys))
      return [ok('redis.canary', 'SEALING_KEYS open what is in Redis', 'SEALING_KEYS')];
  } catch (error) {
    if (error instanceof WrongSealingKeys)
      return [
        failure(
          'redis.canary',
          'SEALING_KEYS',
          'do not open what is in Redis',
          'Add the key that sealed it, or use another REDIS_URL or AUTH0_DOMAIN.',
        ),
      ];
    return [skipped('redis.canary', `could not be read: ${nameOf(error)}`)];
  }
  const node = redis instanceof Cluster ? redis.nodes('master')[0]! : redis;
  const [, others] = await node
    .scan('0', 'MATCH', 'readdress:{*}:canary', 'COUNT', 1000)
    .catch((): [string, string[]] => ['0', []]);
  return others.length > 0
    ? [
        warning(
          'redis.canary',
          'AUTH0_DOMAIN',
          'Redis holds another tenant, and nothing of this one',
          'Is AUTH0_DOMAIN the same everywhere?',
        ),
      ]
    : [ok('redis.canary', 'Redis holds nothing of this tenant yet', 'SEALING_KEYS')];
}

/** Work that lies about says that something else is wrong. */
async function waiting(redis: RedisClient, keys: Keys): Promise<Finding[]> {
  const clock = createClock();
  const backlog = await createOutbox(redis, keys, clock)
    .backlog(Date.now())
    .catch(() => undefined);
  if (!backlog) return [];
  const found: Finding[] = [];
  if (backlog.parked > 0)
    found.push(
      warning(
        'tasks.parked',
        'redis',
        `${backlog.parked} tasks are parked`,
        'readdress parked says why; then readdress replay all.',
      ),
    );
  if (backlog.oldestMs > 60_000)
    found.push(
      warning(
        'tasks.overdue',
        'workers',
        `a task has waited for ${Math.round(backlog.oldestMs / 1000)} s`,
        'Are the workers started?',
      ),
    );
  return found;
}
