/** The whole journey with Auth0's own SPA SDK: log in, ask, read the mail, confirm, log in anew. */
import type { BrowserContext, Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { startDesk } from '../../demo/desk.ts';
import { freePort } from '../../demo/ports.ts';
import { describeInBrowser, picture } from '../support/browser.ts';
import { expectHeading, NEW, OLD, openLink, press, startStage } from './stage.ts';

async function startApp(env: Record<string, string> = {}) {
  const port = await freePort(0);
  const home = `http://localhost:${port}/`;
  const stage = await startStage({
    tenant: {
      authTimeClaim: 'https://readdress/auth_time',
      spa: { redirectUris: [home], logoutUris: [home], webOrigins: [home.slice(0, -1)] },
    },
    env: { CORS_ORIGINS: home, RETURN_URLS: home, ...env },
  });
  const { tenant, inbox, sub, front } = stage;
  onTestFinished(await startDesk({ tenant, inbox, api: front.url, sub, port }));
  return { ...stage, home };
}

async function logIn(page: Page, email?: string): Promise<void> {
  if (email !== undefined) await page.getByLabel('Email address', { exact: true }).fill(email);
  await page.getByLabel('Password').fill('correct horse');
  await page.getByRole('button', { name: 'Continue' }).click();
}

async function openApp(context: BrowserContext, home: string): Promise<Page> {
  const app = await context.newPage();
  await app.goto(home);
  await app.getByRole('button', { name: 'Sign in' }).waitFor();
  await picture(app, 'spa-signed-out');
  await app.getByRole('button', { name: 'Sign in' }).click();
  await logIn(app, OLD);
  await app.getByLabel('New email address').waitFor();
  return app;
}

const expectText = (page: Page, text: string | RegExp) => page.getByText(text).waitFor();

describeInBrowser('the whole journey', ({ open }) => {
  test('from the login with the old address to the login with the new one', async () => {
    const stage = await startApp();
    const app = await openApp(await open({ tolerates: /status of 40[04]/ }), stage.home);
    await picture(app, 'spa-account');
    await app.getByLabel('New email address').fill(NEW);
    await app.keyboard.press('Enter');
    await expectText(app, `We sent a link to ${NEW}.`);
    await picture(app, 'spa-pending');
    await app.evaluate('window.sameDocument = true');

    // The mail is read on another machine, where nobody is logged in.
    const page = await openLink(await open(), await stage.mailed('confirm'));
    await press(page, 'page.confirm.button');
    await expectHeading(page, 'page.outcome.done.title');
    await expectText(app, `Your email address is now ${NEW}.`);
    expect(await app.locator('#address').textContent()).toBe(NEW);
    expect(await app.evaluate('window.sameDocument')).toBe(true);
    await picture(app, 'spa-committed');
    expect(stage.tenant.user(stage.sub)).toMatchObject({ email: NEW, email_verified: true });
    expect(stage.tenant.sessions(stage.sub)).toEqual([]);

    // The way back of the result page leads to the app, which knows what to sign in with.
    await app
      .getByRole('button', { name: /^Sign in/ })
      .first()
      .click();
    expect(await app.getByLabel('Email address', { exact: true }).inputValue()).toBe(NEW);
    await picture(app, 'tenant-login-with-new-address');
    await logIn(app);
    await app.getByLabel('New email address').waitFor();
    await picture(app, 'spa-signed-in-with-new-address');
    expect(await app.locator('#address').textContent()).toBe(NEW);
    // The old address opens no door any more.
    await app.getByRole('button', { name: 'Sign out' }).click();
    await app.getByRole('button', { name: 'Sign in' }).click();
    await logIn(app, OLD);
    await expectText(app, /wrong|incorrect|invalid/i);
  });

  test('the link back on the outcome page leads into the app', async () => {
    const stage = await startApp();
    const context = await open({ tolerates: /status of 40[04]/ });
    const app = await openApp(context, stage.home);
    await app.getByLabel('New email address').fill(NEW);
    await app.keyboard.press('Enter');
    const page = await openLink(context, await stage.mailed('confirm'));
    await press(page, 'page.confirm.button');
    await expectHeading(page, 'page.outcome.done.title');
    const back = page.getByRole('link', { name: /^Back to/ });
    expect(await back.getAttribute('href')).toBe(stage.home);
    await back.click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    // Nobody was logged in by the link.
    expect(await page.locator('#signed-in').isVisible()).toBe(false);
  });

  test('cancelled from the current mailbox, the app says so while it is open', async () => {
    const stage = await startApp();
    const app = await openApp(await open({ tolerates: /status of 40[04]/ }), stage.home);
    await app.getByLabel('New email address').fill(NEW);
    await app.keyboard.press('Enter');
    const page = await openLink(await open(), await stage.mailed('cancel', OLD));
    await press(page, 'page.cancel.button');
    await expectHeading(page, 'page.outcome.canceled.title');
    await expectText(app, /The change was cancell?ed/);
    await picture(app, 'spa-cancelled');
    expect(stage.tenant.patches()).toEqual([]);
  });

  test('a phone that knows the app gets the link by itself, and confirms without a browser', async () => {
    const stage = await startApp();
    const context = await open({ tolerates: /status of 40[04]/ });
    const app = await openApp(context, stage.home);
    await app.getByLabel('New email address').fill(NEW);
    await app.keyboard.press('Enter');
    const link = await stage.mailed('confirm');
    const phone = await context.newPage();
    await phone.goto(`${stage.home}phone#${link.split('#')[1]}`);
    await phone.getByText(NEW, { exact: true }).waitFor();
    await picture(phone, 'phone-review');
    await phone.getByRole('button', { name: 'Confirm', exact: true }).click();
    await expectText(app, `Your email address is now ${NEW}.`);
    await expectText(phone, /Done/);
    await picture(phone, 'phone-done');
    expect(stage.tenant.user(stage.sub).email).toBe(NEW);
  });
});
