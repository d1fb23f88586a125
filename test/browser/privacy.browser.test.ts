/** What must not happen: a token where it does not belong, a foreign hand on the button, a stranger told. */
import type { BrowserContext } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { listenOnLoopback } from '../../stand-ins/loopback.ts';
import { describeInBrowser, picture } from '../support/browser.ts';
import { dump } from '../support/wire.ts';
import {
  BACK,
  button,
  expectHeading,
  NEW,
  OLD,
  openLink,
  press,
  requestsOf,
  say,
  startStage,
  type Stage,
} from './stage.ts';

/** A page of somebody else, on another site than the service: 127.0.0.1 is not localhost. */
async function startElsewhere(html: string) {
  const server = await listenOnLoopback((_, res) => {
    res.setHeader('content-type', 'text/html; charset=utf-8').end(html);
  });
  onTestFinished(() => server.close());
  return {
    crossSite: `http://127.0.0.1:${server.port}/`,
    sameSite: `http://localhost:${server.port}/`,
  };
}

/** Every place of a request but its body that holds one of these. */
const leaks = (stage: Stage, tokens: string[]): string[] =>
  stage.front.seen.flatMap(({ method, path, headers }) =>
    tokens.some((token) => (path + JSON.stringify(headers)).includes(token.slice(8, 40)))
      ? [`${method} ${path} ${JSON.stringify(headers)}`]
      : [],
  );

/** From the mail to the outcome and away, with everything a person may do on the way. */
async function live(context: BrowserContext, link: string): Promise<void> {
  const page = await openLink(context, link);
  await page.reload();
  await page.locator('#review').waitFor();
  await page.goto('about:blank');
  await page.goto(link.split('#')[0]!);
  await page.getByLabel(say('page.field')).fill(link);
  await button(page, 'page.continue').click();
  await page.locator('#review').waitFor();
  await press(page, 'page.confirm.button');
  await expectHeading(page, 'page.outcome.done.title');
  await page.goBack();
  await page.goForward();
  await expectHeading(page, 'page.outcome.done.title');
  await page.route(BACK, (route) => route.fulfill({ body: 'back in the app' }));
  await page.getByRole('link', { name: 'Back to app.example' }).click();
  await page.waitForURL(BACK);
}

describeInBrowser('what stays private', ({ open }) => {
  test('the token is in no address that reaches a server, in no Referer, no header, no log and no store', async () => {
    const stage = await startStage();
    await stage.request();
    const context = await open({ tolerates: /asked for https:\/\/app\.example/ });
    const requests = requestsOf(context);
    const link = await stage.mailed('confirm');
    const cancel = await stage.mailed('cancel', OLD);
    await live(context, link);
    const undo = await stage.mailed('undo', OLD);
    await openLink(context, undo);

    const tokens = [link, cancel, undo].map((one) => /[\w-]{64}$/.exec(one)![0]);
    expect(leaks(stage, tokens)).toEqual([]);
    const withToken = stage.front.seen.filter(({ body }) =>
      tokens.some((one) => body.includes(one)),
    );
    expect(new Set(withToken.map(({ method, path }) => `${method} ${path}`))).toEqual(
      new Set(['POST /v1/links/inspect', 'POST /confirm']),
    );
    // Nobody learns where the reader comes from: not we, and not the app.
    for (const request of requests) expect((await request.headerValue('referer')) ?? '').toBe('');
    expect(stage.front.seen.some(({ headers }) => 'referer' in headers)).toBe(false);
    expect(requests.some((request) => request.url() === BACK)).toBe(true);
    const log = JSON.stringify(stage.logs);
    const kept = JSON.stringify(await dump(stage));
    for (const text of [log, kept])
      for (const token of tokens) expect(text).not.toContain(token.slice(8, 40));
  });

  test('a page of another site can not send the form, with the right token either', async () => {
    const stage = await startStage();
    const id = await stage.request();
    const token = /[\w-]{64}$/.exec(await stage.mailed('confirm'))![0];
    const form = `<form method="post" action="${stage.front.url}/confirm"><input name="token" value="${token}"><button>Win</button></form>`;
    const elsewhere = await startElsewhere(form);
    const context = await open({ tolerates: /status of 403|ERR_BLOCKED_BY_RESPONSE/ });
    for (const origin of [elsewhere.crossSite, elsewhere.sameSite]) {
      const page = await context.newPage();
      await page.goto(origin);
      await page.getByRole('button', { name: 'Win' }).click();
      await expectHeading(page, 'page.error.forbidden.title');
      await picture(page, 'page-forbidden');
    }
    // Nor can its script read what a link would do.
    const page = await context.newPage();
    await page.goto(elsewhere.crossSite);
    const read = await page.evaluate<string>(
      `fetch('${stage.front.url}/v1/links/inspect', { method: 'POST', body: '{"token":"${token}"}',
        headers: { 'content-type': 'text/plain' }, mode: 'no-cors' }).then((a) => a.text()).catch(String)`,
    );
    expect(read).toBe('TypeError: Failed to fetch');
    const answer = await stage.call('GET', `/v1/email-changes/${id}`, {
      token: await stage.token(stage.sub),
    });
    expect(answer.body.status).toBe('pending');
    expect(stage.tenant.patches()).toHaveLength(0);
  });

  test('no page of ours can be framed', async () => {
    const stage = await startStage();
    await stage.request();
    const token = /[\w-]{64}$/.exec(await stage.mailed('confirm'))![0];
    const frames = ['/', `/confirm#${token}`, '/cancel', '/result?receipt=x', '/problems', '/docs']
      .map((path) => `<iframe src="${stage.front.url}${path}"></iframe>`)
      .join('');
    const { crossSite, sameSite } = await startElsewhere(frames);
    const context = await open({
      tolerates: /frame|X-Frame-Options|frame-ancestors|status of 404/i,
    });
    for (const origin of [crossSite, sameSite]) {
      const page = await context.newPage();
      await page.goto(origin);
      for (const frame of page.frames().slice(1)) {
        const text = await frame.locator('body').innerText();
        expect(text).not.toContain('Acme');
        expect(frame.url()).not.toContain(token.slice(8));
      }
      expect(page.frames()).toHaveLength(7);
    }
  });

  test('the pages set no cookie, keep nothing, and the window that opened them can not reach them', async () => {
    const stage = await startStage();
    await stage.request();
    const link = await stage.mailed('confirm');
    const { crossSite } = await startElsewhere(
      `<button onclick="window.victim = window.open('${link}')">Open</button>`,
    );
    const context = await open();
    const attacker = await context.newPage();
    await attacker.goto(crossSite);
    const popup = context.waitForEvent('page');
    await attacker.getByRole('button').click();
    const page = await popup;
    await page.locator('#review').waitFor();
    expect(await page.evaluate('window.opener')).toBeNull();
    expect(await attacker.evaluate('victim.closed')).toBe(true);
    expect(await context.cookies()).toEqual([]);
    expect(await page.evaluate('localStorage.length + sessionStorage.length')).toBe(0);
    expect(await page.evaluate('caches.keys().then((all) => all.length)')).toBe(0);
  });

  test('a stranger who follows a wrong or foreign link learns nothing, and is told what to do', async () => {
    const stage = await startStage();
    await stage.request();
    const token = /[\w-]{64}$/.exec(await stage.mailed('confirm'))![0];
    const cancel = /[\w-]{64}$/.exec(await stage.mailed('cancel', OLD))![0];
    const context = await open({ tolerates: /status of 400/ });
    const wrong = [
      [`/confirm#${token.slice(0, -4)}AAAA`, 'invalid-link'],
      [`/confirm#${token.slice(0, 30)}`, 'part'],
      [`/confirm#${cancel}`, 'other-link'],
      [`/undo#${token}`, 'other-link'],
      [`/confirm#${'A'.repeat(64)}`, 'invalid-link'],
      ['/confirm#<img src=x onerror=alert(1)>', 'invalid-link'],
    ] as const;
    for (const [path, kind] of wrong) {
      const page = await context.newPage();
      await page.goto(`${stage.front.url}${path}`);
      await expectHeading(page, `page.problem.${kind}.title`);
      const text = await page.locator('body').innerText();
      expect(text).not.toContain(NEW);
      expect(text).not.toContain('example.com');
      await page.close();
    }
  });

  test('the docs work under a policy of their own, which allows nothing written into the page', async () => {
    const stage = await startStage();
    const page = await (await open({ tolerates: /inline style/ })).newPage();
    await page.goto(`${stage.front.url}/docs`);
    await page.locator('.opblock').first().waitFor();
    await page.locator('.opblock').first().click();
    expect(await page.locator('.opblock').count()).toBeGreaterThan(5);
  });

  test('the pages that nobody mailed say what they are', async () => {
    const stage = await startStage();
    const page = await (await open({ tolerates: /status of 404/ })).newPage();
    for (const [path, name] of [
      ['/', 'home'],
      ['/problems', 'problems'],
      ['/nowhere', 'not-found'],
      ['/confirm', 'confirm-without-token'],
    ]) {
      await page.goto(`${stage.front.url}${path}`);
      expect(await page.locator('h1').count(), path).toBe(1);
      await picture(page, `page-${name}`);
    }
  });
});
