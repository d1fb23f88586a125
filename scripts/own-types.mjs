// Types that are written by hand are copied beside those that tsc wrote, and tsc pointed at their old place.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function ownTypes(from, to) {
  await cp(join(from, 'jsx.d.ts'), join(to, 'jsx.d.ts'));
  const file = join(to, 'element.d.ts');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/path="[^"]*jsx\.d\.ts"/, 'path="./jsx.d.ts"'));
}
