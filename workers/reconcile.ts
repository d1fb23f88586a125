/**
 * Finds what the queue forgot: rings again for every task whose time has come and that no wake-up
 * seems to have reached. A plain timer in each worker, so that there is no scheduler to lose.
 */
import { describeError } from '../src/log.ts';
import type { WorkerDeps } from './worker-deps.ts';

const TICK_MS = 1000;
const BATCH = 1000;
/** Ringing twice for the same is harmless but not free. */
const RING_AGAIN_MS = 10_000;

export function startReconciler(deps: WorkerDeps): { stop(): void; sweep(): Promise<void> } {
  const rung = new Map<string, number>();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const sweep = async () => {
    const now = deps.now();
    for (const [key, at] of rung) if (at <= now - RING_AGAIN_MS) rung.delete(key);
    const overdue = await deps.changes.due(now, BATCH);
    const unheard = overdue.filter(({ change, name, at }) => !rung.has(`${change}:${name}:${at}`));
    for (const { change, name, at } of unheard) rung.set(`${change}:${name}:${at}`, now);
    if (unheard.length > 0) deps.alarm.wake(unheard);
  };
  const tick = async () => {
    try {
      if (deps.redis.status === 'ready') await sweep();
    } catch (error) {
      deps.log.warn({ event: 'reconcile.failed', ...describeError(error) });
    }
    if (!stopped) timer = setTimeout(() => void tick(), TICK_MS);
  };
  void tick();
  return {
    sweep,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
