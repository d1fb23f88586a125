/**
 * What is due, done without BullMQ: for schedules, and for functions, which are frozen when they have answered.
 * Tasks are claimed by the same leases as everywhere, so any number of these may run at once, beside workers too.
 */
import { untilAnswers } from '../src/store/redis.ts';
import { openMailer } from './mailer.ts';
import { openHands } from './hands.ts';
import { createSweep } from './reconcile.ts';
import type { WorkerDeps } from './worker-deps.ts';

export type DueRun = {
  /** How many tasks are over and done with. */
  done: number;
  /** How many were tried and will be tried again, or were taken out of the way (`readdress parked`). */
  putOff: number;
  /** When the next task is due, or the lease on it ends. Nothing is due when it is missing. */
  nextDueAt?: Date;
};

/** How long what is due waits for a Redis that has just started. */
const RETRY_MS = 100;

/**
 * Claims and does what is due for `forMs`, then lets what was claimed end, which takes as long as a lease
 * (TASK_LEASE) at the very most. Nothing is in flight when it resolves. @throws {StoreUnavailable} when Redis is away.
 */
export async function runDueTasks(
  given: WorkerDeps,
  forMs: number,
  isStopped: () => boolean = () => false,
): Promise<DueRun> {
  const { clock, changes, pulse } = given;
  const endsAt = clock.monotonic() + forMs;
  await untilAnswers(given.redis);
  const isOpen = () => !isStopped() && clock.monotonic() < endsAt;
  const counts = { done: 0, putOff: 0 };
  // A connection that was left open may have died while the function was frozen.
  const deps: WorkerDeps = { ...given, mailer: openMailer(given) };
  const hands = openHands(deps, {
    isOpen,
    ended: ({ word }) => {
      counts[word === 'done' || word === 'vanished' ? 'done' : 'putOff'] += 1;
    },
  });
  const sweep = createSweep(deps, (lanes) => lanes.forEach((lane) => hands.wake(lane)));
  try {
    for (let before = -1; isOpen();) {
      const ran = counts.done + counts.putOff;
      const nextDueAt = await changes.nextDueAt();
      if (nextDueAt === undefined || nextDueAt > clock.now()) break;
      // What is due and can not be taken waits for Redis alone; or for a lane that is to pause, and not for us.
      if (ran === before && pulse.isSteady()) break;
      if (ran === before) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      before = ran;
      await sweep();
      await hands.idle();
    }
  } finally {
    await hands.stop();
    deps.mailer.close();
  }
  const nextDueAt = await changes.nextDueAt();
  return { ...counts, ...(nextDueAt === undefined ? {} : { nextDueAt: new Date(nextDueAt) }) };
}
