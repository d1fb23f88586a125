/** The figures of runs, as they are written down, and the table that sums them up. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Empty it to begin a new table. */
export const FIGURES = '.reports/chaos';

type Counts = Readonly<Record<string, number>>;

export type Figures = {
  suite: string;
  seed: number;
  at: string;
  seconds: number;
  users: number;
  faults: Counts;
  calls: number;
  /** By HTTP status; 0: no answer. */
  answers: Counts;
  /** By their last status. */
  changes: Counts;
  patches: number;
  mails: number;
  repeatedMails: number;
  lostMails: number;
  tokens: number;
  /** How processes ended. */
  ends: Counts;
  events: Counts;
  violations: readonly string[];
};

const sum = (counts: Iterable<number>): number => [...counts].reduce((a, b) => a + b, 0);

/** All runs in the folder, as two tables in Markdown: by suite, and by kind of fault. */
export function summarize(): string | undefined {
  if (!existsSync(FIGURES)) return undefined;
  const runs = readdirSync(FIGURES)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(`${FIGURES}/${name}`, 'utf8')) as Figures);
  const suites = [...new Set(runs.map(({ suite }) => suite))].toSorted();
  const rows = suites.map((name) =>
    rowOf(
      name,
      runs.filter(({ suite }) => suite === name),
    ),
  );
  const text = [
    '| suite | runs | minutes | users | faults | calls | changes | PATCHes | mails (twice, lost) | violations |',
    '| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |',
    ...rows,
    rowOf('**all**', runs),
    '',
    '| faults | times | kinds |',
    '| --- | --: | --- |',
    ...faultRows(runs),
    '',
  ].join('\n');
  writeFileSync(`${FIGURES}/table.md`, text);
  return text;
}

function rowOf(suite: string, runs: readonly Figures[]): string {
  const total = (of: (run: Figures) => number) => sum(runs.map(of)).toLocaleString('en');
  const cells = [
    suite,
    total(() => 1),
    (sum(runs.map(({ seconds }) => seconds)) / 60).toFixed(1),
    total(({ users }) => users),
    total(({ faults }) => sum(Object.values(faults))),
    total(({ calls }) => calls),
    total(({ changes }) => sum(Object.values(changes))),
    total(({ patches }) => patches),
    `${total(({ mails }) => mails)} (${total((run) => run.repeatedMails)}, ${total((run) => run.lostMails)})`,
    total(({ violations }) => violations.length),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** What a fault strikes, by the first words of its name; the rest is its kind. */
const STRUCK = ['Redis', 'network', 'tenant', 'smtp', 'CRASH_AT', 'SIG'];

function faultRows(runs: readonly Figures[]): string[] {
  const groups = new Map<string, Map<string, number>>();
  for (const [name, count] of runs.flatMap(({ faults }) => Object.entries(faults))) {
    const struck = STRUCK.find((start) => name.startsWith(start)) ?? 'others';
    const group = struck === 'SIG' ? 'signals' : struck;
    const kind = name.startsWith(`${struck} `) ? name.slice(struck.length + 1) : name;
    const kinds = groups.get(group) ?? new Map<string, number>();
    groups.set(group, kinds.set(kind, (kinds.get(kind) ?? 0) + count));
  }
  return [...groups].map(([group, kinds]) => {
    const most = [...kinds].toSorted(([, a], [, b]) => b - a);
    const words = most.map(([kind, count]) => `${kind} ${count.toLocaleString('en')}`);
    return `| ${group} | ${sum(kinds.values()).toLocaleString('en')} | ${words.join(', ')} |`;
  });
}
