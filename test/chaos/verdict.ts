/**
 * The end of every run: waits until nothing is left to do, holds the history against the invariants,
 * and writes the figures down, from which `figures.ts` makes the table of docs/reliability.md.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { check } from './checker.ts';
import { FIGURES, type Figures } from './figures.ts';
import type { History, Leeway } from './history.ts';
import { replay } from './plan.ts';
import type { Stage } from './stage.ts';

export type Run = {
  suite: string;
  /** Absent where nothing is left to chance. */
  seed?: number;
  /** How often each kind of fault struck. */
  faults: Readonly<Record<string, number>>;
  leeway?: Leeway;
  restored?: History['restored'];
};

const NONE: Leeway = { mails: 0, tokens: 0 };

export async function expectNoViolation(stage: Stage, run: Run): Promise<History> {
  const { suite, seed = 0, faults, leeway = NONE } = run;
  const quiet = await stage.quiet();
  const history = {
    ...(await stage.history()),
    ...(run.restored ? { restored: run.restored } : {}),
  };
  const violations = check(history, leeway);
  if (!quiet) violations.push('I8 work was left after two minutes of peace');
  const figures: Figures = {
    suite,
    seed,
    at: new Date().toISOString(),
    seconds: Math.round((Date.now() - stage.startedAt) / 1000),
    users: history.users.length,
    faults,
    calls: history.told.length,
    answers: tally(history.told.map(({ status }) => String(status))),
    changes: tally(history.end.records.map(({ status }) => status)),
    patches: history.patches.length,
    mails: history.mails.length,
    repeatedMails: history.mails.length - new Set(history.mails.map(({ id }) => id)).size,
    lostMails: lostMails(history),
    tokens: history.tokens,
    ends: Object.fromEntries(stage.fleet.ends),
    events: Object.fromEntries(stage.fleet.events),
    violations,
  };
  mkdirSync(FIGURES, { recursive: true });
  writeFileSync(
    `${FIGURES}/${suite}-${seed}-${Date.now()}.json`,
    JSON.stringify(figures, undefined, 2),
  );
  if (violations.length > 0)
    process.stderr.write(
      `${JSON.stringify(figures, undefined, 1)}\nto see it again: ${replay(suite, seed)}\n`,
    );
  expect(violations, `to see it again: ${replay(suite, seed)}`).toEqual([]);
  return history;
}

const tally = (words: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
};

/** Given up after two ends in doubt, when neither attempt had arrived. */
function lostMails({ end, mails }: History): number {
  const arrived = new Set(mails.map(({ id }) => id));
  return end.records.flatMap(({ id, mails: states }) =>
    Object.entries(states).filter(
      ([name, state]) => state === 'doubt' && !arrived.has(`${id}.${name}`),
    ),
  ).length;
}
