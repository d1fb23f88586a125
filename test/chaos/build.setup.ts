/**
 * Builds the service once for the run, apart from `dist`, which other suites may be rebuilding.
 * CHAOS_DIST names a build that is there already: one with a fault in it, to see the suite find it.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';

const ROOT = resolve(import.meta.dirname, '../..');

export default function setup(project: TestProject) {
  const given = process.env['CHAOS_DIST'];
  if (given) {
    project.provide('dist', resolve(ROOT, given));
    return undefined;
  }
  const dist = `.reports/dist-${process.pid}`;
  const run = (script: string, ...args: string[]) =>
    execFileSync(process.execPath, [join(ROOT, script), ...args], { cwd: ROOT, stdio: 'inherit' });
  run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', dist);
  run('scripts/copy-assets.mjs', dist);
  project.provide('dist', join(ROOT, dist));
  return () => rmSync(join(ROOT, dist), { recursive: true, force: true });
}

declare module 'vitest' {
  export interface ProvidedContext {
    dist: string;
  }
}
