/**
 * An app that holds the element, as strict as an app can be: no inline style or script, trusted
 * types, and nothing from anywhere but itself and the service.
 */
import type { Locator, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import type { InboxMessage } from '../../stand-ins/inbox/messages.ts';
import { listenOnLoopback } from '../../stand-ins/loopback.ts';
import { bundle } from './bundle.ts';
import { startWorld, tokenIn, type World, type WorldOptions } from '../support/world.ts';

const HEAD = `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/app.css"><title>Account</title>`;
const CSS = `:root{color-scheme:light dark;font:100%/1.5 system-ui,sans-serif}body{margin:1rem;background:Canvas;color:CanvasText}
.themed{--readdress-accent:#064;--readdress-field:#ffe}
.rude ::part(quiet),.rude ::part(actions),.rude ::part(sign-in){display:flex}`;
const policy = (api: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    'img-src data:',
    `connect-src 'self' ${api}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
/** What an app has to write. What the page hears and says is kept for the tests. */
const APP = `import '/element.js';
const element = document.querySelector('readdress-change-email');
element.getAccessToken = async ({ maxAge }) => {
  const answer = await fetch('/token' + (maxAge === undefined ? '' : '?max_age=' + maxAge));
  if (answer.ok) return answer.text();
  throw Object.assign(new Error('no token'), await answer.json());
};
window.heard = [];
for (const type of ['email-change', 'sign-in-again'])
  addEventListener(type, ({ detail }) => heard.push(detail?.status ?? type));
window.said = [];
for (const region of element.shadowRoot.querySelectorAll('[role=status], [role=alert]'))
  new MutationObserver(() => region.textContent && said.push(region.textContent))
    .observe(region, { childList: true, subtree: true, characterData: true });
`;

export type Host = {
  url: string;
  world: World;
  sub: string;
  /** What the page gets when it wants a token; an object as JSON is what its SDK throws. */
  token: (maxAge?: number) => Promise<string>;
  /** Asked for with these ages; `undefined` is a plain one. */
  wishes: (number | undefined)[];
  /** The page, when it is not just the element in a `main`. */
  html: string;
  /** The script at `/app.js`. */
  script: string;
  /** Resolves when the element has asked for a change; `early` does not wait for that. */
  open(page: Page, early?: 'early'): Promise<Page>;
  /** The token of the newest link for this purpose that was mailed there. */
  mailed(purpose: string, to?: string): Promise<string>;
};

export const OLD = 'ada@example.com';
export const NEW = 'ada.lovelace@example.org';

export async function startHost(options: WorldOptions & { sub?: string } = {}): Promise<Host> {
  const element = await bundle('element');
  const host = { wishes: [], script: APP } as unknown as Host;
  const files: Record<string, () => [type: string, text: string]> = {
    '/element.js': () => ['text/javascript', element],
    '/app.js': () => ['text/javascript', host.script],
    '/app.css': () => ['text/css', CSS],
  };
  const answer = async (url: URL): Promise<[type: string, text: string]> => {
    if (url.pathname !== '/token') return files[url.pathname]?.() ?? ['text/html', host.html];
    const maxAge = url.searchParams.get('max_age');
    const wish = maxAge === null ? undefined : Number(maxAge);
    host.wishes.push(wish);
    return ['text/plain', await host.token(wish)];
  };
  const server = await listenOnLoopback((req, res) => {
    void answer(new URL(req.url ?? '/', 'http://host')).then(([type, text]) =>
      res
        .writeHead(text.startsWith('{') ? 401 : 200, {
          'content-type': `${type}; charset=utf-8`,
          'content-security-policy': policy(host.world.api),
        })
        .end(text),
    );
  });
  onTestFinished(() => server.close());
  host.url = `http://localhost:${server.port}`;
  host.world = await startWorld({
    ...options,
    env: { CORS_ORIGINS: host.url, RETURN_URLS: `${host.url}/`, ...options.env },
  });
  const { tenant, inbox } = host.world;
  host.sub = options.sub ?? tenant.addUser({ email: OLD, password: 'correct horse' }).user_id;
  host.token = () => host.world.token(host.sub);
  host.html = `${HEAD}<script type="module" src="/app.js"></script></head><body><main><h1>Account</h1>
<readdress-change-email base-url="${host.world.api}"></readdress-change-email></main></body></html>`;
  host.open = async (page, early) => {
    await page.goto(host.url);
    if (early) return page;
    await page.locator('readdress-change-email:defined').first().waitFor({ state: 'attached' });
    // It has asked whether there is a change already, and keeps the form back no more.
    await inElement(page, 'Promise.allSettled(root.getAnimations().map((one) => one.finished))');
    return page;
  };
  host.mailed = async (purpose, to = NEW) => {
    await inbox.waitFor(withLink(purpose, to));
    return tokenIn(inbox.messages.findLast(withLink(purpose, to))?.text, purpose);
  };
  return host;
}

const withLink =
  (purpose: string, to: string) =>
  (mail: InboxMessage): boolean =>
    mail.to.includes(to) && mail.text.includes(`/${purpose}#`);

export const field = (page: Page): Locator => page.getByLabel('New email address');
export const button = (page: Page, name: string): Locator =>
  page.getByRole('button', { name, exact: true });
export const expectText = (page: Page, text: string | RegExp): Promise<void> =>
  page.getByText(text).waitFor();

export async function ask(page: Page, email = NEW): Promise<void> {
  await field(page).fill(email);
  await field(page).press('Enter');
}

/** Does what the person with that link does. */
export async function confirmBy(host: Host, purpose: string, to?: string): Promise<void> {
  const token = await host.mailed(purpose, to);
  const answer = await host.world.call('POST', `/v1/${purpose}`, { body: { token } });
  expect(answer.status, answer.text).toBe(202);
}

/** Browsers tell of every answer from 400 up; without a change there is none to find. */
export const TOLERATED = /the server responded with a status of 4\d\d| invalid-return-url /;
/** What the page has heard, and what its live regions have said. */
export const HEARD = 'heard';
export const SAID = 'said';

/** What this expression on the element's `root` is in the page. */
export const inElement = <T = unknown>(page: Page, expression: string): Promise<T> =>
  page.evaluate<T>(
    `((root, element = root.host) => ${expression})(document.querySelector('readdress-change-email').shadowRoot)`,
  );

/** The id or the part of what has the focus in the element. */
export const focusIn = (page: Page): Promise<string> =>
  inElement(page, 'root.activeElement?.id || root.activeElement?.getAttribute("part")');
