/** Whether this process may be given work. Redis decides, and a shutdown ends it. */
import type { RedisClient } from './store/redis.ts';

export type Readiness = {
  /** What is missing, or `undefined` when nothing is. */
  check: () => 'starting' | 'redis' | 'draining' | undefined;
  started: () => void;
  drain: () => void;
};

export function createReadiness(redis: RedisClient): Readiness {
  let state: 'starting' | 'up' | 'draining' = 'starting';
  return {
    check: () => {
      if (state !== 'up') return state;
      return redis.status === 'ready' ? undefined : 'redis';
    },
    started: () => {
      if (state === 'starting') state = 'up';
    },
    drain: () => {
      state = 'draining';
    },
  };
}
