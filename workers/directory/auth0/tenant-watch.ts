/**
 * Raises the alarm when the tenant has served no call for long, be it that it is away or that it says
 * "too many" for ever. Every task waits patiently on its own, so that nobody else would tell.
 */
import type { Deps } from '../../../src/deps.ts';

export type TenantWatch = {
  /** The tenant understood a call and decided on it. */
  served(): void;
  failed(why: string): void;
};

const LONG_MS = 10 * 60_000;

export function createTenantWatch({ log, now }: Pick<Deps, 'log' | 'now'>): TenantWatch {
  let unservedSince: number | undefined;
  let alarmedAt = -Infinity;
  return {
    served() {
      unservedSince = undefined;
    },
    failed(why) {
      const at = now();
      unservedSince ??= at;
      if (at - Math.max(unservedSince, alarmedAt) < LONG_MS) return;
      alarmedAt = at;
      log.error({ event: 'tenant.unwell', why, unservedMs: at - unservedSince });
    },
  };
}
