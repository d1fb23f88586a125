/**
 * How long, how hard and by which chance, from the environment:
 *
 *   npm run test:chaos                                         the long run
 *   npm run test:chaos:short                                   the run of CI: CHAOS=short
 *   CHAOS_SEED=7 CHAOS_RUNS=5 npm run test:chaos storm         five seeds of one suite
 *   CHAOS_SECONDS=1800 CHAOS_USERS=100 npm run test:chaos storm
 */
const setting = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);

const short = process.env['CHAOS'] === 'short';

/** Makes the same decisions again; how processes and packets interleave is the machine's own. */
export const SEED = setting('CHAOS_SEED', 20_261_122);
/** Of the storm: how long it rages, over how many people, how often, each time by the next seed. */
export const SECONDS = setting('CHAOS_SECONDS', short ? 20 : 60);
export const USERS = setting('CHAOS_USERS', short ? 15 : 40);
export const RUNS = setting('CHAOS_RUNS', 1);
/** How many of the crash points the matrix takes, drawn by the seed; the long run takes all. */
export const POINTS = setting('CHAOS_POINTS', short ? 14 : Infinity);

/** What to type to see a run again. */
export const replay = (suite: string, seed: number): string =>
  `CHAOS_SEED=${seed} CHAOS_SECONDS=${SECONDS} CHAOS_USERS=${USERS} ` +
  `${POINTS === Infinity ? '' : `CHAOS_POINTS=${POINTS} `}npm run test:chaos ${suite}`;
