/** Every key of the store. All of a tenant's share one hash tag, so that all works on Redis Cluster. */
import type { Sealer } from '../seal.ts';
import type { Lane } from './lanes.ts';

export type Keys = ReturnType<typeof keysOf>;

export const keysOf = (prefix: string, sealer: Sealer) => ({
  due: `${prefix}:due`,
  leases: `${prefix}:leases`,
  epoch: `${prefix}:epoch`,
  parked: `${prefix}:parked`,
  /** Why each of them was parked. */
  whys: `${prefix}:parked-why`,
  /** An index of `due`: what of it is due soon and of this lane. */
  lane: (lane: Lane) => `${prefix}:lane:${lane}`,
  /** The channel that tells which changes moved. */
  changed: `${prefix}:changed`,
  audit: `${prefix}:audit`,
  pulse: `${prefix}:pulse`,
  /** Opens with the right keys alone. */
  canary: `${prefix}:canary`,
  change: (id: string) => `${prefix}:change:${id}`,
  /** Where a user's index lies: first where it is written, then where an older key would have put it. */
  user: (sub: string) =>
    sealer.fingerprints(sub, 'user').map((fingerprint) => `${prefix}:user:${fingerprint}`),
});
