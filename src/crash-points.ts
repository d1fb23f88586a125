/**
 * Named places at which a test ends this process, or stops it, in the middle of its work: CRASH_AT.
 * Off, which is how it always is in production, passing one is a call of an empty function.
 */

/** Where every task is: under its lease, with its outcome in hand, with its outcome recorded. */
const RUN = ['claimed', 'decided', 'settled'];
/** The account was read, the PATCH is announced in the record, its answer is there. */
const WRITE = ['read', 'marked', 'written'];

const STEPS: Record<string, readonly string[]> = {
  request: ['counted', 'written'],
  click: ['read', 'written'],
  invite: [...RUN, 'read'],
  commit: [...RUN, ...WRITE],
  undo: [...RUN, ...WRITE],
  mail: [...RUN, 'marked', 'sent'],
  revoke: RUN,
  expire: RUN,
  event: RUN,
  token: ['fetched', 'stored'],
};

export const CRASH_POINTS: readonly string[] = Object.entries(STEPS).flatMap(([what, steps]) =>
  steps.map((step) => `${what}.${step}`),
);

/** At which point, at every hit, only at one (counted from 1) or with a chance, by which signal. */
export type Crash = {
  point: string;
  hit?: number;
  chance?: number;
  signal: 'SIGKILL' | 'SIGSTOP';
};

const CRASH = /^([a-z]+\.[a-z]+)(?::(?:(0\.\d+)|([1-9]\d*)))?(!stop)?$/;

/** `commit.marked`, its third hit `commit.marked:3`, one in ten `commit.marked:0.1`; `!stop` only stops. */
export function parseCrash(text: string): Crash | undefined {
  const [, point = '', chance, hit, stop] = CRASH.exec(text) ?? [];
  if (!CRASH_POINTS.includes(point)) return undefined;
  return {
    point,
    ...(chance === undefined ? {} : { chance: Number(chance) }),
    ...(hit === undefined ? {} : { hit: Number(hit) }),
    signal: stop ? 'SIGSTOP' : 'SIGKILL',
  };
}

/** Says that the process is at this point, which may be the last thing it does. */
export type Reached = (point: `${string}.${string}`) => void;

export function createReached(
  crashes: readonly Crash[],
  random: (bytes: number) => Buffer,
): Reached {
  if (crashes.length === 0) return () => undefined;
  const hits = new Map<string, number>();
  return (point) => {
    const now = (hits.get(point) ?? 0) + 1;
    hits.set(point, now);
    for (const { hit = now, chance = 1, signal } of crashes.filter((each) => each.point === point))
      if (hit === now && random(4).readUInt32BE() / 2 ** 32 < chance)
        process.kill(process.pid, signal);
  };
}
