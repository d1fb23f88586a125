/** Hands for every lane of one tenant: what is woken here is claimed here, and what follows from it too. */
import { LANES, laneOf, type Lane } from '../src/store/lanes.ts';
import type { WakeUp } from '../src/store/wake-ups.ts';
import type { Ending } from './end-task.ts';
import { openLane, type LaneAtWork } from './lane.ts';
import { runTask } from './run-task.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** How many tasks of a lane one process does side by side. */
const HANDS = 10;

export type Hands = {
  /** With a bell that rings here alone. */
  deps: WorkerDeps;
  /** Something may be due in this lane. */
  wake(lane: Lane, heard?: Pick<WakeUp, 'change' | 'requestId'>): void;
  /** Resolves when nothing is at work and nothing more can be claimed. */
  idle(): Promise<void>;
  /** Claims nothing more, and resolves when what was claimed has ended. */
  stop(): Promise<void>;
};

type Watch = {
  /** Whether more may be claimed now. */
  isOpen: () => boolean;
  /** Is told how each task ended. */
  ended: (ending: Ending) => void;
};

export function openHands(
  given: WorkerDeps,
  { isOpen = () => true, ended }: Partial<Watch> = {},
): Hands {
  const lanes = new Map<Lane, LaneAtWork>();
  const deps: WorkerDeps = {
    ...given,
    // What follows from a task here is done here: this process need not ring for itself.
    wakeUps: {
      ...given.wakeUps,
      ring: (tasks, requestId) => {
        for (const { change, name } of tasks) lanes.get(laneOf(name))?.wake({ change, requestId });
      },
    },
  };
  // What cannot be taken back waits until it is known whether Redis lost anything.
  const isSteady = () => isOpen() && deps.pulse.isSteady();
  for (const lane of LANES)
    lanes.set(
      lane,
      openLane(
        deps,
        lane,
        HANDS,
        async (due) => {
          const ending = await runTask(deps, due);
          ended?.(ending);
          return ending;
        },
        lane === 'write' ? isSteady : isOpen,
      ),
    );
  const all = [...lanes.values()];
  return {
    deps,
    wake: (lane, heard) => lanes.get(lane)?.wake(heard),
    async idle() {
      while (all.some((lane) => lane.isBusy())) await Promise.all(all.map((lane) => lane.idle()));
    },
    async stop() {
      await Promise.all(all.map((lane) => lane.stop()));
    },
  };
}
