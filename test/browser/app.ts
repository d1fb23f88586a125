/** The demo's app with Auth0's own SPA SDK, on the whole service: what a user of a real app does. */
import type { BrowserContext, Page } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { startDesk } from '../../demo/desk.ts';
import { freePort } from '../../demo/ports.ts';
import type { TenantOptions } from '../../stand-ins/tenant/options.ts';
import { NEW, OLD, startStage, type Stage } from './stage.ts';

/** Before a login there is no session, and before a request no change. */
export const TOLERATED = /status of 40[04]/;

export type App = Stage & {
  /** Where the app is. */
  home: string;
  /** A tab with the app before the login. */
  visit(context: BrowserContext): Promise<Page>;
  /** A tab with the app after the login. */
  enter(context: BrowserContext): Promise<Page>;
  /** The phone of the demo, with a link or without. */
  phone(context: BrowserContext, fragment?: string): Promise<Page>;
};

export async function startApp(
  env: Record<string, string> = {},
  tenantOptions: TenantOptions = {},
): Promise<App> {
  const port = await freePort(0);
  const home = `http://localhost:${port}/`;
  const stage = await startStage({
    tenant: {
      actions: ['login-evidence'],
      spa: { redirectUris: [home], logoutUris: [home], webOrigins: [home.slice(0, -1)] },
      ...tenantOptions,
    },
    env: { CORS_ORIGINS: home, RETURN_URLS: home, ...env },
  });
  const { tenant, inbox, sub, front } = stage;
  onTestFinished(await startDesk({ tenant, inbox, api: front.url, sub, port }));
  const open = async (context: BrowserContext, path: string): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(`${home}${path}`);
    return page;
  };
  const visit = async (context: BrowserContext): Promise<Page> => {
    const page = await open(context, '');
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    return page;
  };
  return {
    ...stage,
    home,
    visit,
    async enter(context) {
      const page = await visit(context);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await logIn(page, OLD);
      await newAddress(page).waitFor();
      return page;
    },
    phone: (context, fragment) => open(context, fragment ? `phone#${fragment}` : 'phone'),
  };
}

/** Fills the stand-in tenant's login form, from its password on where it knows the address. */
export async function logIn(page: Page, email?: string): Promise<void> {
  if (email !== undefined) await page.getByLabel('Email address', { exact: true }).fill(email);
  await page.getByLabel('Password').fill('correct horse');
  await page.getByRole('button', { name: 'Continue' }).click();
}

export const newAddress = (page: Page) => page.getByLabel('New email address');
export const expectText = (page: Page, text: string | RegExp) => page.getByText(text).waitFor();

export const MAILED = `We sent a link to ${NEW}.`;
export const CHANGED = `Your email address is now ${NEW}.`;

export async function askFor(page: Page, email = NEW): Promise<void> {
  await newAddress(page).fill(email);
  await newAddress(page).press('Enter');
}
