/** Full-jitter exponential backoff: 1 s, 2 s, 4 s … at most a minute, each anywhere below its cap. */
const BASE_MS = 1000;
const CAP_MS = 60_000;

export function backoffMs(attempts: number, random: (bytes: number) => Buffer): number {
  const cap = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempts - 1, 16));
  return Math.round(250 + (random(4).readUInt32BE() / 2 ** 32) * cap);
}

/**
 * Minutes between attempts at a server that said "not now": soon, since some only ask for a second try,
 * then slowly, as greylisting and full mailboxes want it.
 */
const GREYLIST_MINUTES = [0.75, 5, 15, 30];

const greylistMs = (attempts: number): number =>
  (GREYLIST_MINUTES[Math.min(attempts, GREYLIST_MINUTES.length) - 1] ?? 30) * 60_000;

/** How long before its end a mail is tried for the last time. */
const LAST_MS = 60_000;

/** In time for one more try while the mail is of use; `undefined`: that was the last. */
export function mailRetryMs(attempts: number, usefulMs: number): number | undefined {
  const ms = greylistMs(attempts);
  if (ms < usefulMs) return ms;
  return usefulMs > 2 * LAST_MS ? usefulMs - LAST_MS : undefined;
}

/** For what another build may be able to do: 10 s, 20 s, 40 s … at most 5 minutes. */
export const unableMs = (before: number): number =>
  Math.min(10_000 * 2 ** Math.min(before, 16), 300_000);
