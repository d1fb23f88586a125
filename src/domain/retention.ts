/** How long a record is kept. */
import { undoUnderWay, type EmailChange } from './email-change.ts';

/** How long a closed change still answers for itself, in ms: links and status say what became of it. */
export const KEEP_CLOSED_MS = 7 * 24 * 3_600_000;

/**
 * When the record may vanish, in epoch ms, or `undefined` for never: a confirmed change and an undo
 * under way stay until they are settled, whatever happens to Auth0 or the workers.
 */
export function keepUntil(change: EmailChange): number | undefined {
  if (change.status === 'confirmed' || undoUnderWay(change)) return undefined;
  if (change.status === 'pending') return change.expiresAt + KEEP_CLOSED_MS;
  const { closedAt = 0, undo, chainUntil = 0 } = change;
  return Math.max(closedAt, undo?.until ?? 0, chainUntil) + KEEP_CLOSED_MS;
}
