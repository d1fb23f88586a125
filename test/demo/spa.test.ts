/** The demo's single-page app and its phone, in a browser, on the whole service. */
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startDesk } from '../../demo/desk.ts';
import { freePort } from '../../demo/ports.ts';
import { findOnPath } from '../../demo/redis/path.ts';
import type { TenantOptions } from '../../demo/tenant/options.ts';
import { startWorld, tokenIn, type World } from '../support/world.ts';

const executablePath = findOnPath(['chromium', 'chromium-browser', 'google-chrome']);
const FLAGS =
  '--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
    ' ',
  );
const ADA = { email: 'ada@example.com', password: 'correct horse' };
const NEW = 'ada@example.org';

describe.skipIf(executablePath === undefined)('the demo in a browser', () => {
  let chrome: Browser;

  beforeAll(async () => {
    chrome = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: FLAGS,
    });
  });

  afterAll(() => chrome.close());

  interface Stage {
    world: World;
    app: Page;
    /** Where the app is. */
    desk: string;
    sub: string;
    /** What the browser complained of: script errors and broken policies. */
    complaints: string[];
    openPhone: () => Promise<Page>;
  }

  async function openApp(
    env: Record<string, string> = {},
    tenantOptions: TenantOptions = {},
  ): Promise<Stage> {
    const port = await freePort(0);
    const desk = `http://localhost:${port}`;
    const world = await startWorld({
      env: { CORS_ORIGINS: desk, RETURN_URLS: `${desk}/`, RESEND_AFTER: '1s', ...env },
      tenant: {
        authTimeClaim: 'https://readdress/auth_time',
        spa: { redirectUris: [`${desk}/`], logoutUris: [`${desk}/`], webOrigins: [desk] },
        ...tenantOptions,
      },
    });
    const { user_id: sub } = world.tenant.addUser({ ...ADA, email_verified: true });
    const { tenant, inbox, api } = world;
    const close = await startDesk({ tenant, inbox, api, sub, port });
    const context = await chrome.newContext();
    onTestFinished(async () => {
      await context.close();
      await close();
    });
    const complaints: string[] = [];
    context.on('weberror', (error) => complaints.push(error.error().message));
    context.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) complaints.push(message.text());
    });
    const app = await context.newPage();
    await app.goto(desk);
    const openPhone = async () => {
      const phone = await context.newPage();
      await phone.goto(`${desk}/phone`);
      return phone;
    };
    return { world, app, desk, sub, complaints, openPhone };
  }

  /** Fills the stand-in tenant's login form, from its password on where it knows the address. */
  async function fillLogin(app: Page, email?: string): Promise<void> {
    if (email !== undefined) await app.getByLabel('Email address').fill(email);
    await app.getByLabel('Password').fill(ADA.password);
    await app.getByRole('button', { name: 'Continue' }).click();
  }

  async function logIn(app: Page): Promise<void> {
    await app.getByRole('button', { name: 'Sign in' }).click();
    await fillLogin(app, ADA.email);
  }

  async function askFor(app: Page, email: string): Promise<void> {
    await app.getByLabel('New email address').fill(email);
    await app.getByRole('button', { name: 'Change email address' }).click();
  }

  const sees = (page: Page, text: string | RegExp) => page.getByText(text).waitFor();
  const MAILED = `We sent a link to ${NEW}.`;

  it('changes the address from the login to the login with the new address', async () => {
    const { world, app, sub, complaints, openPhone } = await openApp();
    await logIn(app);
    await app.getByText(ADA.email, { exact: true }).waitFor();
    await askFor(app, NEW);
    await sees(app, MAILED);
    expect(world.tenant.user(sub).email).toBe(ADA.email);

    const phone = await openPhone();
    await phone.getByRole('button', { name: 'Confirm your new email address' }).click();
    await phone.getByText(NEW, { exact: true }).waitFor();
    await phone.getByRole('button', { name: 'Confirm', exact: true }).click();
    await phone.getByText('Done. From now on, sign in with the new address.').waitFor();

    // Followed live: nobody reloaded the app.
    await sees(app, `Your email address is now ${NEW}.`);
    expect(await app.locator('#address').textContent()).toBe(NEW);
    expect(world.tenant.user(sub)).toMatchObject({ email: NEW, email_verified: true });

    await app.getByRole('button', { name: 'Sign in with your new address' }).click();
    expect(await app.getByLabel('Email address').inputValue()).toBe(NEW);
    await fillLogin(app);
    await app.getByLabel('New email address').waitFor();
    expect(await app.locator('#address').textContent()).toBe(NEW);
    expect(complaints).toEqual([]);
  });

  it('says what to sign in with when it is reloaded after the change ended the session', async () => {
    const { world, app } = await openApp();
    await logIn(app);
    await askFor(app, NEW);
    const mail = await world.inbox.waitFor({ to: NEW });
    await world.call('POST', '/v1/confirm', { body: { token: tokenIn(mail.text, 'confirm') } });
    await sees(app, `Your email address is now ${NEW}.`);
    await app.reload();
    await app.getByText(`Your address was changed. Sign in with ${NEW} now.`).waitFor();
    await app.getByRole('button', { name: 'Sign in' }).click();
    expect(await app.getByLabel('Email address').inputValue()).toBe(NEW);
  });

  it('takes up an open change after a reload, sends its link again, and withdraws it', async () => {
    const { world, app } = await openApp();
    await logIn(app);
    await askFor(app, NEW);
    await sees(app, MAILED);
    await app.reload();
    await sees(app, MAILED);
    await app.getByRole('button', { name: 'Send it again', exact: true }).click();
    await world.inbox.waitFor(() => world.inbox.to(NEW).length === 2);
    await app.getByRole('button', { name: 'Cancel' }).click();
    await sees(app, 'The change was canceled.');
    expect((await world.inbox.waitFor({ to: NEW })).subject).toBe('Confirm your new email address');
  });

  it('logs in again when the login is too old, and then asks by itself', async () => {
    const { world, app } = await openApp({ MAX_AUTH_AGE: '60' });
    await logIn(app);
    await app.getByLabel('New email address').waitFor();
    // To the service the login is two minutes old; the login that follows is to be a fresh one.
    world.pass(2 * 60_000);
    const asked = app.waitForRequest((request) => request.url().includes('/authorize?'));
    await askFor(app, NEW);
    const { searchParams } = new URL((await asked).url());
    world.pass(-2 * 60_000);
    expect(searchParams.get('max_age')).toBe('60');
    expect(searchParams.get('login_hint')).toBe(ADA.email);
    await sees(app, MAILED);
    expect(world.inbox.to(NEW).length).toBeLessThan(2);
  });

  it('asks for a login when the session ends under an open page', async () => {
    // Auth0's SDK renews a token that has less than a minute to live.
    const { world, app, sub } = await openApp({}, { accessTokenTtlSeconds: 30 });
    await logIn(app);
    await app.getByLabel('New email address').waitFor();
    world.tenant.updateUser(sub, { blocked: true });
    await askFor(app, NEW);
    await sees(app, 'Your session has ended. Please sign in again.');
    expect(await app.locator('#address').isVisible()).toBe(false);
    expect(world.inbox.messages).toEqual([]);
  });

  it('opens a link in the phone by its own address, and keeps it out of the address bar', async () => {
    const { world, app, desk, openPhone } = await openApp();
    await logIn(app);
    await askFor(app, NEW);
    const mail = await world.inbox.waitFor({ to: NEW });
    const phone = await openPhone();
    await phone.goto('about:blank');
    await phone.goto(`${desk}/phone#${tokenIn(mail.text, 'confirm')}`);
    await phone.getByText(NEW, { exact: true }).waitFor();
    expect(phone.url()).toBe(`${desk}/phone`);
    await phone.getByRole('button', { name: 'Back to the mails' }).click();
    await phone.getByLabel('Or paste a link').fill('nonsense');
    await phone.getByRole('button', { name: 'Open in the app' }).click();
    await sees(phone, 'This link does not work');
  });
});
