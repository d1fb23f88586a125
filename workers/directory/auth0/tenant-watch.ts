/**
 * Raises the alarm when the tenant has served no call for long, be it that it is away or that it says
 * "too many" for ever. Each task waits on its own, so nothing else would tell.
 */
import type { Deps } from '../../../src/deps.ts';

const LONG_MS = 10 * 60_000;

export function createTenantWatch({ log, now }: Pick<Deps, 'log' | 'now'>) {
  let unservedSince: number | undefined;
  let alarmedAt = -Infinity;
  return {
    /** The tenant understood a call and decided on it. */
    served(): void {
      unservedSince = undefined;
    },
    failed(why: string): void {
      const at = now();
      unservedSince ??= at;
      if (at - Math.max(unservedSince, alarmedAt) < LONG_MS) return;
      alarmedAt = at;
      log.error({ event: 'tenant.unwell', why, unservedMs: at - unservedSince });
    },
  };
}
