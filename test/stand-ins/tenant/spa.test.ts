import { readFile } from 'node:fs/promises';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listenOnLoopback, type LoopbackServer } from '../../../stand-ins/loopback.ts';
import { findOnPath } from '../../../demo/redis/path.ts';
import { startTenant, type Tenant } from '../../../stand-ins/tenant.ts';
import { decodeJwt } from '../../../stand-ins/tenant/jwt.ts';
import { usersClient } from './worker.ts';

const executablePath = findOnPath(['chromium', 'chromium-browser', 'google-chrome']);
const SDK = '@auth0/auth0-spa-js/dist/auth0-spa-js.production.js';

/** An application that does what Auth0's quickstart does, driven through `window`. */
function spaPage(tenant: Tenant, useRefreshTokens: boolean): string {
  const settings = {
    domain: tenant.url,
    clientId: tenant.spaClientId,
    useRefreshTokens,
    authorizationParams: { audience: tenant.audience, scope: 'openid profile email change:email' },
  };
  return `<!doctype html><title>SPA</title><script src="/sdk.js"></script><script>
    const settings = ${JSON.stringify(settings)};
    settings.authorizationParams.redirect_uri = location.origin + location.pathname;
    window.ready = (async () => {
      window.client = await auth0.createAuth0Client(settings);
      if (location.search.includes('code=')) {
        await client.handleRedirectCallback();
        history.replaceState({}, '', location.pathname);
      }
    })();
  </script>`;
}

describe.skipIf(executablePath === undefined)('Auth0’s SPA SDK in a browser', () => {
  let tenant: Tenant;
  let spa: LoopbackServer;
  let chrome: Browser;
  let origin: string;

  beforeAll(async () => {
    const sdk = await readFile(new URL(import.meta.resolve(SDK)));
    tenant = await startTenant({
      users: [{ user_id: 'auth0|ada', email: 'ada@example.com', password: 'x' }],
    });
    spa = await listenOnLoopback((req, res) => {
      if (req.url === '/sdk.js') res.setHeader('content-type', 'text/javascript').end(sdk);
      else
        res
          .setHeader('content-type', 'text/html')
          .end(spaPage(tenant, !req.url?.startsWith('/iframe')));
    });
    origin = `http://localhost:${spa.port}`;
    tenant.configureSpa({
      redirectUris: [`${origin}/iframe`, `${origin}/refresh`],
      logoutUris: [`${origin}/iframe`],
    });
    chrome = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: ['--no-sandbox', '--disable-gpu'],
    });
  });

  afterAll(async () => {
    await chrome.close();
    await spa.close();
    await tenant.close();
  });

  async function logIn(path: string, email: string): Promise<Page> {
    const page = await (await chrome.newContext()).newPage();
    await page.goto(`${origin}${path}`);
    await page.evaluate('ready.then(() => client.loginWithRedirect())');
    await page.getByLabel('Email address').fill(email);
    await page.getByLabel('Password').fill('x');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${origin}${path}`);
    await page.evaluate('ready');
    return page;
  }

  async function silentToken(page: Page): Promise<string> {
    return page.evaluate(`client.getTokenSilently({ cacheMode: 'off' })`);
  }

  it('logs in, renews by iframe until the email changes, and logs out', async () => {
    const page = await logIn('/iframe', 'ada@example.com');
    expect(await page.evaluate('client.getUser()')).toMatchObject({
      sub: 'auth0|ada',
      email: 'ada@example.com',
    });
    expect(decodeJwt(await silentToken(page))?.claims).toMatchObject({ sub: 'auth0|ada' });

    await (await usersClient(tenant)).update('auth0|ada', { email: 'new@example.com' });
    const refused = await silentToken(page).catch((error: unknown) => String(error));
    expect(refused).toContain('Login required');

    await page.evaluate('client.logout({ logoutParams: { returnTo: location.href } })');
    await page.waitForURL(`${origin}/iframe`);
  });

  it('renews by rotating refresh tokens', async () => {
    tenant.addUser({ email: 'bob@example.com', password: 'x' });
    const page = await logIn('/refresh', 'bob@example.com');
    const first = await silentToken(page);
    const second = await silentToken(page);
    expect(decodeJwt(second)?.claims).toMatchObject({ azp: tenant.spaClientId });
    const grants = tenant.tokenRequests().map((call) => call.body);
    expect(grants.at(-1)).toMatchObject({ grant_type: 'refresh_token' });
    expect(decodeJwt(first)?.claims['sub']).toBe(decodeJwt(second)?.claims['sub']);
  });
});
