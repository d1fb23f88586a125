/** The whole journey with Auth0's own SPA SDK: log in, ask, read the mail, confirm, log in anew. */
import { expect, test } from 'vitest';
import { describeInBrowser, picture } from '../support/browser.ts';
import {
  askFor,
  CHANGED,
  expectText,
  logIn,
  MAILED,
  newAddress,
  startApp,
  TOLERATED,
} from './app.ts';
import { expectHeading, NEW, OLD, openLink, press } from './stage.ts';

describeInBrowser('the whole journey', ({ open }) => {
  const browser = () => open({ tolerates: TOLERATED });

  test('from the login with the old address to the login with the new one', async () => {
    const stage = await startApp();
    const app = await stage.enter(await browser());
    await picture(app, 'spa-account');
    await askFor(app);
    await expectText(app, MAILED);
    await picture(app, 'spa-pending');
    await app.evaluate('window.sameDocument = true');

    // The mail is read on another machine, where nobody is logged in.
    const page = await openLink(await open(), await stage.mailed('confirm'));
    await press(page, 'page.confirm.button');
    await expectHeading(page, 'page.outcome.done.title');
    await expectText(app, CHANGED);
    expect(await app.locator('#address').textContent()).toBe(NEW);
    expect(await app.evaluate('window.sameDocument')).toBe(true);
    await picture(app, 'spa-committed');
    expect(stage.tenant.user(stage.sub)).toMatchObject({ email: NEW, email_verified: true });
    expect(stage.tenant.sessions(stage.sub)).toEqual([]);

    // The way back of the result page leads into the app. Nobody was logged in by the link.
    const back = page.getByRole('link', { name: /^Back to/ });
    expect(await back.getAttribute('href')).toBe(stage.home);
    await back.click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await page.locator('#signed-in').isVisible()).toBe(false);

    await app.getByRole('button', { name: 'Sign in with your new address' }).click();
    expect(await app.getByLabel('Email address', { exact: true }).inputValue()).toBe(NEW);
    await picture(app, 'tenant-login-with-new-address');
    await logIn(app);
    // What is over is no news after a login: the form is there again.
    await newAddress(app).waitFor();
    await picture(app, 'spa-signed-in-with-new-address');
    expect(await app.locator('#address').textContent()).toBe(NEW);
    // The old address opens no door any more.
    await app.getByRole('button', { name: 'Sign out' }).click();
    await app.getByRole('button', { name: 'Sign in' }).click();
    await logIn(app, OLD);
    await expectText(app, /wrong|incorrect|invalid/i);
  });

  test('in two tabs of the app: one asks, both follow, and both are told', async () => {
    const stage = await startApp({ RESEND_AFTER: '60s' });
    const context = await browser();
    const first = await stage.enter(context);
    const second = await context.newPage();
    await second.goto(stage.home);
    await newAddress(second).waitFor();
    await askFor(first);
    await expectText(first, MAILED);
    // The second tab asks as well: it is the same change, and nothing more is mailed.
    await askFor(second);
    await expectText(second, MAILED);
    expect(stage.inbox.to(NEW)).toHaveLength(1);
    const page = await openLink(await open(), await stage.mailed('confirm'));
    await press(page, 'page.confirm.button');
    await expectText(first, CHANGED);
    await expectText(second, CHANGED);
    expect(stage.tenant.patches()).toHaveLength(1);
  });

  test('by keyboard alone, from the login to the login with the new address', async () => {
    const stage = await startApp();
    const app = await stage.visit(await browser());
    const focused = () =>
      app.evaluate<string>(
        '((e) => (e.shadowRoot?.activeElement ?? e).textContent.trim())(document.activeElement)',
      );
    /** Tabs on until the focus is on what is called so. */
    const tabTo = async (name: string) => {
      for (let tabs = 0; tabs < 12; tabs += 1) {
        await app.keyboard.press('Tab');
        if ((await focused()) === name) return;
      }
      throw new Error(`Tab does not come to ${name}, but to ${await focused()}`);
    };
    await tabTo('Sign in');
    await app.keyboard.press('Enter');
    await app.getByLabel('Email address', { exact: true }).waitFor();
    await app.getByLabel('Email address', { exact: true }).focus();
    await app.keyboard.type(OLD);
    await app.keyboard.press('Tab');
    await app.keyboard.type('correct horse');
    await app.keyboard.press('Enter');
    await newAddress(app).waitFor();
    await tabTo('Sign out');
    await app.keyboard.press('Tab');
    await app.keyboard.type(NEW);
    await app.keyboard.press('Enter');
    await expectText(app, MAILED);

    const page = await openLink(await open(), await stage.mailed('confirm'));
    await page.waitForFunction(
      (at) => performance.now() > at + 500,
      await page.evaluate<number>('performance.now()'),
    );
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expectHeading(page, 'page.outcome.done.title');

    await expectText(app, CHANGED);
    await tabTo('Sign in with your new address');
    await app.keyboard.press('Space');
    await app.getByLabel('Password').focus();
    await app.keyboard.type('correct horse');
    await app.keyboard.press('Enter');
    await newAddress(app).waitFor();
    expect(await app.locator('#address').textContent()).toBe(NEW);
  });

  test('cancelled from the current mailbox, the app says so while it is open', async () => {
    const stage = await startApp();
    const app = await stage.enter(await browser());
    await askFor(app);
    const page = await openLink(await open(), await stage.mailed('cancel', OLD));
    await press(page, 'page.cancel.button');
    await expectHeading(page, 'page.outcome.canceled.title');
    await expectText(app, 'Your current mailbox canceled the change.');
    await picture(app, 'spa-cancelled');
    expect(stage.tenant.patches()).toEqual([]);
  });

  test('a phone that knows the app gets the link by itself, and confirms without a browser', async () => {
    const stage = await startApp();
    const context = await open({ tolerates: TOLERATED });
    const app = await stage.enter(context);
    await askFor(app);
    const link = await stage.mailed('confirm');
    const phone = await stage.phone(context, link.split('#')[1]);
    await phone.getByText(NEW, { exact: true }).waitFor();
    expect(phone.url()).toBe(`${stage.home}phone`);
    await picture(phone, 'phone-review');
    await phone.getByRole('button', { name: 'Confirm', exact: true }).click();
    await expectText(app, CHANGED);
    await expectText(phone, 'Done. From now on, sign in with the new address.');
    await picture(phone, 'phone-done');
    expect(stage.tenant.user(stage.sub).email).toBe(NEW);

    // The same mail in the list of the phone: its link has been used.
    await phone.getByRole('button', { name: 'Back to the mails' }).click();
    await phone.getByRole('button', { name: 'Confirm your new email address' }).click();
    await expectText(phone, 'Done. From now on, sign in with the new address.');
    expect(await phone.getByRole('button', { name: 'Confirm', exact: true }).isVisible()).toBe(
      false,
    );
    await phone.getByRole('button', { name: 'Back to the mails' }).click();
    await phone.getByLabel('Or paste a link').fill('nonsense');
    await phone.getByRole('button', { name: 'Open in the app' }).click();
    await expectText(phone, 'This link does not work');
  });
});
