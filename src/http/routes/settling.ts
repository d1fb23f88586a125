/** Waits for the workers, for callers who want the outcome in this answer. */
import { setMaxListeners } from 'node:events';
import type { ApiDeps, App } from '../api-deps.ts';
import { undoUnderWay, type EmailChange } from '../../domain/email-change.ts';
import { StoreUnavailable } from '../../store/redis.ts';

/** The workers are at it; the outcome is a matter of time. */
export const isUnderWay = (change: EmailChange): boolean =>
  change.status === 'confirmed' || undoUnderWay(change);

/** A function that gives what is recorded when the work is done, the time is up, or the process closes. */
export function createSettling(app: App, deps: ApiDeps) {
  const { changes, now } = deps;
  const closing = new AbortController();
  // Any number may wait. That is no leak, and Node would print a warning that is not JSON.
  setMaxListeners(0, closing.signal);
  app.addHook('preClose', async () => closing.abort());

  return async (change: EmailChange, waitMs: number): Promise<EmailChange> => {
    const deadline = now() + waitMs;
    let latest = change;
    while (isUnderWay(latest) && now() < deadline && !closing.signal.aborted) {
      await nextWrite(deps, change.id, Math.min(deadline - now(), 1000), closing.signal);
      try {
        latest = (await changes.findChange(change.id))?.value ?? latest;
      } catch (error) {
        // The click is recorded: that Redis is away now must not look as if it were not.
        if (!(error instanceof StoreUnavailable)) throw error;
      }
    }
    return latest;
  };
}

/** Resolves with the next write to the change, or after `ms`: a lost message only costs time. */
const nextWrite = (deps: ApiDeps, id: string, ms: number, closing: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      closing.removeEventListener('abort', done);
      stop();
      resolve();
    };
    const timer = setTimeout(done, ms);
    closing.addEventListener('abort', done);
    const stop = deps.subscription.listen(id, done);
  });
