// Copies what tsc leaves behind: Lua, templates, catalogs and page assets, beside their modules.
import { cp } from 'node:fs/promises';

const out = process.argv[2] ?? 'dist';
for (const folder of ['src', 'workers', 'client'])
  await cp(folder, `${out}/${folder}`, {
    recursive: true,
    filter: (source) => !source.endsWith('.ts'),
  });
