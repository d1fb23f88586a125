/** `@readdress/client/react` in a page that a server rendered, as Next.js does: hydrated, and then the whole change. */
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { listenOnLoopback } from '../../stand-ins/loopback.ts';
import { describeInBrowser } from '../support/browser.ts';
import { startWorld, tokenIn } from '../support/world.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const TREE = (baseUrl: string) => `
import { createElement, useState } from 'react';
import { hydrateRoot } from 'react-dom/client';
import { ChangeEmail, useEmailChange } from '${ROOT}client/react.ts';
const getAccessToken = ({ maxAge }) => fetch('/token').then((answer) => answer.text());
window.heard = [];
function App() {
  const [count, setCount] = useState(0);
  return createElement(ChangeEmail, {
    baseUrl: '${baseUrl}',
    // Another function with each rendering.
    getAccessToken: (options) => getAccessToken(options),
    onEmailChange: ({ status }) => { heard.push(status); setCount(count + 1); },
    className: 'own',
  });
}
function Own() {
  const { change, error, isBusy, request } = useEmailChange({ baseUrl: '${baseUrl}', getAccessToken });
  return createElement('form', { onSubmit: (event) => { event.preventDefault(); void request('own@example.org'); } },
    createElement('output', null, isBusy ? 'busy' : error?.code ?? change?.status ?? 'none'),
    createElement('button', null, 'Ask'));
}
const own = location.pathname === '/own';
hydrateRoot(document.querySelector('#root'), createElement(own ? Own : App));
`;

describeInBrowser('the React component', ({ open }) => {
  async function startApp() {
    let origin = '';
    let script = '';
    const held = { markup: '', token: '' };
    const server = await listenOnLoopback((request, response) => {
      if (request.url === '/token') return void response.end(held.token);
      if (request.url === '/main.js')
        return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
      const markup =
        request.url === '/own'
          ? '<form><output>busy</output><button>Ask</button></form>'
          : held.markup;
      return void response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(
          `<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,"><div id="root">${markup}</div><script type="module" src="/main.js"></script></html>`,
        );
    });
    onTestFinished(() => server.close());
    origin = `http://localhost:${server.port}`;
    const world = await startWorld({ env: { CORS_ORIGINS: origin } });
    const { user_id: sub } = world.tenant.addUser({ email: 'old@example.com' });
    held.token = await world.token(sub);
    const bundled = await build({
      stdin: { contents: TREE(world.api), resolveDir: ROOT, loader: 'js' },
      bundle: true,
      format: 'esm',
      define: { 'process.env.NODE_ENV': '"development"' },
      write: false,
    });
    script = bundled.outputFiles[0]!.text;
    // On the server there is no DOM, and only attributes are written.
    const module = '../../client/react.ts';
    const { ChangeEmail } = (await import(module)) as { ChangeEmail: never };
    held.markup = renderToString(
      createElement(ChangeEmail, { baseUrl: world.api, className: 'own' } as never),
    );
    return { world, origin, markup: held.markup };
  }
  const visit = async (origin: string, path = '/'): Promise<Page> => {
    const page = await (await open()).newPage();
    await page.goto(origin + path);
    return page;
  };

  test('is hydrated without a word, asks with the app’s token, and tells each transition', async () => {
    const { world, origin, markup } = await startApp();
    expect(markup).toBe(
      `<readdress-change-email base-url="${world.api}" class="own"></readdress-change-email>`,
    );
    const page = await visit(origin);
    await page.getByLabel('New email address').fill('new@example.org');
    await page.keyboard.press('Enter');
    await page.getByText('We sent a link to new@example.org.').waitFor();
    const { text } = await world.inbox.waitFor({ to: 'new@example.org' });
    await world.call('POST', '/v1/confirm', { body: { token: tokenIn(text, 'confirm') } });
    await page.getByText('Your email address is now new@example.org.').waitFor();
    expect(await page.evaluate('heard')).toEqual(expect.arrayContaining(['pending', 'committed']));
  });

  test('a form of one’s own takes the hook', async () => {
    const { world, origin } = await startApp();
    const page = await visit(origin, '/own');
    await page.getByText('none').waitFor();
    await page.getByRole('button').click();
    await page.getByText('pending').waitFor();
    const { text } = await world.inbox.waitFor({ to: 'own@example.org' });
    await world.call('POST', '/v1/confirm', { body: { token: tokenIn(text, 'confirm') } });
    await page.getByText('committed').waitFor();
    expect(await page.getByRole('status').textContent()).toBe('committed');
  });
});
