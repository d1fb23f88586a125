/**
 * The pulse of Redis, felt by every process every two seconds and at every connection: what time it is,
 * whether writes are taken, and whether an acknowledged write was lost, as after an older file was put
 * back. What was lost is noted in Redis, for whoever is about to commit (src/domain/restore.ts).
 */
import type { Result } from 'ioredis';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Restored } from '../domain/restore.ts';
import { answered, lua, StoreUnavailable, type RedisClient } from './redis.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    pulse(keys: number, ...args: string[]): Result<[string, 0 | 1], Context>;
  }
}

export type Pulse = ReturnType<typeof feelPulse>;

const EVERY_MS = 2000;
/** By then every process that was connected to a Redis before its restart has felt it again. */
const STEADY_MS = 3000;

export function feelPulse(
  redis: RedisClient,
  clock: Clock,
  { prefix, process, log }: { prefix: string; process: string; log: Logger },
) {
  redis.defineCommand('pulse', { lua: lua('pulse') });
  const lostKey = `${prefix}:lost`;
  const gapsKey = `${prefix}:gaps`;
  const receiverKey = `${prefix}:receiver`;
  let receiver = false;
  let remembered = 0;
  let trouble: string | undefined;
  let steadyAt = Infinity;

  const ask = async (startedMs = -1) => {
    const askedAt = clock.monotonic();
    const args = [clock.shiftMs(), process, remembered, startedMs].map(String);
    const [now, lost] = await redis.pulse(3, `${prefix}:pulse`, lostKey, gapsKey, ...args);
    clock.learn(Number(now), askedAt);
    if (lost === 1) log.error({ event: 'store.lost_writes' });
  };
  const feel = async () => {
    if (redis.status !== 'ready') return;
    try {
      const [, known] = await Promise.all([ask(), redis.exists(receiverKey)]);
      receiver = known === 1;
      trouble = undefined;
    } catch (error) {
      trouble = wordOf(error) ?? trouble;
    }
  };
  /** 0 when this user may not ask. */
  const uptimeMs = () =>
    redis.info('server').then(
      (info) => 1000 * Number(/uptime_in_seconds:(\d+)/.exec(info)?.[1] ?? 0),
      () => 0,
    );
  const connected = async () => {
    trouble = undefined;
    await feel();
    steadyAt = clock.monotonic() + Math.max(0, STEADY_MS - (await uptimeMs()));
  };
  const timer = setInterval(() => void feel(), EVERY_MS).unref();
  redis.on('ready', () => void connected());
  redis.on('close', () => {
    steadyAt = Infinity;
  });
  redis.on('error', (error: Error) => {
    trouble = wordOf(error) ?? trouble;
  });
  redis.on('end', () => clearInterval(timer));

  return {
    /** The name under which this process's writes are remembered. */
    process,
    /** A write of this time was acknowledged. */
    wrote: (at: number): void => {
      remembered = Math.max(remembered, at);
    },
    /** What Redis says is wrong, in its own word: `WRONGPASS`, `OOM`, `NOPERM`. */
    trouble: () => trouble,
    /** Redis refused something that this process cannot do without. */
    refused: (error: unknown): void => {
      trouble = wordOf(error) ?? trouble;
    },
    /**
     * Whether what cannot be taken back may be done: not before this connection was felt, nor in the first
     * moments of a Redis that has just started, when others may still find out what it lost.
     */
    isSteady: (): boolean => clock.monotonic() >= steadyAt,
    /** What is known of lost writes. @throws {StoreUnavailable} */
    async readRestored(): Promise<Restored> {
      const [lostAt, gaps] = await answered(
        Promise.all([redis.get(lostKey), redis.lrange(gapsKey, 0, -1)]),
      );
      return {
        lostAt: Number(lostAt ?? 0),
        gaps: gaps.map((gap) => {
          const [from = 0, to = 0] = gap.split(' ').map(Number);
          return { from, to };
        }),
      };
    },
    /** A worker starts: notes since when nobody wrote, if Redis was restarted meanwhile. @throws {StoreUnavailable} */
    noteStart: async (): Promise<void> => {
      // The time that a test passes, Redis has run through as well.
      await answered(ask((await uptimeMs()) + clock.shiftMs()));
    },
    /** Whether the workers have a webhook to tell: then events are due, whatever this process is set to. */
    hasReceiver: () => receiver,
    /** The workers say whether they have one. @throws {StoreUnavailable} */
    async noteReceiver(has: boolean): Promise<void> {
      await answered<unknown>(has ? redis.set(receiverKey, '1') : redis.del(receiverKey));
      receiver = has;
    },
    /** Notes that nothing from before this moment is to be trusted. @throws {StoreUnavailable} */
    async noteLost(at: number): Promise<void> {
      await answered(redis.set(lostKey, String(at)));
    },
  };
}

/** Redis' own word at the start of an error, if it was Redis that said it. */
function wordOf(error: unknown): string | undefined {
  const told = error instanceof StoreUnavailable ? error.cause : error;
  return told instanceof Error ? /^[A-Z]{3,}(?= |$)/.exec(told.message)?.[0] : undefined;
}
