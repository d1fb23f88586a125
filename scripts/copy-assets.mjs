// Copies what tsc leaves behind: Lua, templates, catalogs and page assets, beside their modules.
import { cp } from 'node:fs/promises';
import { ownTypes } from './own-types.mjs';

const out = process.argv[2] ?? 'dist';
for (const folder of ['src', 'workers'])
  await cp(folder, `${out}/${folder}`, {
    recursive: true,
    filter: (source) => !source.endsWith('.ts'),
  });
// The server makes a script of the page of it.
await cp('client/paste.js', `${out}/client/paste.js`);
await ownTypes('client', `${out}/client`);
