/**
 * Finds what no bell rang for: what was due only later, what was due when a ring was lost, and what its
 * worker left behind. A plain timer in each worker, so that there is no scheduler to lose. It files due
 * tasks into their lanes and wakes the lanes that have some, so that no backlog hides what is younger.
 */
import { describeError } from '../src/process/log.ts';
import type { Lane } from '../src/store/lanes.ts';
import { unpark } from './unpark.ts';
import type { WorkerDeps } from './worker-deps.ts';

const TICK_MS = 1000;
/** At the start, and once a minute: an older build beside this one may park what this one can do. */
const UNPARK_TICKS = 60;
/** So many at a time, that Redis is never held up. */
const PAGE = 1000;
/** Redis' clock may have been set back a little since the last look. */
const OVERLAP_MS = 2000;

export type Reconciler = { stop(): void; sweep(): Promise<void> };
type Wake = (lanes: readonly Lane[]) => void;

/** A look at what is due, which begins where the last one ended. */
export function createSweep({ changes }: WorkerDeps, wake: Wake): () => Promise<void> {
  let since = -Infinity;
  let patrolled = 0;
  return async () => {
    // What has become due since the last look, however much waits before it.
    const from = since;
    for (let offset = 0; ; offset += PAGE) {
      const { now, seen, lanes } = await changes.file(from, offset, PAGE);
      wake(lanes);
      if (now < from) since = -Infinity;
      else if (seen < PAGE) since = now - OVERLAP_MS;
      if (seen < PAGE) break;
    }
    // Then a page of everything: another build, a restored file or an operator knows of no lanes.
    const { seen } = await changes.file(-Infinity, patrolled, PAGE);
    patrolled = seen < PAGE ? 0 : patrolled + PAGE;
  };
}

export function startReconciler(
  deps: WorkerDeps,
  wake: Wake,
  everyMs: number = TICK_MS,
): Reconciler {
  const { log, redis } = deps;
  const sweep = createSweep(deps, wake);
  let ticks = 0;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const tick = async () => {
    try {
      if (redis.status === 'ready') {
        await sweep();
        if (ticks % UNPARK_TICKS === 0) await unpark(deps);
        ticks += 1;
      }
    } catch (error) {
      log.warn({ event: 'reconcile.failed', ...describeError(error) });
    }
    if (!stopped) timer = setTimeout(() => void tick(), everyMs);
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
