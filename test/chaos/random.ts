/** Chance from a seed: the same seed makes the same decisions (mulberry32). */
export type Chance = {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  happens(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** One of several, by weight. */
  weigh<T>(from: readonly (readonly [weight: number, choice: T])[]): T;
  shuffled<T>(list: readonly T[]): T[];
  /** Another stream, which does not depend on how much of this one is used. */
  fork(number: number): Chance;
};

export function createChance(seed: number): Chance {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    happens: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)]!,
    weigh(from) {
      let left = next() * from.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, choice] of from) if ((left -= weight) < 0) return choice;
      return from.at(-1)![1];
    },
    shuffled: (list) =>
      list
        .map((each) => ({ each, place: next() }))
        .toSorted((a, b) => a.place - b.place)
        .map(({ each }) => each),
    fork: (number) => createChance(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b)),
  };
}
