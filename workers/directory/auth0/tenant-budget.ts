/**
 * The share of the tenant's rate limit that this deployment may use. Auth0 counts our calls together
 * with the customer's logins, so all processes draw on one budget, it learns from what Auth0 says is
 * left, and after a 429 everybody waits. See docs/decisions/0006-tenant-budget.md for why none of
 * the libraries at hand fits.
 */
import type { Result } from 'ioredis';
import type { WorkerConfig } from '../../../src/config.ts';
import type { Deps } from '../../../src/deps.ts';
import { answered, lua } from '../../../src/store/redis.ts';
import { TenantFault } from './faults.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    budget(keys: number, ...args: string[]): Result<[0 | 1, number], Context>;
  }
}

/** Just under the limit: two clocks never agree, and a 429 costs more than it gains. */
const PRUDENCE = 0.97;
const MAX_PAUSE_MS = 60_000;

export type TenantBudget = ReturnType<typeof createTenantBudget>;

export function createTenantBudget(deps: Deps<WorkerConfig>) {
  const { redis, prefix, config } = deps;
  redis.defineCommand('budget', { lua: lua('budget') });
  const key = `${prefix}:budget`;
  // Less than the tenant's own burst: calls that are held up on their way must not meet it together.
  const burst = Math.max(1, Math.floor(config.callsPerSecond) - 1);
  const rate = [String(1000 / (config.callsPerSecond * PRUDENCE)), String(burst)];
  const ask = (...args: string[]) => answered(redis.budget(1, key, ...args));

  return {
    /** Waits for a turn, at most `maxWaitMs`. @throws {TenantFault} `busy` when the turn is further away */
    async take(maxWaitMs: number): Promise<void> {
      for (let patienceMs = maxWaitMs, open = 0; open === 0;) {
        const [taken, waitMs] = await ask('take', ...rate, String(patienceMs));
        if (taken === 0) throw new TenantFault('busy', { retryAfterMs: waitMs });
        if (waitMs === 0) return;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        patienceMs = Math.max(patienceMs - waitMs, 0);
        // Somebody else may have met a 429 meanwhile: then this turn is void.
        [open] = await ask('look', ...rate);
      }
    },
    /** Reads `x-ratelimit-*` off an answer; on 429 closes the budget until the reset. */
    async learn(status: number, headers: Headers): Promise<void> {
      const remaining = headers.get('x-ratelimit-remaining');
      if (status === 429) await ask('close', ...rate, String(pauseMs(headers, deps.now())));
      // As many as we would use at once are no news.
      else if (remaining !== null && /^\d{1,6}$/.test(remaining) && Number(remaining) < burst)
        await ask('learn', ...rate, remaining);
    },
  };
}

/** How long a 429 asks us to wait, by the tenant's own clock where it shows it. */
export function pauseMs(headers: Headers, now: number): number {
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
  const reset = Number(headers.get('x-ratelimit-reset') ?? Number.NaN);
  const theirNow = Date.parse(headers.get('date') ?? '');
  const wait = Number.isFinite(retryAfter)
    ? retryAfter * 1000
    : reset * 1000 - (Number.isFinite(theirNow) ? theirNow : now);
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 250), MAX_PAUSE_MS) : 1000;
}
