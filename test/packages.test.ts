/** The packages as they are packed: what a backend, an app and a test suite install, resolve and type-check. */
import { cp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { beforeAll, describe, expect, test } from 'vitest';
import { packages } from './examples/example.ts';
import { ROOT, run, tsc, type Name, type Packed } from './support/packed.ts';

const PACKAGES = {
  readdress: ['.', './client', './element', './lambda', './translations'],
  '@readdress/client': ['.', './element', './react', './translations'],
  'auth0-stand-in': ['.', './inbox'],
} as const satisfies Record<Name, readonly string[]>;
const NAMES = Object.keys(PACKAGES) as Name[];
/** What the pieces of the docs are written with. */
const OTHERS =
  'fastify @fastify/jwt express react react-dom @auth0/auth0-react @auth0/auth0-spa-js @types/node @types/react @types/express';

let packed: Packed;
let folder: string;
beforeAll(async () => {
  packed = await packages();
  folder = await packed.install([...NAMES, ...OTHERS.split(' ')]);
}, 120_000);

describe.each(NAMES)('%s', (name) => {
  test('publint has nothing to say of it', async () => {
    const { messages, pkg } = await publint({
      pack: { tarball: packed.tarballs.get(name)!.buffer },
      strict: true,
    });
    expect(messages.map((one) => formatMessage(one, pkg))).toEqual([]);
  });

  test('its types are those of its code, wherever modules are ESM', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(packed.tarballs.get(name)!));
    expect(analysis.types).toMatchObject({ kind: 'included' });
    if (!('problems' in analysis)) throw new Error('no types were found');
    expect(Object.keys(analysis.entrypoints)).toEqual(expect.arrayContaining([...PACKAGES[name]]));
    const isEsm = (kind: string) => kind === 'node16-esm' || kind === 'bundler';
    expect(
      analysis.problems.filter((one) => !('resolutionKind' in one) || isEsm(one.resolutionKind)),
    ).toEqual([]);
  });

  test('it brings no test, source map, tool or address of this machine along', async () => {
    const place = join(folder, 'node_modules', name);
    const files = await readdir(place, { recursive: true });
    expect(
      files.filter((file) => /\.test\.|(?<!\.d)\.ts$|tsconfig|node_modules/.test(file)),
    ).toEqual([]);
    const pkg = JSON.parse(await readFile(join(place, 'package.json'), 'utf8')) as object;
    expect(pkg).toMatchObject({ name, version: '0.2.0', license: 'MIT' });
    expect(pkg).not.toHaveProperty('private');
  });
});

test('npm pack in a clean clone builds first, and packs the same', async () => {
  const clone = join(packed.folder, 'clone');
  const made = /\/(?:node_modules|dist|\.git|\.reports|\.screenshots|coverage)(?:\/|$)/;
  await cp(ROOT, clone, {
    recursive: true,
    filter: (source) => !made.test(`/${source.slice(ROOT.length)}`),
  });
  await symlink(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
  const listed = async (tarball: string) =>
    (await run('tar', ['-tzf', tarball])).stdout.trim().split('\n').toSorted();
  const FOLDERS = { readdress: '.', '@readdress/client': 'client', 'auth0-stand-in': 'stand-ins' };
  for (const name of NAMES) {
    const file = `${name.replace('@', '').replace('/', '-')}-0.2.0.tgz`;
    const args = ['pack', '--offline', '--pack-destination', clone];
    await run('npm', args, { cwd: join(clone, FOLDERS[name]) });
    expect(await listed(join(clone, file)), name).toEqual(await listed(join(packed.folder, file)));
  }
});

test('the client has no dependencies', async () => {
  const pkg = JSON.parse(await readFile(join(ROOT, 'client/package.json'), 'utf8')) as object;
  expect(pkg).not.toHaveProperty('dependencies');
});

const PIECES = async (document: string) =>
  [
    ...(await readFile(join(ROOT, 'docs', document), 'utf8')).matchAll(
      /```(?:[jt]sx?)\n\/\/ ([\w-]+\.[jt]sx?)\b.*\n([^]*?)```/g,
    ),
  ].map(([, file, code]) => [file!, code!] as const);

/** What a piece of the docs takes from its surroundings. */
const AROUND: Record<string, string> = {
  'step-up-by-redirect.js': `import { auth0 } from './login.js';\nconst [element] = document.getElementsByTagName('readdress-change-email');\n/** @type {{ email?: string } | undefined} */ let appState;\nimport '@readdress/client/element';\n`,
  'own-form.js': `import { auth0 } from './login.js';\n`,
};

test('every piece of the docs compiles, strictly, against what is installed', async () => {
  const pieces = [...(await PIECES('spa.md')), ...(await PIECES('where-it-runs.md'))];
  expect(pieces.map(([file]) => file)).toEqual(
    expect.arrayContaining(['login.js', 'account.js', 'AccountPage.tsx', 'fastify.ts']),
  );
  for (const [file, code] of pieces)
    await writeFile(join(folder, file), `${AROUND[file] ?? ''}${code}\nexport {};\n`);
  await writeFile(
    join(folder, 'others.tsx'),
    `import { createEmailChangeClient, EmailChangeError, type EmailChange } from 'readdress/client';
import 'readdress/element';
import { TRANSLATIONS } from 'readdress/translations';
import STRINGS from '@readdress/client/translations/de';
import { useEmailChange } from '@readdress/client/react';
import { ConfigError, openReaddress, type Readdress } from 'readdress';
import { startTenant } from 'auth0-stand-in';
import { startInbox } from 'auth0-stand-in/inbox';
import type { FastifyRequest } from 'fastify';
const client = createEmailChangeClient({ baseUrl: 'https://a.example', fetch });
const element = document.querySelector('readdress-change-email')!;
element.client = client;
element.strings = TRANSLATIONS.de;
element.strings = STRINGS;
element.getAccessToken = async () => undefined;
element.addEventListener('email-change', ({ detail }) => detail.status satisfies string);
export const end: Promise<EmailChange> = client.watch('id', ({ email }) => email);
export const isTaken = (error: unknown) =>
  error instanceof EmailChangeError && error.code === 'too-many-requests';
// @ts-expect-error: a code that there is not.
export const isNonsense = (error: EmailChangeError) => error.code === 'nonsense';
export const tag = <readdress-change-email base-url="https://a.example" getAccessToken={() => 'a'} onemail-change={({ detail }) => void detail.email} />;
// @ts-expect-error: an attribute of another type.
export const wrong = <readdress-change-email base-url={1} />;
export const useIt = () => useEmailChange({ baseUrl: '', getAccessToken: () => 'a' }).change?.status;
export const open = (): Promise<Readdress> => openReaddress(process.env);
export const problems = (error: ConfigError): readonly string[] => error.problems;
export const stage = async () => [(await startTenant()).url, (await startInbox()).smtpUrl];
// The types of the service say nothing about a host's own requests.
declare module '@fastify/jwt' {
  interface FastifyJWT {
    user: { role: 'admin' };
  }
}
import '@fastify/jwt';
export const role = ({ user }: FastifyRequest): 'admin' => user.role;
`,
  );
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        noEmit: true,
        strict: true,
        checkJs: true,
        skipLibCheck: true,
        target: 'es2022',
        module: 'nodenext',
        jsx: 'react-jsx',
        lib: ['es2023', 'dom', 'dom.iterable'],
        types: ['node'],
      },
      files: ['others.tsx', ...pieces.map(([file]) => file)],
    }),
  );
  const compiled = await tsc(folder, '-p', '.').catch((error: { stdout: string }) => error);
  expect(compiled.stdout).toBe('');
});

test('every entry loads, in plain Node and where there is no DOM', async () => {
  const entries = NAMES.flatMap((name) =>
    PACKAGES[name].map((entry) => name + entry.slice(1)),
  ).concat('@readdress/client/translations/ja', 'readdress/translations/ja');
  const script = `for (const entry of ${JSON.stringify(entries)}) await import(entry); console.log('loaded');`;
  await writeFile(join(folder, 'load.mjs'), script);
  const { stdout } = await run(process.execPath, ['load.mjs'], { cwd: folder });
  expect(stdout).toBe('loaded\n');
});

test('custom-elements.json says what the element says', async () => {
  const require = createRequire(import.meta.url);
  const manifest = require('../client/custom-elements.json') as {
    modules: [{ declarations: [Record<string, { name: string }[]>] }];
  };
  const [{ attributes, members, cssParts, cssProperties, events }] =
    manifest.modules[0].declarations;
  const source = await readFile(join(ROOT, 'client/element.ts'), 'utf8');
  const docs = await readFile(join(ROOT, 'docs/spa.md'), 'utf8');
  for (const { name } of [...attributes!, ...members!, ...events!]) {
    expect(source).toContain(name);
    expect(docs).toContain(`| \`${name}\``);
  }
  const style = await readFile(join(ROOT, 'client/style.ts'), 'utf8');
  const used = new Set([...style.matchAll(/--readdress-[\w-]+/g)].map(([found]) => found));
  expect(new Set(cssProperties!.map(({ name }) => name))).toEqual(used);
  for (const { name } of cssParts!) expect(docs).toContain(`\`${name}\``);
});
