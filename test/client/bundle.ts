/** The client or the element as an app ships it: one file, minified. */
import { build } from 'esbuild';

const bundled = new Map<string, Promise<string>>();

export function bundle(name: 'index' | 'element'): Promise<string> {
  const text = bundled.get(name) ?? make(name);
  bundled.set(name, text);
  return text;
}

const make = async (name: string): Promise<string> => (await built(name, false))[0]!;

/** As a bundler that splits makes it: what a page loads, and then what is loaded when it is needed. */
export const chunks = (name: 'element'): Promise<string[]> => built(name, true);

async function built(name: string, splitting: boolean): Promise<string[]> {
  const { outputFiles } = await build({
    entryPoints: [new URL(`../../client/${name}.ts`, import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    splitting,
    outdir: 'bundled',
    write: false,
  });
  return outputFiles.map(({ text }) => text);
}
