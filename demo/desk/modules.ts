/** What the demo's pages load: their own files, Auth0's SDK, and our client as it is in the tree. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { transform } from 'esbuild';

export interface BrowserModule {
  type: string;
  text: string;
}

const SDK = '@auth0/auth0-spa-js/dist/auth0-spa-js.production.esm.js';

const CLIENT = new URL('../../client/', import.meta.url);

const FILES: Record<string, URL> = {
  '/modules/auth0-spa-js.js': new URL(import.meta.resolve(SDK)),
  ...Object.fromEntries(
    readdirSync(CLIENT).map((name) => [
      `/modules/readdress/${name.replace(/\.ts$/, '.js')}`,
      new URL(name, CLIENT),
    ]),
  ),
  ...Object.fromEntries(
    ['app.js', 'phone.js', 'app.css', 'phone.css'].map((name) => [
      `/${name}`,
      new URL(`../spa/${name}`, import.meta.url),
    ]),
  ),
};

/** The module at this path, read anew each time: a saved file shows with the next reload. */
export async function findModule(path: string): Promise<BrowserModule | undefined> {
  const file = FILES[path];
  if (!file) return undefined;
  const text = await readFile(file, 'utf8');
  if (extname(file.pathname) === '.css') return { type: 'text/css', text };
  if (extname(file.pathname) === '.js') return { type: 'text/javascript', text };
  const { code } = await transform(text, { loader: 'ts', target: 'es2022' });
  // The files of the package name each other as TypeScript does.
  return { type: 'text/javascript', text: code.replaceAll(/(from ["']\.\/[\w-]+)\.ts/g, '$1.js') };
}
