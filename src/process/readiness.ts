/** Whether this process may be given work. Redis decides, and a shutdown ends it. */
import type { Clock } from '../clock.ts';
import type { Pulse } from '../store/pulse.ts';
import type { RedisClient } from '../store/redis.ts';

export type Readiness = {
  /** What is missing, with Redis' own word where it said one; `undefined` when nothing is. */
  check: () => string | undefined;
  /** What to look at although the process is ready. */
  notes: () => { clockSkewMs?: number };
  started: () => void;
  /** Something that this process needs is wrong, and it can not mend it. */
  blocked: (reason: string) => void;
  drain: () => void;
};

/** A wall clock that is further off than this is told. */
const MAX_SKEW_MS = 5000;

export function createReadiness({
  redis,
  pulse,
  clock,
}: {
  redis: RedisClient;
  pulse: Pulse;
  clock: Clock;
}): Readiness {
  let state: 'starting' | 'up' | 'draining' = 'starting';
  let reason: string | undefined;
  return {
    check: () => {
      if (state === 'draining') return state;
      const trouble = pulse.trouble();
      if (trouble !== undefined) return `redis: ${trouble}`;
      if (reason !== undefined) return reason;
      if (state === 'starting') return state;
      return redis.status === 'ready' ? undefined : 'redis';
    },
    notes: () => {
      const clockSkewMs = Math.round(clock.skewMs());
      return Math.abs(clockSkewMs) > MAX_SKEW_MS ? { clockSkewMs } : {};
    },
    started: () => {
      if (state === 'starting') state = 'up';
    },
    blocked: (why) => {
      reason = why;
    },
    drain: () => {
      state = 'draining';
    },
  };
}
