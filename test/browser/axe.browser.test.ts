/** axe has nothing to say, in light and in dark, of any page and any state that a user comes to. */
import type { Page } from 'playwright-core';
import { afterEach, expect, test } from 'vitest';
import { findingsOf } from '../support/axe.ts';
import { describeInBrowser, picture } from '../support/browser.ts';
import { ask, button, confirmBy, expectText, NEW, startHost, TOLERATED } from '../client/host.ts';
import {
  askFor,
  CHANGED,
  logIn,
  MAILED,
  newAddress,
  startApp,
  TOLERATED as APP_TOLERATED,
} from './app.ts';
import {
  button as pageButton,
  expectHeading,
  OLD,
  openLink,
  press,
  say,
  startStage,
} from './stage.ts';

const seen: string[] = [];
afterEach(() => {
  seen.length = 0;
});

/** Looks at the page in both colours; the name is that of its pictures. */
async function look(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await picture(page, `axe-${name}-${colorScheme}`);
    seen.push(...(await findingsOf(page)).map((line) => `${name}, ${colorScheme}: ${line}`));
  }
}

describeInBrowser('axe', ({ open }) => {
  test('the element, in every state', async () => {
    const host = await startHost({
      env: { CODE: 'on', RESEND_AFTER: '1s', CONFIRMATION: 'both' },
    });
    host.html = host.html.replace('<readdress-change-email', '$& code');
    const page = await host.open(await (await open({ tolerates: TOLERATED })).newPage());
    await look(page, 'element-form');
    await ask(page, 'nonsense');
    await expectText(page, 'Enter an email address like name@example.com.');
    await look(page, 'element-invalid');
    await ask(page);
    await button(page, 'Send it again').waitFor();
    await look(page, 'element-pending');
    await page.getByLabel('Or type the eight-digit app code').press('Enter');
    await expectText(page, 'The code is wrong or too old.');
    await look(page, 'element-code-wrong');
    await button(page, 'Cancel').click();
    await expectText(page, 'You canceled the change.');
    await look(page, 'element-canceled');
    await ask(page);
    await expectText(page, `We sent a link to ${NEW}.`);
    await confirmBy(host, 'confirm');
    await expectText(page, 'Confirmed. Now approve it in the email to your current address.');
    await look(page, 'element-approving');
    await confirmBy(host, 'approve', 'ada@example.com');
    await expectText(page, /is now/);
    await look(page, 'element-committed');
    expect(seen).toEqual([]);
  });

  test('the app of the demo, and its phone', async () => {
    const stage = await startApp();
    const context = await open({ tolerates: APP_TOLERATED });
    const app = await stage.visit(context);
    await look(app, 'spa-signed-out');
    await app.getByRole('button', { name: 'Sign in' }).click();
    await logIn(app, OLD);
    await newAddress(app).waitFor();
    await look(app, 'spa-account');
    await askFor(app);
    await expectText(app, MAILED);
    await look(app, 'spa-pending');
    const phone = await stage.phone(context);
    await phone.getByRole('button', { name: 'Confirm your new email address' }).waitFor();
    await look(phone, 'phone-mails');
    await phone.getByRole('button', { name: 'Confirm your new email address' }).click();
    await phone.getByText(NEW, { exact: true }).waitFor();
    await look(phone, 'phone-review');
    await phone.getByRole('button', { name: 'Confirm', exact: true }).click();
    await expectText(app, CHANGED);
    await look(app, 'spa-committed');
    expect(seen).toEqual([]);
  });

  test('the pages without a link', async () => {
    const stage = await startStage({ env: { SUPPORT_URL: 'https://help.example/' } });
    await stage.request();
    const context = await open({ tolerates: /status of 40[04]/ });
    const page = await context.newPage();
    for (const path of ['/', '/problems', '/nowhere', '/confirm', '/approve', '/cancel', '/undo']) {
      await page.goto(`${stage.front.url}${path}`);
      await look(page, `page${path.replace('/', '-')}`);
    }
    expect(seen).toEqual([]);
  });

  test('the page of a link that does not work', async () => {
    const stage = await startStage();
    const page = await (await open({ tolerates: /status of 400/ })).newPage();
    await page.goto(`${stage.front.url}/confirm`);
    await page.getByLabel(say('page.field')).fill('nonsense');
    await pageButton(page, 'page.continue').click();
    await expectHeading(page, 'page.problem.invalid-link.title');
    await look(page, 'page-invalid-link');
    expect(seen).toEqual([]);
  });

  test('the pages of links that work, from the review to the outcome', async () => {
    const stage = await startStage({ env: { SUPPORT_URL: 'https://help.example/' } });
    await stage.request();
    const context = await open();
    const confirm = await openLink(context, await stage.mailed('confirm'));
    await look(confirm, 'page-confirm-review');
    await look(await openLink(context, await stage.mailed('cancel', OLD)), 'page-cancel-review');
    await press(confirm, 'page.confirm.button');
    await expectHeading(confirm, 'page.outcome.done.title');
    await look(confirm, 'page-done');
    const undo = await openLink(context, await stage.mailed('undo', OLD));
    await look(undo, 'page-undo-review');
    await press(undo, 'page.undo.button');
    await expectHeading(undo, 'page.outcome.undone.title');
    await look(undo, 'page-undone');
    expect(seen).toEqual([]);
  });

  test('the pages from right to left, and enlarged', async () => {
    const stage = await startStage();
    await stage.request({ locale: 'ar' });
    const context = await open({ locale: 'ar', viewport: { width: 320, height: 640 } });
    const page = await openLink(context, await stage.mailed('confirm'));
    expect(await page.locator('html').getAttribute('dir')).toBe('rtl');
    await look(page, 'page-confirm-ar-phone');
    await press(page, 'page.confirm.button', 'ar');
    await expectHeading(page, 'page.outcome.done.title', 'ar');
    await look(page, 'page-done-ar-phone');
    expect(seen).toEqual([]);
  });
});
