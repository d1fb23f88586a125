/** The ways a process ends: one clear message, one meaningful exit code, and nothing cut short. */
import closeWithGrace from 'close-with-grace';
import type { Logger } from 'pino';
import { ConfigError, EX_CONFIG, isRunByNpm, readDotEnv } from '../config.ts';
import { describeError } from './log.ts';
import { WrongSealingKeys } from '../store/canary.ts';
import { VolatileRedis } from '../store/redis.ts';

/** Reads settings, `.env` included, or says all that is wrong with them and exits with EX_CONFIG (78). */
export function exitOnBadConfig<T>(readConfig: () => T): T {
  try {
    readDotEnv();
    return readConfig();
  } catch (error) {
    return exitWith(error);
  }
}

/** Opens what the settings ask for and this installation may not have, or exits in the same way. */
export const orExitOnBadConfig = <T>(opening: Promise<T>): Promise<T> => opening.catch(exitWith);

function exitWith(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(EX_CONFIG);
}

/** A Redis that loses acknowledged clicks, or that other keys have sealed, is a fault of the settings too. */
export const exitOnWrongRedis = (log: Logger) => (error: unknown) => {
  if (error instanceof VolatileRedis) {
    log.fatal({ event: 'redis.refused', ...describeError(error) });
    process.stderr.write(
      `Redis would lose acknowledged clicks: ${error.message} (ALLOW_VOLATILE_REDIS=1 allows it, for development)\n`,
    );
  } else if (error instanceof WrongSealingKeys) {
    log.error({ event: 'sealing_keys.wrong', ...describeError(error), wayOut: error.message });
    process.stderr.write(`${error.message}\n`);
  } else throw error;
  process.exit(EX_CONFIG);
};

/**
 * Closes on SIGTERM, Ctrl-C or a fault nobody caught, within the grace period, then exits. A signal
 * that comes twice is one signal: a terminal sends Ctrl-C to npm and to us, and npm passes it on.
 * A `door` is not ready from the first signal on, and still open for a while (DRAIN_DELAY).
 */
export function closeOnExit(
  graceMs: number,
  close: (error?: Error) => Promise<void>,
  door?: { drainDelayMs: number; drain: () => void },
): void {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const delay = graceMs - (door?.drainDelayMs ?? 0);
  const grace = closeWithGrace({ delay, logger: false, skip: [...signals] }, ({ err }) =>
    close(err),
  );
  if (isRunByNpm()) endWithParent();
  let closing = false;
  for (const signal of signals)
    process.on(signal, () => {
      if (closing) return;
      closing = true;
      // Until a load balancer has seen that we are not ready, it sends us requests; we serve them.
      const delayMs = signal === 'SIGTERM' && door ? door.drainDelayMs : 0;
      door?.drain();
      setTimeout(() => grace.close(), delayMs);
    });
}

/** npm hands no SIGTERM on: when the npm that runs us is gone, we would go on alone. */
function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM');
  }, 500).unref();
}
