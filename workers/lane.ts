/**
 * A lane's hands. A lane that is woken claims as many due tasks as it has hands free, in one call that
 * brings the records along, works on them side by side, and claims on while more is due.
 */
import { describeError } from '../src/process/log.ts';
import type { Lane } from '../src/store/lanes.ts';
import { StoreUnavailable } from '../src/store/redis.ts';
import { patiently, type Due, type Ending } from './end-task.ts';
import type { WorkerDeps } from './worker-deps.ts';

export type LaneAtWork = {
  /** Something may be due. `requestId`: the request that made it so, for the log. */
  wake(heard?: { change?: string | undefined; requestId?: string | undefined }): void;
  /** Whether tasks are claimed or at work. */
  isBusy(): boolean;
  /** Resolves when they are not. */
  idle(): Promise<void>;
  /** Claims nothing more, and resolves when what was claimed has ended. */
  stop(): Promise<void>;
};

/** Requests whose tasks have not come yet; more are forgotten, which costs a word in the log. */
const MAX_HEARD = 500;

export function openLane(
  deps: WorkerDeps,
  lane: Lane,
  hands: number,
  run: (due: Due) => Promise<Ending>,
  isOpen: () => boolean = () => true,
): LaneAtWork {
  const { changes, clock, log, config } = deps;
  const heard = new Map<string, string>();
  const atWork = new Set<Promise<void>>();
  let mayBeMore = false;
  let claiming = false;
  let claimed = Promise.resolve();
  let stopped = false;
  let pausedUntil = 0;

  const wake: LaneAtWork['wake'] = ({ change, requestId } = {}) => {
    if (change !== undefined && requestId !== undefined) {
      if (heard.size >= MAX_HEARD) heard.clear();
      heard.set(change, requestId);
    }
    mayBeMore = true;
    claimOn();
  };

  const isFree = () =>
    !stopped && isOpen() && atWork.size < hands && clock.monotonic() >= pausedUntil;

  const claimOn = (): void => {
    if (!claiming) claimed = claimFree();
  };

  const claimFree = async (): Promise<void> => {
    claiming = true;
    try {
      while (mayBeMore && isFree()) {
        mayBeMore = false;
        const holder = deps.random(9).toString('base64url');
        const free = hands - atWork.size;
        const { tasks, more } = await patiently(deps, (again) =>
          changes.claim(lane, free, config.taskLeaseMs, holder, again),
        );
        if (more) mayBeMore = true;
        for (const task of tasks) take({ ...task, requestId: heard.get(task.change) });
      }
    } catch (error) {
      // Redis is away: the reconciler wakes us when it is back.
      if (!(error instanceof StoreUnavailable)) throw error;
      log.warn({ event: 'lane.store_unavailable', lane, ...describeError(error) });
    } finally {
      claiming = false;
    }
  };

  const work = async (due: Due): Promise<void> => {
    try {
      const { pauseMs } = await run(due);
      if (pauseMs !== undefined) pause(pauseMs);
    } catch (error) {
      // Not even its end could be written: the lease runs out.
      const level = error instanceof StoreUnavailable ? 'warn' : 'error';
      log[level]({ event: 'task.lost', change: due.change, ...describeError(error) });
    }
  };

  const take = (due: Due): void => {
    const working = work(due).finally(() => {
      atWork.delete(working);
      claimOn();
    });
    atWork.add(working);
  };

  /** The tenant wants a pause: this lane alone waits, and whatever waits in it. */
  const pause = (ms: number): void => {
    pausedUntil = Math.max(pausedUntil, clock.monotonic() + ms);
    setTimeout(wake, ms + 1).unref();
  };

  const isBusy = () => claiming || atWork.size > 0;
  const idle = async (): Promise<void> => {
    while (isBusy()) await (claiming ? claimed : Promise.race(atWork));
  };

  return {
    wake,
    isBusy,
    idle,
    async stop() {
      stopped = true;
      await idle();
    },
  };
}
