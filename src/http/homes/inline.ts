/**
 * TASKS=inline: there are no workers to ring for, and the process may be frozen as soon as it has answered. What
 * a request makes due is begun at once, and its answer waits for it, but not for ever: a schedule does the rest.
 */
import { inTime } from '../../in-time.ts';
import type { Inline } from '../api-deps.ts';

/** How long tasks are claimed for one request, and how long its answer waits for them at most. */
const CLAIM_MS = 5000;
const WAIT_MS = 10_000;

/** @param runDue does what is due; that it failed is told there. */
export function createInline(runDue: (forMs: number) => Promise<unknown>): Inline {
  const runs = new Map<string, Promise<unknown>>();
  return {
    ring(requestId = '') {
      const before = runs.get(requestId);
      const run = Promise.allSettled([before, runDue(CLAIM_MS)]);
      runs.set(requestId, run);
      void run.then(() => runs.get(requestId) === run && runs.delete(requestId));
    },
    async settled(requestId) {
      const run = runs.get(requestId);
      // What is not over by then goes on behind the answer, or in the next run.
      if (run) await inTime(run, WAIT_MS).catch(() => undefined);
    },
  };
}
