/** A Redis that loses acknowledged clicks, or that other keys have sealed, is a fault of the settings too. */
import type { Logger } from 'pino';
import { ConfigError } from '../config.ts';
import { exitOnWrongRedis } from './exit.ts';
import { describeError } from './log.ts';
import type { Readiness } from './readiness.ts';
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

/** With several tenants, keys that do not open what is in Redis stop their own tenant alone. */
export const blockOrExit =
  (log: Logger, readiness: Readiness, several: boolean) =>
  (error: unknown): void => {
    if (!several || !(error instanceof WrongSealingKeys)) return exitOnWrongRedis(log)(error);
    readiness.blocked('sealing keys');
    log.error({ event: 'sealing_keys.wrong', ...describeError(error), wayOut: error.message });
  };
