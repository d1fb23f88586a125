/**
 * The deployment's clock is Redis' clock. Leases and due times are told by it inside the scripts
 * (`TIME`), and the times in records come from it too: this process asks Redis now and then and counts
 * on with its monotonic clock. Its wall clock may be wrong, and decides nothing.
 */
export type Clock = {
  /** Epoch ms by Redis' clock. By the wall clock until Redis has answered for the first time. */
  now(): number;
  /** Ms since some moment. Never jumps, and goes on while the process is stopped. */
  monotonic(): number;
  /** Added to `TIME` inside the scripts. 0, but in tests that pass time. */
  shiftMs(): number;
  /** Redis said `redisMs` in answer to a question of `askedAt` (monotonic). */
  learn(redisMs: number, askedAt: number): void;
  /** How far the wall clock of this machine is ahead of Redis' clock (negative: behind). */
  skewMs(): number;
  /** How long ago Redis' clock was found to be ahead of what this process had counted on (ms). */
  leaptAgoMs(): number;
};

/** More than a slow answer explains. A fail-over may bring in a machine whose clock is another one. */
const LEAP_MS = 1000;

/** `injected`: a test's clock, which stands in for Redis' clock and the wall clock alike. */
export function createClock(injected?: () => number): Clock {
  const shiftMs = () => (injected ? injected() - Date.now() : 0);
  const monotonic = () => performance.now() + shiftMs();
  let offset: number | undefined;
  let leaptAt = -Infinity;
  const now = () =>
    injected || offset === undefined
      ? (injected ?? Date.now)()
      : Math.round(offset + performance.now());
  return {
    now,
    monotonic,
    shiftMs,
    learn(redisMs, askedAt) {
      const answeredAt = monotonic();
      // The answer was true in the middle of the round trip, as far as anybody can tell.
      const tripMs = answeredAt - askedAt;
      const before = offset;
      offset = redisMs - shiftMs() + tripMs / 2 - performance.now();
      if (before !== undefined && offset - before > LEAP_MS + tripMs) leaptAt = answeredAt;
    },
    leaptAgoMs: () => monotonic() - leaptAt,
    skewMs: () => (injected || offset === undefined ? 0 : Date.now() - now()),
  };
}

/** Epoch ms by this machine's own clock, for what is to be compared with other machines' (traces). Decides nothing. */
export const wallClock = (): number => Date.now();
