/** Whether this process may be given work. Redis decides, and a shutdown ends it. */
import type { Deps } from '../deps.ts';

export type Readiness = ReturnType<typeof createReadiness>;

/** A wall clock that is further off than this is told. */
const MAX_SKEW_MS = 5000;

export function createReadiness({ redis, pulse, clock }: Pick<Deps, 'redis' | 'pulse' | 'clock'>) {
  let state: 'starting' | 'up' | 'draining' = 'starting';
  let reason: string | undefined;
  return {
    /** What is missing, with Redis' own word where it said one; `undefined` when nothing is. */
    check: (): string | undefined => {
      if (state === 'draining') return state;
      const trouble = pulse.trouble();
      if (trouble !== undefined) return `redis: ${trouble}`;
      if (reason !== undefined) return reason;
      if (state === 'starting') return state;
      return redis.status === 'ready' ? undefined : 'redis';
    },
    /** Whether nothing may be answered at all: the end has begun, or what Redis holds is not for this process. */
    isShut: (): boolean => state === 'draining' || reason !== undefined,
    /** What to look at although the process is ready. */
    notes: (): { clockSkewMs?: number } => {
      const clockSkewMs = Math.round(clock.skewMs());
      return Math.abs(clockSkewMs) > MAX_SKEW_MS ? { clockSkewMs } : {};
    },
    started: () => {
      if (state === 'starting') state = 'up';
    },
    /** Something that this process needs is wrong, and it can not mend it. */
    blocked: (why: string) => {
      reason = why;
    },
    drain: () => {
      state = 'draining';
    },
  };
}

/** Of a process that serves several tenants: one of them that is not ready keeps nobody from the others. */
export const readinessOf = (all: readonly Readiness[]): Pick<Readiness, 'check' | 'notes'> => ({
  check: () => {
    const reasons = all.map((one) => one.check());
    return reasons.includes(undefined) ? undefined : reasons[0];
  },
  notes: () => all[0]?.notes() ?? {},
});
