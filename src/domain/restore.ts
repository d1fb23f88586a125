/**
 * After Redis was put back to an older state: a change that it calls confirmed may have been committed,
 * undone or canceled meanwhile. If the tenant's answer does not tell which, nothing is written.
 */
import type { DirectoryUser } from './account.ts';
import type { EmailChange } from './email-change.ts';

export type Restored = {
  /** An acknowledged write was missed at this time: Redis holds an older state than it did. 0: never. */
  lostAt: number;
  /** From the last write that Redis knows of to the start of a process: nobody remembers what was. */
  gaps: readonly { from: number; to: number }[];
};

/** A login moves `updated_at` too, and is no reason to doubt; Auth0 writes both within a moment. */
const SAME_MOMENT_MS = 2000;

/**
 * Whether a confirmed change is to be let go before it is written: `canceled` when it may have been
 * canceled since, `drifted` when the account was written to and nobody knows by whom.
 */
export function distrusts(
  change: EmailChange,
  user: DirectoryUser | undefined,
  { lostAt, gaps }: Restored,
): 'canceled' | 'drifted' | undefined {
  const confirmedAt = change.confirmedAt ?? change.requestedAt;
  const { aheadMs = 0, lastLoginAt = 0 } = user ?? {};
  const updatedAt = (user?.updatedAt ?? 0) - aheadMs;
  if (change.requestedAt < lostAt) {
    // A PATCH that was on its way cannot be canceled; whether the account moved says what became of it.
    if (!change.writing) return 'canceled';
    return updatedAt > confirmedAt ? 'drifted' : undefined;
  }
  if (Math.abs(updatedAt + aheadMs - lastLoginAt) < SAME_MOMENT_MS) return undefined;
  const unseen = gaps.some(
    ({ from, to }) => confirmedAt <= from && updatedAt > from && updatedAt < to,
  );
  return unseen ? 'drifted' : undefined;
}
