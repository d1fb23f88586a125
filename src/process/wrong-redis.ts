/** A Redis that loses acknowledged clicks, or that other keys have sealed, is a fault of the settings too. */
import { ConfigError } from '../config.ts';
import { WrongSealingKeys } from '../store/canary.ts';
import { VolatileRedis } from '../store/redis.ts';

/** The error as a host is told it. */
export function wrongRedis(error: unknown): unknown {
  if (error instanceof VolatileRedis)
    return new ConfigError([
      `REDIS_URL: Redis would lose acknowledged clicks: ${error.message} (ALLOW_VOLATILE_REDIS=1 allows it, for development)`,
    ]);
  if (error instanceof WrongSealingKeys) return new ConfigError([error.message]);
  return error;
}
