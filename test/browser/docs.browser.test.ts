/** Every piece of code in docs/spa.md, run as it stands there: only addresses and names are filled in. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { BrowserContext, Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { listenOnLoopback } from '../../stand-ins/loopback.ts';
import { describeInBrowser, picture } from '../support/browser.ts';
import { eventually } from '../support/world.ts';
import { NEW, OLD, startStage, type Stage } from './stage.ts';

const DOCS = readFileSync(new URL('../../docs/spa.md', import.meta.url), 'utf8');
const PIECES = [...DOCS.matchAll(/```\w+\n([^]*?)```/g)].map(([, code]) => code!);
/** The piece of code that begins like this. */
function piece(start: string): string {
  const found = PIECES.find((code) => code.startsWith(start));
  if (found === undefined) throw new Error(`docs/spa.md has no piece that begins with ${start}`);
  return found;
}
const TAG = piece('<readdress-change-email');
const ROOT = new URL('../../', import.meta.url).pathname;

/** An app made of these files, under the policy that the page says it needs. */
async function startApp(html: string, files: Record<string, string>, env = {}) {
  const held = { url: '', stage: undefined as Stage | undefined, scripts: '' };
  const server = await listenOnLoopback((req, res) => {
    const { pathname } = new URL(req.url ?? '/', 'http://app');
    const { front, tenant } = held.stage!;
    if (pathname.startsWith('/token')) {
      void held.stage!.token(held.stage!.sub).then((token) => res.end(token));
      return;
    }
    const isScript = pathname === '/main.js';
    res.writeHead(200, {
      'content-type': isScript ? 'text/javascript' : 'text/html; charset=utf-8',
      'content-security-policy': `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; connect-src ${front.url} ${tenant.url} 'self'; frame-src ${tenant.url}; worker-src blob:`,
    });
    res.end(
      isScript
        ? held.scripts
        : `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script></head><body>${fill(html)}</body></html>`,
    );
  });
  onTestFinished(() => server.close());
  held.url = `http://localhost:${server.port}`;
  held.stage = await startStage({
    tenant: {
      actions: ['login-evidence'],
      spa: { redirectUris: [held.url], logoutUris: [held.url], webOrigins: [held.url] },
    },
    env: { CORS_ORIGINS: held.url, CONFIRM_URL: `${held.url}/confirm`, ...env },
  });
  const { front, tenant } = held.stage;
  const fill = (code: string) =>
    code
      .replaceAll('https://account.example.com/', tenant.audience)
      .replaceAll('https://account.example.com', front.url)
      .replaceAll('tenant.eu.auth0.com', tenant.url)
      .replaceAll('YOUR_CLIENT_ID', tenant.spaClientId);
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, code] of Object.entries(files)) writeFileSync(join(folder, name), fill(code));
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'main.js')],
    alias: {
      '@readdress/client/element': `${ROOT}client/element.ts`,
      '@readdress/client': `${ROOT}client/index.ts`,
    },
    nodePaths: [`${ROOT}node_modules`],
    bundle: true,
    format: 'esm',
    write: false,
  });
  held.scripts = outputFiles[0]!.text;
  return { ...held.stage, url: held.url };
}

const LOGIN = { 'login.js': piece('// login.js') };

async function logIn(page: Page, email?: string): Promise<void> {
  if (email !== undefined) await page.getByLabel('Email address', { exact: true }).fill(email);
  await page.getByLabel('Password').fill('correct horse');
  await page.getByRole('button', { name: 'Continue' }).click();
}
async function openApp(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await logIn(page, OLD);
  return page;
}
const expectText = (page: Page, text: string | RegExp) => page.getByText(text).waitFor();

/** To the service the login is two minutes old, and the tenant has none any more to go by. */
async function growOld(stage: Stage, page: Page): Promise<void> {
  stage.pass(2 * 60_000);
  await page.context().clearCookies();
}

async function confirm(stage: Stage): Promise<void> {
  const mail = await stage.inbox.waitFor({ to: NEW });
  const token = /#([\w-]{64})/.exec(mail.text)![1];
  const answer = await stage.call('POST', '/v1/confirm', { body: { token } });
  expect(answer.status).toBe(202);
}

describeInBrowser('docs/spa.md', ({ open }) => {
  // Until the page is left for the login, a script goes on without a token.
  const window = () => open({ tolerates: /status of 40[014]|Missing Refresh Token/ });

  test('ten lines are enough, from the login to the login with the new address', async () => {
    const app = await startApp(TAG, {
      ...LOGIN,
      'account.js': piece('// account.js'),
      'main.js': `import './account.js';`,
    });
    const page = await openApp(await window(), app.url);
    await page.getByLabel('New email address').fill(NEW);
    await page.keyboard.press('Enter');
    await expectText(page, `We sent a link to ${NEW}.`);
    await picture(page, 'docs-ten-lines');
    await confirm(app);
    await expectText(page, `Your email address is now ${NEW}.`);
    await page.getByRole('button', { name: 'Sign in again' }).click();
    expect(await page.getByLabel('Email address', { exact: true }).inputValue()).toBe(NEW);
    await logIn(page);
    await page.getByLabel('New email address').waitFor();
  });

  test('they are ten', () => {
    const account = piece('// account.js').split('\n');
    const lines = account.filter((line) => line !== '' && !/^\/\/|^import \{|^  +[?:]/.test(line));
    const isNew = piece('// login.js').match(/\/\/ new:/g)!.length;
    expect(lines.length + isNew + TAG.trim().split('\n').length).toBeLessThanOrEqual(10);
  });

  test('a login that is too old is renewed in a popup, and the request goes on', async () => {
    const app = await startApp(
      TAG,
      { ...LOGIN, 'account.js': piece('// account.js'), 'main.js': `import './account.js';` },
      { MAX_AUTH_AGE: '60' },
    );
    const page = await openApp(await window(), app.url);
    await page.getByLabel('New email address').waitFor();
    await growOld(app, page);
    await page.getByLabel('New email address').fill(NEW);
    const popup = page.waitForEvent('popup');
    await page.keyboard.press('Enter');
    const login = await popup;
    app.pass(-2 * 60_000);
    await logIn(login, OLD);
    await expectText(page, `We sent a link to ${NEW}.`);
  });

  test.each([
    ['without refresh tokens it fails', '', 'login_required'],
    ['with them the new token tells of no login', 'useRefreshTokens: true,', 'no evidence'],
  ])('renewing silently does not help: %s', async (_, option, outcome) => {
    const app = await startApp(TAG, {
      'login.js': LOGIN['login.js'].replace('  authorizationParams', `  ${option}$&`),
      'main.js': `import { auth0 } from './login.js';
const tellsOfLogin = (token) => 'https://readdress/auth_time' in JSON.parse(atob(token.split('.')[1]));
if (!tellsOfLogin(await auth0.getTokenSilently())) throw new Error('The login left no evidence.');
window.renew = () => auth0
  .getTokenSilently({ cacheMode: 'off', authorizationParams: { max_age: 0 } })
  .then((token) => (tellsOfLogin(token) ? 'evidence' : 'no evidence'), ({ error }) => error);
document.documentElement.dataset.ready = '';`,
    });
    const page = await openApp(await window(), app.url);
    await page.locator('html[data-ready]').waitFor();
    expect(await page.evaluate('renew()')).toBe(outcome);
  });

  test('a login that is too old is renewed by leaving the page, and what was typed is there again', async () => {
    const app = await startApp(
      TAG,
      {
        'login.js': `export let appState;\n${LOGIN['login.js'].replace(
          'await auth0.handleRedirectCallback()',
          '({ appState } = await auth0.handleRedirectCallback())',
        )}`,
        'account.js': `import '@readdress/client/element';\nimport { auth0, appState } from './login.js';
const element = document.querySelector('readdress-change-email');\n${piece('// step-up-by-redirect.js')}`,
        'main.js': `import './account.js';`,
      },
      { MAX_AUTH_AGE: '60' },
    );
    const page = await openApp(await window(), app.url);
    await page.getByLabel('New email address').waitFor();
    await growOld(app, page);
    await page.getByLabel('New email address').fill(NEW);
    const left = page.waitForRequest((request) => request.url().includes('/authorize?'));
    await page.keyboard.press('Enter');
    await left;
    app.pass(-2 * 60_000);
    await logIn(page, OLD);
    const field = page.getByLabel('New email address');
    await eventually(async () => (await field.inputValue()) === NEW);
    await field.press('Enter');
    await expectText(page, `We sent a link to ${NEW}.`);
  });

  test.each([
    ['asked for, confirmed and followed live, with a new login in between', 0],
    ['also by a browser whose clock is ten minutes slow', 600_000],
  ])('tokens bound to the app are enough, and the only ones taken: %s', async (_, slowMs) => {
    const app = await startApp(
      TAG,
      {
        'login.js': LOGIN['login.js'].replace('  authorizationParams', '  useDpop: true,\n$&'),
        'dpop.js': piece('// dpop.js'),
        'main.js': `import './dpop.js';`,
      },
      { DPOP: 'required', MAX_AUTH_AGE: '30' },
    );
    const context = await window();
    await context.addInitScript(`const now = Date.now; Date.now = () => now() - ${slowMs};`);
    const page = await openApp(context, app.url);
    const stream = page.waitForResponse(
      (answer) => answer.url().endsWith('/events') && answer.ok(),
    );
    await page.getByLabel('New email address').fill(NEW);
    // Too old for the service alone: the tenant renews it without a question.
    app.pass(40_000);
    await context.route('**/authorize?*max_age=30*', (route) => {
      app.pass(-40_000);
      return route.continue();
    });
    const popup = page.waitForEvent('popup');
    await page.keyboard.press('Enter');
    await popup;
    await expectText(page, `We sent a link to ${NEW}.`);
    const { 'content-type': type } = (await stream).headers();
    const sent = await (await stream).request().allHeaders();
    expect([type, sent['authorization'], sent['dpop']]).toEqual([
      'text/event-stream; charset=utf-8',
      expect.stringMatching(/^DPoP /),
      expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    ]);
    await confirm(app);
    await expectText(page, `Your email address is now ${NEW}.`);
    const nonces = app.logs.filter(({ status }) => status === 401);
    expect(nonces.length > 1).toBe(slowMs > 0);
  });

  test('the colours of the page are those that it says', async () => {
    const css = piece('readdress-change-email {');
    const app = await startApp(TAG, { ...LOGIN, 'main.js': `import '@readdress/client/element';` });
    const page = await (await window()).newPage();
    await page.goto(app.url);
    // Past the policy, as a stylesheet of the app would be.
    await page.evaluate(
      `{ const sheet = new CSSStyleSheet(); sheet.replaceSync(${JSON.stringify(css)}); document.adoptedStyleSheets = [sheet]; }`,
    );
    expect(
      await page.evaluate(
        `getComputedStyle(document.querySelector('readdress-change-email').shadowRoot.querySelector('[part=submit]')).backgroundColor`,
      ),
    ).toBe('rgb(10, 92, 54)');
  });

  test('a form of one’s own takes a request and a watch', async () => {
    const app = await startApp('<p id="shown"></p>', {
      'own-form.js': `const auth0 = { getTokenSilently: () => fetch('/token').then((a) => a.text()) };\n${piece('// own-form.js')}
window.changeEmail = changeEmail;`,
      'main.js': `import './own-form.js'; document.documentElement.dataset.ready = '';`,
    });
    const page = await (await window()).newPage();
    await page.goto(app.url);
    await page.locator('html[data-ready]').waitFor();
    await page.evaluate(
      `window.shown = []; window.done = changeEmail('${NEW}', (word) => shown.push(word)); 0`,
    );
    await confirm(app);
    expect(await page.evaluate('done')).toMatchObject({ status: 'committed' });
    expect(new Set(await page.evaluate<string[]>('shown'))).toEqual(
      new Set(['pending', 'confirmed', 'committed']),
    );
    expect(await page.evaluate(`changeEmail('nonsense', String)`)).toBe('invalid-email');
  });

  test('a confirm page of one’s own shows what the link would do, and does it when pressed', async () => {
    const app = await startApp('<p id="text"></p><button id="confirm" hidden>Confirm</button>', {
      'confirm.js': piece('// confirm.js'),
      'main.js': `import './confirm.js';`,
    });
    await app.request({ returnTo: undefined });
    const link = /http\S+#[\w-]{64}/.exec((await app.inbox.waitFor({ to: NEW })).text)![0];
    expect(link.startsWith(`${app.url}/confirm#`)).toBe(true);
    const page = await (await window()).newPage();
    await page.goto(link);
    await expectText(page, `to ${NEW}`);
    expect(page.url()).toBe(`${app.url}/confirm`);
    await page.getByRole('button', { name: 'Confirm' }).click();
    await expectText(page, 'committed');
    expect(app.tenant.user(app.sub).email).toBe(NEW);
  });
});
