/** Medians and ranges, and the table that docs/performance.md shows. */

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** The value below which `share` of all lie. */
export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;

const short = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** `median (least–most)` of the rounds. */
export const spread = (values: readonly number[]): string =>
  values.length < 2
    ? short(values[0] ?? Number.NaN)
    : `${short(median(values))} (${short(Math.min(...values))}–${short(Math.max(...values))})`;

/** One line of the table. */
export type Row = { measure: string; figure: string; target?: string };

export const table = (rows: readonly Row[]): string =>
  [
    '| measure | figure | target |',
    '| --- | --- | --- |',
    ...rows.map(({ measure, figure, target = '' }) => `| ${measure} | ${figure} | ${target} |`),
  ].join('\n');
