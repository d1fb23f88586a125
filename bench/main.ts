/**
 * What Readdress costs, measured on the built service against references in the same run:
 *
 *   npm run bench              all parts
 *   npm run bench -- story     one part
 *
 * Prints the table; a run of all parts writes it into docs/performance.md.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { table, type Row } from './figures.ts';
import { pinned, pinToOthers } from './processes.ts';
import { doors } from './rows/doors.ts';
import { homes } from './rows/homes.ts';
import { peers } from './rows/peers.ts';
import { processes } from './rows/process.ts';
import { redisBytes, sizes } from './rows/sizes.ts';
import { streams } from './rows/streams.ts';
import { latency, limit, scale } from './rows/tenant.ts';
import { burst, clickToPatch, story } from './rows/story.ts';

const PARTS: Record<string, () => Promise<Row[]>> = {
  doors,
  story,
  burst,
  click: clickToPatch,
  process: processes,
  homes,
  redis: redisBytes,
  sizes,
  streams,
  latency,
  limit,
  scale,
  peers,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in PARTS));
if (unknown.length > 0) {
  process.stderr.write(
    `no part ${unknown.join(', ')}; there are: ${Object.keys(PARTS).join(', ')}\n`,
  );
  process.exit(64);
}
execFileSync('npm', ['run', '-s', 'build'], { stdio: 'inherit' });
pinToOthers();
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'core'}, ${pinned}`;
process.stderr.write(`Node ${process.version}, ${machine}\n`);
// The private Redis does not keep this process alive while it is waited for.
setInterval(() => undefined, 60_000);
const rows: Row[] = [];
for (const [name, measure] of Object.entries(PARTS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const startedAt = Date.now();
  rows.push(...(await measure()));
  process.stderr.write(`${name}: ${((Date.now() - startedAt) / 1000).toFixed(0)} s\n`);
}
process.stdout.write(`\n${table(rows)}\n`);
if (wanted.length === 0) {
  const page = new URL('../docs/performance.md', import.meta.url);
  const shown = `Measured ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${machine}: median (least–most).\n\n${table(rows)}`;
  const text = readFileSync(page, 'utf8');
  writeFileSync(
    page,
    text.replace(/(<!-- bench -->)[^]*(<!-- \/bench -->)/, (_, begin, end) =>
      [begin, shown, end].join('\n\n'),
    ),
  );
  execFileSync('npx', ['oxfmt', 'docs/performance.md'], { stdio: 'inherit' });
}
process.exit(0);
