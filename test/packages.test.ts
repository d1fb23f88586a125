/** The packages as they are packed: what a backend, an app and a test suite install, resolve and type-check. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../demo/ports.ts';
import { callApi, eventually, startWorld, tokenIn } from './support/world.ts';

const ROOT = new URL('../', import.meta.url).pathname;
const run = promisify(execFile);
const tsc = (cwd: string, ...args: string[]) =>
  run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...args], { cwd });

const PACKAGES = {
  readdress: ['.', './client', './element', './lambda', './translations'],
  '@readdress/client': ['.', './element', './react', './translations'],
  'auth0-stand-in': ['.', './inbox'],
} as const;
type Name = keyof typeof PACKAGES;
const NAMES = Object.keys(PACKAGES) as Name[];

let folder: string;
/** Each packed from a build of its own: nobody else's `dist` is touched. */
const tarballs = new Map<Name, Uint8Array<ArrayBuffer>>();

/** The package in `source`, laid out as it is in the repository, packed and as it is installed. */
async function pack(name: Name, source: string): Promise<void> {
  const args = ['pack', '--ignore-scripts', '--offline', '--pack-destination', folder, '--json'];
  const [packed] = JSON.parse((await run('npm', args, { cwd: source })).stdout) as {
    filename: string;
  }[];
  const tarball = join(folder, packed!.filename);
  tarballs.set(name, new Uint8Array(await readFile(tarball)));
  const place = join(folder, 'node_modules', name);
  await mkdir(place, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', place, '--strip-components=1']);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packages-'));
  const server = join(folder, 'server');
  await mkdir(server);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'docs', 'auth0', '.env.example'])
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
  // What they need of others is where it always is.
  for (const name of await readdir(join(ROOT, 'node_modules')))
    if (!/^\.|^@readdress$|^auth0-stand-in$/.test(name))
      await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(NAMES)('%s', (name) => {
  test('publint has nothing to say of it', async () => {
    const { messages, pkg } = await publint({
      pack: { tarball: tarballs.get(name)!.buffer },
      strict: true,
    });
    expect(messages.map((one) => formatMessage(one, pkg))).toEqual([]);
  });

  test('its types are those of its code, wherever modules are ESM', async () => {
    const analysis = await checkPackage(createPackageFromTarballData(tarballs.get(name)!));
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

test.each(['fastify-backend', 'express-backend'])(
  'the example %s serves its own pages and the whole change, from the packed package',
  async (example) => {
    const world = await startWorld({ workers: false });
    const port = await freePort(0);
    await cp(join(ROOT, 'examples', example), join(folder, example), { recursive: true });
    const child = spawn(process.execPath, ['server.js'], {
      cwd: join(folder, example),
      env: { ...world.env, PORT: String(port), PUBLIC_URL: `http://localhost:${port}/account` },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const url = `http://localhost:${port}`;
    await eventually(
      async () => (await fetch(`${url}/account/readyz`).catch(() => undefined))?.ok,
      `${example} to be ready`,
      20_000,
    );
    expect(await (await fetch(url)).json()).toEqual({ backend: 'yours' });
    const { user_id: sub } = world.tenant.addUser({ email: 'old@example.com' });
    const asked = await callApi(url, 'POST', '/account/v1/email-changes', {
      token: await world.token(sub),
      body: { email: 'new@example.org' },
    });
    expect(asked.status).toBe(202);
    const { text } = await world.inbox.waitFor({ to: 'new@example.org' });
    const body = { token: tokenIn(text, 'confirm') };
    const clicked = await callApi(url, 'POST', '/account/v1/confirm', {
      body,
      headers: { prefer: 'wait=10' },
    });
    expect(clicked.body).toMatchObject({ status: 'committed' });
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
  },
);

test('the example lambda answers an event of a gateway and does what is due', async () => {
  const { env } = await startWorld({ workers: false });
  await cp(join(ROOT, 'examples/lambda'), join(folder, 'lambda'), { recursive: true });
  const script = `import { api, tasks } from './lambda/index.js';
const requestContext = { http: { method: 'GET', sourceIp: '203.0.113.7' } };
const { statusCode } = await api({ version: '2.0', rawPath: '/readyz', headers: {}, requestContext });
console.log(JSON.stringify([statusCode, await tasks()]));
process.exit();`;
  await writeFile(join(folder, 'function.mjs'), script);
  const { stdout } = await run(process.execPath, ['function.mjs'], {
    cwd: folder,
    env: { ...env, LOG_LEVEL: 'silent', TASKS: 'inline' },
  });
  expect(JSON.parse(stdout)).toEqual([200, { done: 0, putOff: 0 }]);
});
