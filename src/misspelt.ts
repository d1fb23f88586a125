/**
 * Names in the environment that are nearly ours: a setting with a slip in its name does nothing, and nobody would know.
 * The environment is full of other people's names, so only what can hardly be anything else is told.
 */
import { SETTING_NAMES } from './config-checks.ts';

export type Misspelt = { name: string; meant: string };

/** Ours by name, but read by docker compose alone. */
const KNOWN = new Set(['REDIS_PASSWORD']);

/** Every name that is nearly a setting, with the setting that was meant. */
export function misspeltIn(env: Readonly<Record<string, string | undefined>>): Misspelt[] {
  return Object.keys(env).flatMap((name) => {
    const meant = env[name] === undefined ? undefined : meantBy(name);
    return meant === undefined ? [] : [{ name, meant }];
  });
}

/** The setting that this name nearly is; `undefined` for one of ours, and for everybody else's. */
function meantBy(name: string): string | undefined {
  if (KNOWN.has(name) || isOurs(name)) return undefined;
  const core = name
    .toUpperCase()
    .replaceAll(/[-. ]/g, '_')
    .replace(/^READDRESS_/, '')
    .replace(/_FILE$/, '');
  // OpenTelemetry has more names than we read, which share words with those that we do.
  const isNearly = core.startsWith('OTEL_') ? isSlip : isNear;
  const near = (setting: string) => letters(core) === letters(setting) || isNearly(core, setting);
  const closest = SETTING_NAMES.filter(near).toSorted(
    (a, b) => distance(core, a) - distance(core, b),
  );
  return closest[0];
}

const isOurs = (name: string): boolean =>
  SETTING_NAMES.includes(name) || SETTING_NAMES.includes(name.replace(/_FILE$/, ''));

const letters = (name: string): string => name.replaceAll('_', '');

/** One slip in a short name, two in a long one, or one word too many or too few of a long one. */
function isNear(name: string, setting: string): boolean {
  if (isSlip(name, setting)) return true;
  const [mine, theirs] = [name.split('_'), setting.split('_')];
  if (mine[0] !== theirs[0] || Math.abs(mine.length - theirs.length) > 1) return false;
  const common = mine.filter((word) => theirs.some((other) => isWord(word, other)));
  return common.length >= 2 && common.length >= Math.max(mine.length, theirs.length) - 1;
}

function isSlip(name: string, setting: string): boolean {
  // Four letters are soon one letter away from something else: POST, PATH, CORE.
  const slips = setting.length < 6 ? 0 : setting.length < 9 ? 1 : 2;
  return isAsLong(name, setting, slips) && distance(name, setting) <= slips;
}

/** `URL` and `URI`, `ORIGIN` and `ORIGINS`, are one word. */
const isWord = (a: string, b: string): boolean =>
  a === b || (Math.min(a.length, b.length) >= 3 && isAsLong(a, b, 1) && distance(a, b) <= 1);

/** Nearly: else there is no need to compare letters, which takes time at every start. */
const isAsLong = (a: string, b: string, slips: number): boolean =>
  Math.abs(a.length - b.length) <= slips;

/** How many letters are to be put in, left out, changed, or swapped with their neighbour. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          rows[i - 1]![j]! + 1,
          row[j - 1]! + 1,
          rows[i - 1]![j - 1]! + (same ? 0 : 1),
          isSwap ? rows[i - 2]![j - 2]! + 1 : Infinity,
        ),
      );
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
