/** Every key under a prefix with what it holds, as text, whatever its type. */
import type { Redis } from 'ioredis';

export async function allKeys(redis: Redis, prefix: string): Promise<Record<string, string>> {
  const escaped = prefix.replaceAll(/[{}[\]*?]/g, String.raw`\$&`);
  const found: Record<string, string> = {};
  for (const key of (await redis.keys(`${escaped}*`)).toSorted())
    found[key] = JSON.stringify(await read(redis, key));
  return found;
}

async function read(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'zset':
      return redis.zrange(key, '0', '-1', 'WITHSCORES');
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return (await redis.smembers(key)).toSorted();
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return undefined;
  }
}
