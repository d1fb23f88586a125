/** The client or the element as an app ships it: one file, minified. */
import { build } from 'esbuild';

const bundled = new Map<string, Promise<string>>();

export function bundle(name: 'index' | 'element'): Promise<string> {
  const text = bundled.get(name) ?? make(name);
  bundled.set(name, text);
  return text;
}

async function make(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL(`../../client/${name}.ts`, import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0]!.text;
}
