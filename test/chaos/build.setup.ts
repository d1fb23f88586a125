/**
 * Builds the service once for the run, apart from `dist`, which other suites may be rebuilding; in
 * the end sums up the figures of all runs so far.
 * CHAOS_DIST names a build that is there already: one with a fault in it, to see the suite find it.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { summarize } from './figures.ts';
import { SECONDS, SEED, USERS } from './plan.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export default function setup(project: TestProject) {
  process.stdout.write(`chaos: seed ${SEED}, storm of ${SECONDS} s over ${USERS} users\n`);
  const given = process.env['CHAOS_DIST'];
  if (given) {
    project.provide('dist', resolve(ROOT, given));
    return sayFigures;
  }
  const dist = `.reports/dist-${process.pid}`;
  const run = (script: string, ...args: string[]) =>
    execFileSync(process.execPath, [join(ROOT, script), ...args], { cwd: ROOT, stdio: 'inherit' });
  run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', dist);
  run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.client.json', '--outDir', dist);
  run('scripts/copy-assets.mjs', dist);
  project.provide('dist', join(ROOT, dist));
  return () => {
    rmSync(join(ROOT, dist), { recursive: true, force: true });
    sayFigures();
  };
}

const sayFigures = () => void process.stdout.write(`\n${summarize() ?? ''}`);

declare module 'vitest' {
  export interface ProvidedContext {
    dist: string;
  }
}
