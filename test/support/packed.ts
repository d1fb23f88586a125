/**
 * The packages as they are packed, and clean folders with nothing in them but what was installed: a package that
 * needs what it does not name is found out. Nothing is fetched: `npm ci` has brought all that is needed.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = new URL('../../', import.meta.url).pathname;
export const run = promisify(execFile);
export const tsc = (cwd: string, ...args: string[]) =>
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...args], { cwd });

export type Name = 'readdress' | '@readdress/client' | 'auth0-stand-in';
export type Packed = {
  /** As a registry would hold them. */
  tarballs: Map<Name, Uint8Array<ArrayBuffer>>;
  /**
   * A new folder with these packages, ours and others, and all that they need.
   * @param at whose versions of others: the repository's, or those of the examples
   */
  install: (names: readonly string[], at?: '' | 'examples') => Promise<string>;
  /** A new folder with this example, installed. */
  installExample: (name: string) => Promise<string>;
  folder: string;
};

/** Each is packed from a build of its own: nobody else's `dist` is touched. */
export async function packAll(): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), 'packed-'));
  const tarballs: Packed['tarballs'] = new Map();
  const files = new Map<string, string>();

  async function pack(name: Name, source: string): Promise<void> {
    const args = ['pack', '--ignore-scripts', '--offline', '--pack-destination', folder, '--json'];
    const [packed] = JSON.parse((await run('npm', args, { cwd: source })).stdout) as {
      filename: string;
    }[];
    files.set(name, join(folder, packed!.filename));
    tarballs.set(name, new Uint8Array(await readFile(files.get(name)!)));
  }

  const server = join(folder, 'server');
  await mkdir(server);
  for (const name of 'package.json README.md LICENSE docs auth0 deploy .env.example'.split(' '))
    await cp(join(ROOT, name), join(server, name), { recursive: true });
  const dist = join(server, 'dist');
  // The rest of the service is there to be packed; its types are checked elsewhere.
  await tsc(ROOT, '-p', 'tsconfig.build.json', '--outDir', dist, '--noCheck');
  await tsc(ROOT, '-p', 'tsconfig.client.json', '--outDir', dist);
  await run(process.execPath, ['scripts/copy-assets.mjs', dist], { cwd: ROOT });
  await pack('readdress', server);
  for (const [name, from] of [
    ['@readdress/client', 'client'],
    ['auth0-stand-in', 'stand-ins'],
  ] as const) {
    const source = join(folder, from);
    await mkdir(source);
    for (const file of await readdir(join(ROOT, from)))
      if (/^(?:package\.json|README\.md|LICENSE|custom-elements\.json)$/.test(file))
        await cp(join(ROOT, from, file), join(source, file));
    const args = ['scripts/build-package.mjs', from, join(source, 'dist')];
    await run(process.execPath, args, { cwd: ROOT });
    await pack(name, source);
  }

  let count = 0;
  const install: Packed['install'] = async (names, at = '') => {
    const place = join(folder, `installed-${(count += 1)}`);
    await mkdir(join(place, 'node_modules'), { recursive: true });
    await writeFile(join(place, 'package.json'), JSON.stringify({ type: 'module' }));
    for (const [name, from] of whatTheyNeed(names, at)) {
      const to = join(place, 'node_modules', name);
      await mkdir(dirname(to), { recursive: true });
      // Other names for the same files; copies where the folders are of two file systems.
      await run('cp', ['-al', join(ROOT, from), to]).catch(async () => {
        await rm(to, { recursive: true, force: true });
        await run('cp', ['-a', join(ROOT, from), to]);
      });
    }
    for (const name of names.filter((each) => files.has(each))) {
      const to = join(place, 'node_modules', name);
      await mkdir(to, { recursive: true });
      await run('tar', ['-xzf', files.get(name)!, '-C', to, '--strip-components=1']);
    }
    return place;
  };

  return {
    tarballs,
    install,
    async installExample(name) {
      const example = join(ROOT, 'examples', name);
      const { dependencies = {} } = manifestIn(example);
      const place = await install(Object.keys(dependencies), 'examples');
      await cp(example, place, { recursive: true });
      for (const [each, wanted] of Object.entries(dependencies)) {
        const { version } = manifestIn(join(place, 'node_modules', each));
        if (version !== wanted) throw new Error(`${name} names ${each} ${wanted}, not ${version}`);
      }
      return place;
    },
    folder,
  };
}

type Manifest = {
  version?: string;
  link?: true;
  resolved?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
};
const manifestIn = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** The packages of others that these need, and those in turn, and where they are: as `npm ci` has laid them out. */
function whatTheyNeed(names: readonly string[], at: string): Map<string, string> {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Manifest>;
  };
  const places = new Map<string, string>();
  const seen = new Set<string>();
  /** As Node looks for it: beside its user, then further and further out. */
  const find = (user: string, name: string): string | undefined => {
    for (let folder = user; ; folder = dirname(folder)) {
      const place = join(folder, 'node_modules', name);
      if (packages[place] !== undefined) return place;
      if (folder === '.' || folder === '') return undefined;
    }
  };
  const visit = (user: string, name: string): void => {
    const place = find(user, name);
    if (place === undefined) throw new Error(`package-lock.json has no ${name} for ${user}`);
    if (seen.has(place)) return;
    seen.add(place);
    const { link, resolved } = packages[place]!;
    // Those inside of another come along with it.
    const isInside = /node_modules\/.*\/node_modules\//.test(place);
    if (!link && !isInside && !places.has(name)) places.set(name, place);
    needs(link ? resolved! : place, packages[link ? resolved! : place]!);
  };
  const needs = (user: string, manifest: Manifest): void => {
    const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = manifest;
    for (const name of Object.keys({ ...dependencies, ...peerDependencies }))
      if (!(name in optionalDependencies || manifest.peerDependenciesMeta?.[name]?.optional))
        visit(user, name);
    // Many of them are of other machines.
    for (const name of Object.keys(optionalDependencies))
      if (existsSync(join(ROOT, find(user, name) ?? 'none'))) visit(user, name);
  };
  for (const name of names) {
    if (name === 'readdress') needs('', { dependencies: packages['']!.dependencies! });
    else visit(at, name);
  }
  return places;
}
