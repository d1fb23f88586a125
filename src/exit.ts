/** The ways a process ends before it works: one clear message, one meaningful exit code. */
import type { Logger } from 'pino';
import { ConfigError, EX_CONFIG } from './config.ts';
import { describeError } from './log.ts';
import { VolatileRedis } from './store/redis.ts';

/** Reads settings, or says all that is wrong with them and exits with EX_CONFIG (78). */
export function exitOnBadConfig<T>(readConfig: () => T): T {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EX_CONFIG);
  }
}

/** A Redis that loses acknowledged clicks is a configuration fault too. */
export const exitOnVolatileRedis = (log: Logger) => (error: unknown) => {
  log.fatal({ event: 'redis.refused', ...describeError(error) });
  if (!(error instanceof VolatileRedis)) throw error;
  process.stderr.write(
    `Redis would lose acknowledged clicks: ${error.message} (ALLOW_VOLATILE_REDIS=1 allows it, for development)\n`,
  );
  process.exit(EX_CONFIG);
};
