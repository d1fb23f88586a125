// Builds a workspace package: its sources by tsc into its own `dist`.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { ownTypes } from './own-types.mjs';

const folder = resolve(process.argv[2] ?? '.');
const out = process.argv[3] ? resolve(process.argv[3]) : join(folder, 'dist');
const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
await rm(out, { recursive: true, force: true });
execFileSync(
  process.execPath,
  [join(typescript, '../bin/tsc'), '-p', join(folder, 'tsconfig.json'), '--outDir', out],
  { stdio: 'inherit' },
);
// The Actions that its tenant runs.
if (existsSync(join(folder, 'tenant/actions.ts')))
  await cp(join(folder, '../auth0/actions'), join(out, '../auth0/actions'), { recursive: true });
if (existsSync(join(folder, 'jsx.d.ts'))) await ownTypes(folder, out);
