/** LIMIT_COMMITTED: it stops churn, and chains of changes that would outrun an undo. */
import type { UserChanges } from './email-change.ts';

/** How many changes of one user may be committed in how long, undone ones not counted. */
export type CommittedLimit = { points: number; windowMs: number };

/** When the user may ask again, if so many changes were committed lately. */
export function limitReached(
  { committed, written = {} }: UserChanges,
  { points, windowMs }: CommittedLimit,
  now: number,
): number | undefined {
  const lately = committed
    .flatMap((id) => written[id]?.at ?? [])
    .filter((at) => at > now - windowMs);
  return lately.length < points ? undefined : lately.at(-points)! + windowMs;
}
