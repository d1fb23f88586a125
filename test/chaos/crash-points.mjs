// Named steps at which a process of the chaos suite ends itself, or stops, in the middle of its work.

/** Where every task is: under its lease, with its outcome in hand, with its outcome recorded. */
const RUN = ['claimed', 'decided', 'ended'];
/** The account was read, the PATCH is announced in the record, its answer is there. */
const WRITE = ['read', 'marked', 'written'];

const STEPS = {
  request: ['counted', 'written'],
  click: ['read', 'written'],
  invite: [...RUN, 'read'],
  commit: [...RUN, ...WRITE],
  undo: [...RUN, ...WRITE],
  mail: [...RUN, 'marked', 'sent'],
  verify: RUN,
  password: RUN,
  keep: RUN,
  revoke: RUN,
  expire: RUN,
  event: RUN,
  token: ['fetched', 'stored'],
};

export const CRASH_POINTS = Object.entries(STEPS).flatMap(([what, steps]) =>
  steps.map((step) => `${what}.${step}`),
);

/**
 * At which point, at every hit, only at one (counted from 1) or with a chance, by which signal.
 * @typedef {{ point: string, hit?: number, chance?: number, signal: 'SIGKILL' | 'SIGSTOP' }} Crash
 */

const CRASH = /^([a-z]+\.[a-z]+)(?::(?:(0\.\d+)|([1-9]\d*)))?(!stop)?$/;

/**
 * `commit.marked`, its third hit `commit.marked:3`, one in ten `commit.marked:0.1`; `!stop` only stops.
 * @param {string} text
 * @returns {Crash | undefined}
 */
export function parseCrash(text) {
  const [, point = '', chance, hit, stop] = CRASH.exec(text) ?? [];
  if (!CRASH_POINTS.includes(point)) return undefined;
  return {
    point,
    ...(chance === undefined ? {} : { chance: Number(chance) }),
    ...(hit === undefined ? {} : { hit: Number(hit) }),
    signal: stop ? 'SIGSTOP' : 'SIGKILL',
  };
}

/**
 * What ends this process at the points of `crashes`.
 * @param {readonly Crash[]} crashes
 * @returns {(point: string) => void}
 */
export function createCrasher(crashes) {
  const hits = new Map();
  return (point) => {
    const now = (hits.get(point) ?? 0) + 1;
    hits.set(point, now);
    for (const { hit = now, chance = 1, signal } of crashes.filter((each) => each.point === point))
      if (hit === now && Math.random() < chance) process.kill(process.pid, signal);
  };
}
