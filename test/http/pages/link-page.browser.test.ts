/** The link page in a real browser: what a person, a mail scanner and a hostile answer make of it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { PURPOSES } from '../../../src/domain/email-change.ts';
import { LOCALES, matchLocale, message } from '../../../src/locales/messages.ts';
import { ASSETS, PAGE_CSP, renderBrandCss } from '../../../src/http/pages/assets.ts';
import { renderLinkPage, renderResultPage } from '../../../src/http/pages/render.ts';
import { describeInBrowser } from '../../support/browser.ts';
import { REWRITES } from '../../support/gateways.ts';

const TOKEN = 'AbCdEf0123456789-_'.repeat(4).slice(0, 64);
const OTHER = 'ZyXwVu9876543210_-'.repeat(4).slice(0, 64);
const brand = { name: 'Acme', color: '#2457d6' };
const say = (key: Parameters<typeof message>[1]): string => message('en', key, { brand: 'Acme' });

const LINK = {
  purpose: 'confirm',
  status: 'pending',
  email: 'ada@new.example',
  currentEmail: 'a•••@old.example',
  expiresAt: '2999-01-01T12:00:00.000Z',
};
type Inspected = { status: number; body: unknown } | 'no answer';
type Seen = { method: string; path: string; body: string };

type Sent = { type: string; body: string; status?: number };

const assets: Record<string, Sent> = {
  ...ASSETS,
  '/assets/brand.css': { type: 'text/css', body: renderBrandCss(brand) },
};
const html = (body: string): Sent => ({ type: 'text/html; charset=utf-8', body });

/** Our pages under our policy, and an `inspect` that answers as the test says. */
async function startSite(answer: Inspected = { status: 200, body: LINK }) {
  const site = { answer, seen: [] as Seen[], url: '', inApp: '', posted: (): string[] => [] };

  function respond(req: IncomingMessage, { pathname, searchParams }: URL): Sent | undefined {
    if (pathname === '/v1/links/inspect') {
      if (site.answer === 'no answer') return undefined;
      const { body, status } = site.answer;
      return { type: 'application/json', body: JSON.stringify(body), status };
    }
    const purpose = PURPOSES.find((it) => pathname === `/${it}`);
    if (!purpose) return assets[pathname] ?? { type: 'text/plain', body: '', status: 404 };
    const locale = matchLocale(req.headers['accept-language']);
    const token = searchParams.get('token');
    return html(
      req.method === 'POST'
        ? renderResultPage({ purpose, locale, brand, outcome: { kind: 'done' } })
        : renderLinkPage({
            purpose,
            locale,
            brand,
            inApp: (purpose === 'confirm' && site.inApp) || undefined,
            ...(token && { token }),
          }),
    );
  }

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://site');
    const body = await readBody(req);
    site.seen.push({ method: req.method ?? '', path: `${url.pathname}${url.search}`, body });
    const sent = respond(req, url);
    if (!sent) return void req.socket.destroy();
    res.writeHead(sent.status ?? 200, {
      'content-type': sent.type,
      'content-security-policy': PAGE_CSP,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    res.end(sent.body);
  }

  const server = createServer((req, res) => void serve(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  site.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  site.posted = () =>
    site.seen
      .filter(({ method, path }) => method === 'POST' && !path.startsWith('/v1/'))
      .map(({ body }) => new URLSearchParams(body).get('token') ?? '');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return site;
}

async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describeInBrowser('the link page in a browser', (windows) => {
  /** A fresh window that fails the test on any complaint of the browser or foreign request. */
  const open = async (options: BrowserContextOptions = {}, tolerates = /^$/): Promise<Page> =>
    (await windows.open({ locale: 'en-US', ...options, tolerates })).newPage();

  const button = (page: Page) => page.locator('#submit');
  /** The button takes no press in its first half second, in case it was meant for the one before. */
  const settled = async (page: Page) => {
    const shownAt = await page.evaluate(() => performance.now());
    await page.waitForFunction((at) => performance.now() > at + 500, shownAt);
  };
  const heading = (page: Page) => page.locator('h1').textContent();
  const paste = async (page: Page, text: string) => {
    await page.locator('#token').fill(text);
    await button(page).click();
  };

  test('the token leaves the address bar, and the change is shown before there is a button', async () => {
    const site = await startSite();
    const page = await open();
    let buttonWhileAsking: boolean | undefined;
    await page.route('**/v1/links/inspect', async (route) => {
      buttonWhileAsking = await button(page).isVisible();
      await route.continue();
    });
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await button(page).waitFor();
    expect(buttonWhileAsking).toBe(false);
    expect(page.url()).toBe(`${site.url}/confirm`);
    const review = await page.locator('#review').innerText();
    for (const shown of ['a•••@old.example', 'ada@new.example', '2999'])
      expect(review).toContain(shown);
    expect(await page.locator('#token').isVisible()).toBe(false);
  });

  test('nothing is submitted by itself, and no request but a body of ours carries the token', async () => {
    const site = await startSite();
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`, { waitUntil: 'networkidle' });
    expect(site.posted()).toEqual([]);
    expect(site.seen.filter(({ path }) => path.includes(TOKEN))).toEqual([]);
    expect(site.seen.filter(({ body }) => body.includes(TOKEN)).map(({ path }) => path)).toEqual([
      '/v1/links/inspect',
    ]);
  });

  test('the button posts the token once and leads to the outcome, by keyboard too', async () => {
    const site = await startSite();
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await button(page).waitFor();
    await settled(page);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe(
      'solid',
    );
    await page.keyboard.press('Enter');
    await page.getByText(say('page.outcome.done.title')).waitFor();
    expect(site.posted()).toEqual([TOKEN]);
  });

  test.each([
    ['confirm', { status: 'committed' }, 'page.outcome.already-done.title'],
    ['confirm', { status: 'confirmed' }, 'page.outcome.processing.title'],
    ['confirm', { status: 'superseded' }, 'page.outcome.superseded.title'],
    ['confirm', { awaiting: ['current'] }, 'page.outcome.waiting.current.title'],
    ['approve', { awaiting: ['new'] }, 'page.outcome.waiting.new.title'],
    ['cancel', { status: 'committed' }, 'page.outcome.too-late-to-cancel.title'],
    ['undo', { status: 'undone' }, 'page.outcome.undone.title'],
  ] as const)(
    'a %s link whose change is %o says so, without a button',
    async (purpose, link, key) => {
      const site = await startSite({ status: 200, body: { ...LINK, purpose, ...link } });
      const page = await open();
      await page.goto(`${site.url}/${purpose}#${TOKEN}`);
      await page.getByText(say(key)).waitFor();
      expect(await page.title()).toContain(say(key));
      expect(await page.locator('button:visible, input:visible').count()).toBe(0);
    },
  );

  test('a link that does not work says so, and the right one can be pasted instead', async () => {
    const site = await startSite({ status: 400, body: { code: 'invalid-link' } });
    const page = await open({}, /status of 400/);
    await page.goto(`${site.url}/confirm#broken`);
    await page.getByText(say('page.problem.invalid-link.title')).waitFor();
    expect(await page.locator('#token').getAttribute('aria-invalid')).toBe('true');
    site.answer = { status: 200, body: LINK };
    await paste(page, `see https://id.example/confirm#${TOKEN}`);
    await page.locator('#review').waitFor();
    expect(await heading(page)).toBe(say('page.confirm.title'));
    expect(site.posted()).toEqual([]);
    await settled(page);
    await button(page).click();
    await page.getByText(say('page.outcome.done.title')).waitFor();
    expect(site.posted()).toEqual([TOKEN]);
  });

  test('a link for another button is not taken, and says which button it is for', async () => {
    const site = await startSite({ status: 200, body: { ...LINK, purpose: 'cancel' } });
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await page.getByText(say('page.problem.other-link.title')).waitFor();
    await page.getByText(say('page.problem.other-cancel')).waitFor();
    expect(await page.locator('#review').isVisible()).toBe(false);
  });

  test.each([
    ['1234 5678', 'page.problem.digits'],
    [TOKEN.slice(0, 32), 'page.problem.part'],
    ['hello', 'page.problem.invalid-link'],
  ] as const)('%j in the field is told for what it is, and asks nobody', async (text, key) => {
    const site = await startSite();
    const page = await open();
    await page.goto(`${site.url}/confirm`);
    await page.getByText(say('page.manual')).waitFor();
    expect(await page.locator('#token').getAttribute('autocomplete')).toBe('off');
    await paste(page, text);
    await page.getByText(say(`${key}.title`), { exact: true }).waitFor();
    await page.getByText(say(key)).waitFor();
    expect(await page.locator('#token').getAttribute('aria-invalid')).toBe('true');
    expect(site.seen.filter(({ path }) => path.startsWith('/v1/'))).toEqual([]);
  });

  // One table holds the grammar for page, form, API and client; here the page shows that it is the same.
  test('pasted as a gateway wraps it a link is reviewed', async () => {
    const site = await startSite();
    for (const [gateway, rewrite] of Object.entries(REWRITES).filter((_, i) => i % 6 === 0)) {
      const page = await open();
      site.seen.length = 0;
      await page.goto(`${site.url}/confirm`);
      const wrapped = rewrite(`https://id.example/confirm#${TOKEN}`, TOKEN);
      await paste(page, wrapped.replaceAll(/[\r\n]+/g, ' '));
      await page.locator('#review').waitFor();
      const [asked] = site.seen.filter(({ path }) => path === '/v1/links/inspect');
      expect(asked?.body, gateway).toBe(JSON.stringify({ token: TOKEN }));
    }
  });

  test('a reload, a link elsewhere and Back, and a tab that was put away lead to the review again', async () => {
    const site = await startSite();
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await page.locator('#review').waitFor();
    await page.reload();
    await page.locator('#review').waitFor();
    expect(page.url()).toBe(`${site.url}/confirm`);
    await page.goto('about:blank');
    await page.goBack();
    await page.locator('#review').waitFor();
    await settled(page);
    await button(page).click();
    await page.getByText(say('page.outcome.done.title')).waitFor();
    // After the outcome the token is gone, and Back says how it ended.
    site.answer = { status: 200, body: { ...LINK, status: 'committed' } };
    await page.goBack();
    await page.getByText(say('page.outcome.already-done.title')).waitFor();
    expect(await page.evaluate('JSON.stringify(history.state)')).not.toContain(TOKEN);
    await page.reload();
    await page.getByText(say('page.outcome.already-done.title')).waitFor();
    expect(await page.locator('input:visible').count()).toBe(0);
  });

  test('where the app confirms, the page hands the link over and has no button of its own', async () => {
    const site = await startSite();
    site.inApp = 'https://app.example/email?tab=1';
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    const way = page.locator('#app');
    await way.waitFor();
    expect(await way.getAttribute('href')).toBe(`https://app.example/email?tab=1#${TOKEN}`);
    expect(await page.locator('#review').innerText()).toContain('ada@new.example');
    expect(await button(page).isVisible()).toBe(false);
    await page.goto(`${site.url}/cancel`);
    expect(await page.locator('#app').count()).toBe(0);
    expect(site.posted()).toEqual([]);
  });

  test('a change under way is asked for again after a reload', async () => {
    const site = await startSite({ status: 200, body: { ...LINK, status: 'confirmed' } });
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await page.getByText(say('page.outcome.processing.title')).waitFor();
    site.answer = { status: 200, body: { ...LINK, status: 'committed' } };
    await page.reload();
    await page.getByText(say('page.outcome.already-done.title')).waitFor();
    expect(await heading(page)).toBe(say('page.outcome.already-done.title'));
  });

  test('without a fragment a pasted code is reviewed first, and a double click confirms nothing', async () => {
    const site = await startSite();
    const page = await open();
    await page.goto(`${site.url}/confirm`);
    expect(await button(page).textContent()).toBe(say('page.continue'));
    await page.locator('#token').fill(`${TOKEN.slice(0, 30)}  ${TOKEN.slice(30)} `);
    await button(page).dblclick();
    await page.locator('#review').waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('title');
    expect(site.posted()).toEqual([]);
    const inspected = site.seen.filter(({ path }) => path === '/v1/links/inspect');
    expect(new Set(inspected.map(({ body }) => body))).toEqual(
      new Set([JSON.stringify({ token: TOKEN })]),
    );
  });

  test.each([
    ['no answer', 'no answer', 'page.unreachable'],
    ['a fault', { status: 503, body: {} }, 'page.unreachable'],
    ['too many requests', { status: 429, body: {} }, 'page.problem.too-many-requests'],
  ] as const)('after %s the reader can try again', async (_, answer, key) => {
    const site = await startSite(answer);
    const page = await open({}, /status of|ERR_|net::/);
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await page.getByText(say(key)).waitFor();
    expect(await button(page).isVisible()).toBe(false);
    site.answer = { status: 200, body: LINK };
    await page.locator('#retry').click();
    await page.locator('#review').waitFor();
    expect(await page.locator('#retry').isVisible()).toBe(false);
  });

  test('another link opened in the same tab takes the place of the first', async () => {
    const site = await startSite();
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await page.locator('#review').waitFor();
    site.answer = { status: 200, body: { ...LINK, email: 'other@new.example' } };
    await page.goto(`${site.url}/confirm#${OTHER}`);
    await page.getByText('other@new.example').waitFor();
    expect(page.url()).toBe(`${site.url}/confirm`);
    await settled(page);
    await button(page).click();
    await page.getByText(say('page.outcome.done.title')).waitFor();
    expect(site.posted()).toEqual([OTHER]);
  });

  test('a page that comes back from the browser cache asks again', async () => {
    const site = await startSite();
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await page.locator('#review').waitFor();
    site.answer = { status: 200, body: { ...LINK, status: 'canceled' } };
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))");
    await page.getByText(say('page.outcome.canceled.title')).waitFor();
    expect(await button(page).isVisible()).toBe(false);
  });

  test('a token in the query is taken out of the address bar as well', async () => {
    const site = await startSite();
    const page = await open();
    await page.goto(`${site.url}/confirm?token=${TOKEN}`);
    await page.locator('#review').waitFor();
    expect(page.url()).toBe(`${site.url}/confirm`);
  });

  test('whatever the answer holds is shown as text', async () => {
    const email = '<img src=x onerror=alert(1)>@new.example';
    const site = await startSite({ status: 200, body: { ...LINK, email } });
    const page = await open();
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await page.getByText(email).waitFor();
    expect(await page.locator('img').count()).toBe(0);
  });

  test('without JavaScript the pasted code is posted as it is', async () => {
    const site = await startSite();
    const page = await open({ javaScriptEnabled: false });
    await page.goto(`${site.url}/cancel`);
    expect(await page.getByLabel(say('page.field')).isVisible()).toBe(true);
    expect(await button(page).textContent()).toBe(say('page.cancel.button'));
    await paste(page, ` ${TOKEN} `);
    await page.getByText(say('page.outcome.done.title')).waitFor();
    expect(site.posted()).toEqual([` ${TOKEN} `]);
  });

  test('when the script never comes, the field comes all the same', async () => {
    const site = await startSite();
    const page = await open({}, /ERR_FAILED/);
    await page.route('**/assets/link.js*', (route) => route.abort());
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    await page.locator('#token').waitFor();
    await paste(page, TOKEN);
    await page.getByText(say('page.outcome.done.title')).waitFor();
    expect(site.posted()).toEqual([TOKEN]);
  });

  test('a script with other bytes than ours does not run', async () => {
    const site = await startSite();
    const page = await open({}, /integrity/);
    await page.route('**/assets/link.js*', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: 'document.title = "owned"' }),
    );
    await page.goto(`${site.url}/confirm#${TOKEN}`);
    expect(await page.title()).not.toBe('owned');
  });

  test.each(LOCALES)(
    'in %s it fits a phone of 320 px, and everything to press is 44 px tall',
    async (locale) => {
      const site = await startSite();
      const page = await open({ locale, viewport: { width: 320, height: 640 } });
      for (const fragment of ['', `#${TOKEN}`]) {
        await page.goto('about:blank');
        await page.goto(`${site.url}/confirm${fragment}`);
        await page.locator(fragment ? '#review' : '#token').waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(320);
        for (const target of await page.locator('button:visible, input:visible').all())
          expect((await target.boundingBox())?.height).toBeGreaterThanOrEqual(44);
      }
    },
  );
});
