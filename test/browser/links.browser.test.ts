/** A mailed link in a real browser, on the whole service: review, press, outcome, and nothing else. */
import { request as ask } from 'node:http';
import { describe, expect, test } from 'vitest';
import { readBothConfigs } from '../../src/config.ts';
import { startWorkers } from '../../workers/start-workers.ts';
import { describeInBrowser, picture } from '../support/browser.ts';
import { TICK_MS, untilStatus } from '../support/world.ts';
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
} from './stage.ts';

const tokenOf = (link: string): string => /[\w-]{64}$/.exec(link)![0];

describeInBrowser('a mailed link', ({ open }) => {
  test('shows whose account would change to what, changes it at the press, and leads back', async () => {
    const stage = await startStage();
    const id = await stage.request();
    const link = await stage.mailed('confirm');
    const page = await openLink(await open(), link);
    expect(page.url()).toBe(`${stage.front.url}/confirm`);
    const review = await page.locator('#review').innerText();
    expect(review).toContain(NEW);
    expect(review).toMatch(/a\S+@example\.com/);
    expect(review).not.toContain(OLD);
    await picture(page, 'page-confirm');
    expect(stage.tenant.patches()).toHaveLength(0);

    await press(page, 'page.confirm.button');
    await expectHeading(page, 'page.outcome.done.title');
    expect(stage.tenant.user(stage.sub)).toMatchObject({ email: NEW, email_verified: true });
    expect(await page.title()).toContain(say('page.outcome.done.title'));
    await picture(page, 'page-done');
    const back = page.getByRole('link', { name: 'Back to app.example' });
    expect(await back.getAttribute('href')).toBe(BACK);
    await untilStatus(stage, await stage.token(stage.sub), id, 'committed');
  });

  test('needs no login and gives none: whoever reads the mailbox, in whatever browser', async () => {
    const stage = await startStage();
    await stage.request();
    const elsewhere = await open({ locale: 'de-DE' });
    const requests = requestsOf(elsewhere);
    const page = await openLink(elsewhere, await stage.mailed('confirm'));
    expect(await page.locator('html').getAttribute('lang')).toBe('de');
    await press(page, 'page.confirm.button', 'de');
    await expectHeading(page, 'page.outcome.done.title', 'de');
    await picture(page, 'page-done-de');
    expect(await elsewhere.cookies()).toEqual([]);
    expect(await page.evaluate('localStorage.length + sessionStorage.length')).toBe(0);
    for (const request of requests)
      expect(await request.allHeaders()).not.toHaveProperty('authorization');
    for (const { headers } of stage.front.seen) expect(headers).not.toHaveProperty('cookie');
  });

  test('opened in two tabs it acts once, and both end with the same words', async () => {
    const stage = await startStage();
    await stage.request();
    const context = await open();
    const link = await stage.mailed('confirm');
    const [first, second] = [await openLink(context, link), await openLink(context, link)];
    await press(first, 'page.confirm.button');
    await expectHeading(first, 'page.outcome.done.title');
    await press(second, 'page.confirm.button');
    await expectHeading(second, 'page.outcome.done.title');
    expect(stage.tenant.patches()).toHaveLength(1);
  });

  test('works without JavaScript, by the code pasted from the mail', async () => {
    const stage = await startStage();
    await stage.request();
    const link = await stage.mailed('confirm');
    // As the mail shows it, in groups on two lines.
    const { text } = stage.inbox.to(NEW).at(-1)!;
    const code = /^(?:[\w-]{8}\s+){8}/m.exec(text)![0];
    expect(code.replaceAll(/\s/g, '')).toBe(tokenOf(link));
    const page = await (await open({ javaScriptEnabled: false })).newPage();
    await page.goto(link);
    await expectHeading(page, 'page.confirm.title');
    await picture(page, 'page-confirm-without-javascript');
    await page.getByLabel(say('page.field')).fill(code);
    await button(page, 'page.confirm.button').click();
    await expectHeading(page, 'page.outcome.done.title');
    expect(stage.tenant.user(stage.sub).email).toBe(NEW);
  });

  test('of the older kind, with the token in the query, works without JavaScript by one press', async () => {
    const stage = await startStage({ env: { LINK_STYLE: 'query' } });
    await stage.request();
    const page = await (await open({ javaScriptEnabled: false })).newPage();
    await page.goto(await stage.mailed('confirm'));
    await button(page, 'page.confirm.button').click();
    await expectHeading(page, 'page.outcome.done.title');
    expect(stage.front.seen.some(({ headers }) => 'referer' in headers)).toBe(false);
  });

  test('after Back nothing is sent again, and the page says how it ended', async () => {
    const stage = await startStage();
    await stage.request();
    const link = await stage.mailed('confirm');
    const page = await openLink(await open(), link);
    await press(page, 'page.confirm.button');
    await expectHeading(page, 'page.outcome.done.title');
    const posts = () =>
      stage.front.seen.filter(({ method, path }) => method === 'POST' && path === '/confirm')
        .length;
    const before = posts();
    await page.goBack();
    await expectHeading(page, 'page.outcome.already-done.title');
    expect(page.url()).toBe(`${stage.front.url}/confirm`);
    await picture(page, 'page-confirm-after-back');
    expect(posts()).toBe(before);
    await page.goForward();
    await expectHeading(page, 'page.outcome.done.title');
    await page.reload();
    await expectHeading(page, 'page.outcome.done.title');
    expect(posts()).toBe(before);
    expect(stage.tenant.patches()).toHaveLength(1);
  });

  test('while the workers are away the click is kept, and the page tells the end by itself', async () => {
    const stage = await startStage();
    await stage.request();
    const page = await openLink(await open(), await stage.mailed('confirm'));
    await stage.workers!.close();
    await press(page, 'page.confirm.button');
    await expectHeading(page, 'page.outcome.processing.title');
    await page.getByText(say('page.outcome.refresh')).waitFor();
    await picture(page, 'page-processing');
    const back = await startWorkers(readBothConfigs(stage.env).workers, {
      tickMs: TICK_MS,
      now: () => stage.now(),
      logTo: { write: () => true },
    });
    await expectHeading(page, 'page.outcome.done.title');
    await back.close();
    expect(stage.tenant.patches()).toHaveLength(1);
  });

  describe('of the current mailbox', () => {
    test('stops the change before it is made', async () => {
      const stage = await startStage();
      await stage.request();
      const page = await openLink(await open(), await stage.mailed('cancel', OLD));
      expect(await page.locator('#review').innerText()).not.toContain(NEW);
      await picture(page, 'page-cancel');
      await press(page, 'page.cancel.button');
      await expectHeading(page, 'page.outcome.canceled.title');
      await page.getByText(say('page.outcome.canceled.next')).waitFor();
      await picture(page, 'page-canceled');
      expect(stage.tenant.patches()).toHaveLength(0);
    });

    test('approves the change where both mailboxes decide', async () => {
      const stage = await startStage({ env: { CONFIRMATION: 'both' } });
      await stage.request();
      const context = await open();
      const confirm = await openLink(context, await stage.mailed('confirm'));
      await press(confirm, 'page.confirm.button');
      await expectHeading(confirm, 'page.outcome.waiting.current.title');
      await picture(confirm, 'page-waiting-current');
      const approve = await openLink(context, await stage.mailed('approve', OLD));
      await picture(approve, 'page-approve');
      await press(approve, 'page.approve.button');
      await expectHeading(approve, 'page.outcome.done.title');
      // The other page is a reload behind.
      await confirm.reload();
      await expectHeading(confirm, 'page.outcome.done.title');
      expect(stage.tenant.user(stage.sub).email).toBe(NEW);
    });

    test('takes the change back after it was made', async () => {
      const stage = await startStage();
      await stage.request();
      const context = await open();
      const cancel = await stage.mailed('cancel', OLD);
      const late = await openLink(context, cancel);
      const page = await openLink(context, await stage.mailed('confirm'));
      await press(page, 'page.confirm.button');
      await expectHeading(page, 'page.outcome.done.title');
      // Too late for the one, which says where the other is.
      await press(late, 'page.cancel.button');
      await expectHeading(late, 'page.outcome.too-late-to-cancel.title');
      await picture(late, 'page-too-late-to-cancel');
      const undo = await openLink(context, await stage.mailed('undo', OLD));
      await picture(undo, 'page-undo');
      await press(undo, 'page.undo.button');
      await expectHeading(undo, 'page.outcome.undone.title');
      await picture(undo, 'page-undone');
      expect(stage.tenant.user(stage.sub).email).toBe(OLD);
    });
  });

  describe('that is over says so in words', () => {
    const ends = [
      ['expired', 'page.outcome.expired.title', async (stage) => stage.pass(3_700_000)],
      [
        'superseded',
        'page.outcome.superseded.title',
        async (stage) => void (await stage.request({ email: 'another@example.net' })),
      ],
      [
        'cancelled in the app',
        'page.outcome.canceled.title',
        async (stage, id) =>
          void (await stage.call('DELETE', `/v1/email-changes/${id}`, {
            token: await stage.token(stage.sub),
          })),
      ],
      [
        'already used',
        'page.outcome.already-done.title',
        async (stage, id, link) => {
          await stage.call('POST', '/v1/confirm', { body: { token: tokenOf(link) } });
          await untilStatus(stage, await stage.token(stage.sub), id, 'committed');
        },
      ],
    ] as const satisfies [
      string,
      string,
      (stage: Awaited<ReturnType<typeof startStage>>, id: string, link: string) => Promise<void>,
    ][];

    test.each(ends)(
      '%s: when it is opened, and when it was open already',
      async (name, key, end) => {
        const stage = await startStage();
        const id = await stage.request();
        const link = await stage.mailed('confirm');
        const context = await open();
        const early = await openLink(context, link);
        await end(stage, id, link);

        const page = await context.newPage();
        await page.goto(link);
        await expectHeading(page, key);
        expect(await page.locator('button:visible, input:visible').count()).toBe(0);
        await picture(page, `page-link-${name.replaceAll(' ', '-')}`);

        const patches = stage.tenant.patches().length;
        await press(early, 'page.confirm.button');
        await expectHeading(
          early,
          key === 'page.outcome.already-done.title' ? 'page.outcome.done.title' : key,
        );
        expect(stage.tenant.patches()).toHaveLength(patches);
      },
    );

    test('sent again meanwhile: the older mail is as good as the newer one', async () => {
      const stage = await startStage();
      const id = await stage.request();
      const older = await stage.mailed('confirm');
      stage.pass(2000);
      const token = await stage.token(stage.sub);
      await stage.call('POST', `/v1/email-changes/${id}/resend`, { token });
      expect(await stage.mailed('confirm', NEW, 2)).toBe(older);
      const page = await openLink(await open(), older);
      await press(page, 'page.confirm.button');
      await expectHeading(page, 'page.outcome.done.title');
      expect(stage.tenant.user(stage.sub).email).toBe(NEW);
    });

    test('for an address that somebody else has meanwhile', async () => {
      const stage = await startStage();
      await stage.request();
      stage.tenant.addUser({ email: NEW, password: 'x' });
      const page = await openLink(await open(), await stage.mailed('confirm'));
      await press(page, 'page.confirm.button');
      await expectHeading(page, 'page.outcome.rejected.title');
      await page.getByText(say('reason.email-taken.why')).waitFor();
      await picture(page, 'page-rejected-email-taken');
      expect(stage.tenant.user(stage.sub).email).toBe(OLD);
    });
  });

  describe('opened by a machine', () => {
    test('by HEAD, GET, and a browser that runs scripts and waits a minute: confirms nothing', async () => {
      const stage = await startStage();
      const id = await stage.request();
      const link = await stage.mailed('confirm');
      const cancel = await stage.mailed('cancel', OLD);
      for (const method of ['HEAD', 'GET', 'OPTIONS'])
        for (const url of [link, link.replace('#', '?token='), link.replace('#', '?#'), cancel])
          await new Promise<void>((resolve, reject) => {
            ask(url.split('#')[0]!, { method, headers: { 'user-agent': 'SafeLinks' } }, (answer) =>
              answer.resume().on('end', resolve),
            )
              .on('error', reject)
              .end();
          });
      for (const url of [link, cancel]) {
        const context = await open();
        const page = await context.newPage();
        await page.clock.install();
        await page.goto(url);
        await page.locator('#review').waitFor();
        await page.mouse.move(200, 200);
        await page.mouse.wheel(0, 400);
        await page.clock.runFor(60_000);
        // For those that follow links there is nothing but this page in other languages.
        for (const way of await page.locator('a').all())
          expect(await way.getAttribute('href')).toMatch(/^\/(?:confirm|cancel)\?lang=[\w-]+$/);
        await page.close();
      }
      expect(
        stage.front.seen.filter(
          ({ method, path }) => method === 'POST' && !path.startsWith('/v1/'),
        ),
      ).toEqual([]);
      const token = await stage.token(stage.sub);
      const { body } = await stage.call('GET', `/v1/email-changes/${id}`, { token });
      expect(body.status).toBe('pending');
      expect(stage.tenant.patches()).toHaveLength(0);
      // And the person who comes after them finds everything as it was.
      const page = await openLink(await open(), link);
      await press(page, 'page.confirm.button');
      await expectHeading(page, 'page.outcome.done.title');
    });
  });
});
