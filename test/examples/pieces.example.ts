/**
 * The pieces of docs/spa.md for React, Vue, Svelte and Angular: type-checked strictly by each framework's own
 * checker, with the newest Auth0 SDKs, built, and driven from the login to the new address.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import type { Page } from 'playwright-core';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { listenOnLoopback } from '../../stand-ins/loopback.ts';
import { logIn } from '../browser/app.ts';
import { describeInBrowser } from '../support/browser.ts';
import { ROOT, run } from '../support/packed.ts';
import { startWorld, tokenIn, type World } from '../support/world.ts';
import { packages } from './example.ts';

const [OLD, NEW] = ['ada@example.com', 'ada.lovelace@example.org'];

/** How an app sets up Auth0's SDK; the addresses are those of the page that it is served with. */
const OPTIONS = `const OPTIONS = {
  domain: window.tenant.domain,
  clientId: window.tenant.clientId,
  authorizationParams: { audience: window.tenant.audience, scope: 'openid profile email change:email', redirect_uri: location.origin },
};`;

type Framework = {
  piece: string;
  main: string;
  packages: string;
  /** The checker, and a mistake that it has to find. */
  check: string;
  mistake: readonly [right: string, wrong: string];
  /** What makes scripts of it, where the bundler can not, and which. */
  compile?: string;
  built?: string;
  plugin?: (load: NodeJS.Require) => Plugin;
};

const FRAMEWORKS: Record<string, Framework> = {
  React: {
    piece: 'AccountPage.tsx',
    main: `import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { Auth0Provider } from '@auth0/auth0-react';
import { AccountPage } from 'the-piece';
createRoot(document.querySelector('main')).render(createElement(Auth0Provider, OPTIONS, createElement(AccountPage)));`,
    packages: 'react react-dom @types/react @auth0/auth0-react',
    check: 'typescript/bin/tsc -p .',
    mistake: ['baseUrl="https://account.example.com"', 'baseUrl={1}'],
  },
  Vue: {
    piece: 'AccountPage.vue',
    main: `import { createApp } from 'vue';
import { createAuth0 } from '@auth0/auth0-vue';
import AccountPage from 'the-piece';
createApp(AccountPage).use(createAuth0(OPTIONS)).mount('main');`,
    packages: 'vue vue-tsc @auth0/auth0-vue',
    check: 'vue-tsc/bin/vue-tsc.js -p .',
    mistake: ['base-url="https://account.example.com"', ':base-url="1"'],
    plugin: (load) => ({
      name: 'vue',
      setup(building) {
        const { parse, compileScript } = load('vue/compiler-sfc') as VueCompiler;
        building.onLoad({ filter: /\.vue$/ }, async ({ path }) => {
          const { descriptor } = parse(await readFile(path, 'utf8'), { filename: path });
          const isCustomElement = (tag: string) => tag === 'readdress-change-email';
          const templateOptions = { compilerOptions: { isCustomElement } };
          const { content } = compileScript(descriptor, {
            id: 'account',
            inlineTemplate: true,
            templateOptions,
          });
          return { contents: content, loader: 'ts' };
        });
      },
    }),
  },
  Svelte: {
    piece: 'AccountPage.svelte',
    main: `import { mount } from 'svelte';
import AccountPage from 'the-piece';
mount(AccountPage, { target: document.querySelector('main') });`,
    packages: 'svelte svelte-check @auth0/auth0-spa-js',
    check: 'svelte-check/bin/svelte-check --tsconfig ./tsconfig.json --output machine',
    mistake: ['base-url="https://account.example.com"', 'base-url={1}'],
    plugin: (load) => ({
      name: 'svelte',
      setup(building) {
        const { compile } = load('svelte/compiler') as SvelteCompiler;
        building.onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
          const { js } = compile(await readFile(path, 'utf8'), {
            filename: path,
            generate: 'client',
          });
          return { contents: js.code, loader: 'js' };
        });
      },
    }),
  },
  Angular: {
    piece: 'account-page.component.ts',
    // The libraries are linked in the browser here, where an app's builder does it before.
    main: `import '@angular/compiler';
import { bootstrapApplication } from '@angular/platform-browser';
import { provideAuth0 } from '@auth0/auth0-angular';
import { AccountPage } from 'the-piece';
bootstrapApplication(AccountPage, { providers: [provideAuth0(OPTIONS)] });`,
    packages:
      '@angular/common @angular/compiler @angular/compiler-cli @angular/core @angular/platform-browser @angular/router @auth0/auth0-angular rxjs',
    check: '@angular/compiler-cli/bundles/src/bin/ngc.js -p .',
    mistake: ['maxAge === undefined', "maxAge === 'undefined'"],
    compile: '@angular/compiler-cli/bundles/src/bin/ngc.js -p tsconfig.right.json',
    built: 'built/account-page.component.js',
  },
};
type VueCompiler = {
  parse: (source: string, options: object) => { descriptor: object };
  compileScript: (descriptor: object, options: object) => { content: string };
};
type SvelteCompiler = { compile: (source: string, options: object) => { js: { code: string } } };

describeInBrowser('the pieces of docs/spa.md', ({ open }) => {
  let pieces: Map<string, string>;
  beforeAll(async () => {
    const docs = await readFile(join(ROOT, 'docs/spa.md'), 'utf8');
    const found = docs.matchAll(/```\w+\n((?:\/\/|<!--) ([\w.-]+?\.\w+)(?: -->)?\n[^]*?)```/g);
    pieces = new Map([...found].map(([, code, name]) => [name!, code!]));
  });

  /** A clean folder with this piece and what it is built with. */
  async function lay({
    piece,
    packages: names,
    mistake,
    main,
    compile,
  }: Framework): Promise<string> {
    const folder = await (
      await packages()
    ).install(['@readdress/client', 'typescript', ...names.split(' ')], 'examples');
    const code = pieces.get(piece)!;
    expect(code).toContain(mistake[0]);
    const files = {
      [piece]: code,
      [`wrong-${piece}`]: code.replace(...mistake).replace('AccountPage {', 'Wrong {'),
      'login.js': `${OPTIONS}\n${pieces.get('login.js')!.replace(/createAuth0Client\(\{[^]*?\n\}\)/, 'createAuth0Client(OPTIONS)')}`,
      'main.js': `${OPTIONS}\n${main}`,
      'tsconfig.right.json': JSON.stringify({ extends: './tsconfig.json', include: [piece] }),
      'tsconfig.json': JSON.stringify({
        compilerOptions: {
          strict: true,
          skipLibCheck: true,
          allowJs: true,
          checkJs: false,
          target: 'es2022',
          module: 'esnext',
          moduleResolution: 'bundler',
          verbatimModuleSyntax: true,
          jsx: 'react-jsx',
          lib: ['es2023', 'dom', 'dom.iterable'],
          types: [],
          outDir: 'built',
          noEmit: !compile,
        },
        include: [piece, `wrong-${piece}`],
        vueCompilerOptions: { strictTemplates: true },
        angularCompilerOptions: { strictTemplates: true },
      }),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return folder;
  }
  const node = (cwd: string, command: string) =>
    run(
      process.execPath,
      [`node_modules/${command.split(' ')[0]}`, ...command.split(' ').slice(1)],
      {
        cwd,
      },
    );

  /** The app with its service, at an address of its own. */
  async function serve(script: () => Promise<string>): Promise<{ world: World; url: string }> {
    const held = { html: '', script: '' };
    const server = await listenOnLoopback((request, response) => {
      const isScript = request.url?.startsWith('/main.js');
      response
        .writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' })
        .end(isScript ? held.script : held.html);
    });
    onTestFinished(() => server.close());
    const url = `http://localhost:${server.port}`;
    const world = await startWorld({
      tenant: {
        actions: ['login-evidence'],
        spa: { redirectUris: [url], logoutUris: [url], webOrigins: [url] },
      },
      env: { CORS_ORIGINS: url },
    });
    const { tenant } = world;
    const told = {
      domain: tenant.url,
      clientId: tenant.spaClientId,
      audience: tenant.audience,
    };
    held.html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,"><script>window.tenant = ${JSON.stringify(told)}</script><script type="module" src="/main.js"></script></head><body><main><app-account-page></app-account-page></main></body></html>`;
    held.script = (await script()).replaceAll('https://account.example.com', world.api);
    return { world, url };
  }

  test.each(Object.entries(FRAMEWORKS))(
    'for %s: typed strictly, and the whole change from the login on',
    { timeout: 180_000 },
    async (_, framework) => {
      const folder = await lay(framework);
      const checked = await node(folder, framework.check).catch(
        (error: { stdout: string; stderr: string }) => error,
      );
      const said = (checked.stdout + checked.stderr).split('\n');
      const errors = said.filter(
        (line) => /error|ERROR/.test(line) && line.includes(framework.piece),
      );
      expect(errors.length, said.join('\n')).toBeGreaterThan(0);
      expect(errors.filter((line) => !line.includes(`wrong-${framework.piece}`))).toEqual([]);

      if (framework.compile) await node(folder, framework.compile);
      const { world, url } = await serve(async () => {
        const { outputFiles } = await build({
          entryPoints: [join(folder, 'main.js')],
          absWorkingDir: folder,
          alias: { 'the-piece': join(folder, framework.built ?? framework.piece) },
          bundle: true,
          format: 'esm',
          jsx: 'automatic',
          define: {
            'process.env.NODE_ENV': '"production"',
            __VUE_OPTIONS_API__: 'true',
            __VUE_PROD_DEVTOOLS__: 'false',
            __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
          },
          plugins: framework.plugin
            ? [framework.plugin(createRequire(join(folder, 'main.js')))]
            : [],
          write: false,
          logLevel: 'error',
        });
        return outputFiles[0]!.text;
      });
      const { tenant, inbox } = world;
      const { user_id: sub } = tenant.addUser({ email: OLD, password: 'correct horse' });
      // Nobody is signed in at first.
      const window = await open({ tolerates: /status of 40[014]|Missing Refresh Token/ });
      const page: Page = await window.newPage();
      await page.goto(url);
      const field = page.getByLabel('New email address');
      const login = page.getByLabel('Password');
      await field.or(login).waitFor();
      if (await field.isVisible()) {
        await field.fill(NEW);
        await field.press('Enter');
        await page.getByRole('button', { name: 'Sign in again' }).click();
      }
      await logIn(page, OLD);
      await field.fill(NEW);
      await field.press('Enter');
      await page.getByText(`We sent a link to ${NEW}.`).waitFor();
      const { text } = await inbox.waitFor({ to: NEW });
      await world.call('POST', '/v1/confirm', { body: { token: tokenIn(text, 'confirm') } });
      await page.getByText(`Your email address is now ${NEW}.`).waitFor();
      expect(tenant.user(sub).email).toBe(NEW);
    },
  );
});
