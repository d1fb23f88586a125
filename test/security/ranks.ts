/** Whether two samples of times are of one kind. */

export type Comparison = {
  /** Of the medians, in milliseconds. */
  differenceMs: number;
  /** Mann–Whitney: standard deviations away from "each is as often the longer one". */
  z: number;
};

const median = (sample: readonly number[]): number => {
  const sorted = sample.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle - 0.5)]! + sorted[Math.floor(middle)]!) / 2;
};

export function compare(a: readonly number[], b: readonly number[]): Comparison {
  // Times are real numbers: ties are too rare to be corrected for.
  const ranked = [...a.map((ms) => ({ ms, ofA: true })), ...b.map((ms) => ({ ms, ofA: false }))]
    .toSorted((one, other) => one.ms - other.ms)
    .reduce((sum, { ofA }, i) => sum + (ofA ? i + 1 : 0), 0);
  const u = ranked - (a.length * (a.length + 1)) / 2;
  const spread = Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12);
  return { differenceMs: median(a) - median(b), z: (u - (a.length * b.length) / 2) / spread };
}
