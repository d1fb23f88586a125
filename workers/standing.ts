/**
 * How many of the accounts seen so far have an address that the tenant calls verified. A tenant whose
 * users are mostly unverified would give most of them a change that their old mailbox can not stop:
 * its operator should know (docs/decisions/0010-standing.md).
 */
import type { WorkerConfig } from '../src/config.ts';
import type { Deps } from '../src/deps.ts';
import { answered } from '../src/store/redis.ts';

/** Fewer say nothing about a tenant. */
const FEW = 20;

export type StandingWatch = ReturnType<typeof createStandingWatch>;

export function createStandingWatch({ redis, prefix, config, log }: Deps<WorkerConfig>) {
  const key = `${prefix}:standing`;
  return {
    async count(isVerified: boolean): Promise<void> {
      await answered(redis.hincrby(key, isVerified ? 'verified' : 'unverified', 1));
    },
    /** Says so, once per start, when most were unverified. */
    async warn(): Promise<void> {
      const seen = await answered(redis.hmget(key, 'verified', 'unverified'));
      const [verified = 0, unverified = 0] = seen.map(Number);
      if (config.trustsUnverified || verified + unverified < FEW || unverified <= verified) return;
      log.warn({
        event: 'config.mostly_unverified',
        verified,
        unverified,
        why: 'most accounts have an unverified address: their old mailbox can stop and undo nothing (UNVERIFIED_MAILBOX)',
      });
    },
  };
}
