/** The package as it is packed: what an app installs, resolves and type-checks. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;
const run = promisify(execFile);
const tsc = (cwd: string, ...args: string[]) =>
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...args], { cwd });

let folder: string;
/** The package, packed from a build of its own: nobody else's `dist` is touched. */
let tarball: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'package-'));
  const source = join(folder, 'source');
  await mkdir(source);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'docs', 'auth0', '.env.example'])
    await cp(join(ROOT, name), join(source, name), { recursive: true });
  const dist = join(source, 'dist');
  // The rest of the service is there to be packed; its types are checked elsewhere.
  await tsc(ROOT, '-p', 'tsconfig.build.json', '--outDir', dist, '--noCheck');
  await tsc(ROOT, '-p', 'tsconfig.client.json', '--outDir', dist);
  const pack = ['pack', '--ignore-scripts', '--offline', '--pack-destination', folder, '--json'];
  const [packed] = JSON.parse((await run('npm', pack, { cwd: source })).stdout) as {
    filename: string;
  }[];
  tarball = new Uint8Array(await readFile(join(folder, packed!.filename)));
  // As `npm install` lays it out in an app.
  await mkdir(join(folder, 'node_modules'));
  await symlink(source, join(folder, 'node_modules/readdress'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('publint has nothing to say of it', async () => {
  const { messages, pkg } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
  expect(messages.map((one) => formatMessage(one, pkg))).toEqual([]);
});

test('its types are those of its code, wherever modules are ESM', async () => {
  const analysis = await checkPackage(createPackageFromTarballData(tarball));
  expect(analysis.types).toMatchObject({ kind: 'included' });
  if (!('problems' in analysis)) throw new Error('no types were found');
  expect(Object.keys(analysis.entrypoints)).toEqual(
    expect.arrayContaining(['./client', './element', './translations']),
  );
  const isEsm = (kind: string) => kind === 'node16-esm' || kind === 'bundler';
  expect(
    analysis.problems.filter((one) => !('resolutionKind' in one) || isEsm(one.resolutionKind)),
  ).toEqual([]);
});

test('an app in strict TypeScript compiles against it, declarations included', async () => {
  await writeFile(
    join(folder, 'app.ts'),
    `import { createEmailChangeClient, EmailChangeError, type EmailChange } from 'readdress/client';
import 'readdress/element';
import { TRANSLATIONS } from 'readdress/translations';
const client = createEmailChangeClient({ baseUrl: 'https://a.example', fetch });
const element = document.querySelector('readdress-change-email')!;
element.client = client;
element.strings = TRANSLATIONS.de;
element.addEventListener('email-change', ({ detail }) => detail.status satisfies string);
export const end: Promise<EmailChange> = client.watch('id', ({ email }) => email);
export const isTaken = (error: unknown) =>
  error instanceof EmailChangeError && error.code === 'too-many-requests';
// @ts-expect-error: a code that there is not.
export const isNonsense = (error: EmailChangeError) => error.code === 'nonsense';
`,
  );
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        noEmit: true,
        strict: true,
        target: 'es2022',
        module: 'nodenext',
        lib: ['es2023', 'dom', 'dom.iterable'],
        types: [],
      },
      files: ['app.ts'],
    }),
  );
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const compiled = await tsc(folder, '-p', '.').catch((error: { stdout: string }) => error);
  expect(compiled.stdout).toBe('');
});
