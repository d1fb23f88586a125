/** examples/next-app, built by Next from the packed packages and driven as its users do. */
import { beforeAll, expect, test } from 'vitest';
import { freePort } from '../../demo/ports.ts';
import { describeInBrowser, picture } from '../support/browser.ts';
import { run } from '../support/packed.ts';
import { startWorld } from '../support/world.ts';
import { logIn } from '../browser/app.ts';
import { openLink, press } from '../browser/stage.ts';
import { packages, serve } from './example.ts';

const NEXT = 'node_modules/next/dist/bin/next';
const [OLD, NEW] = ['ada@example.com', 'ada.lovelace@example.org'];

describeInBrowser('examples/next-app', ({ open }) => {
  let folder: string;
  beforeAll(async () => {
    folder = await (await packages()).installExample('next-app');
    // Without one setting: those are of where it runs.
    const env = { NEXT_TELEMETRY_DISABLED: '1', PATH: process.env['PATH'] };
    await run(process.execPath, [NEXT, 'build'], { cwd: folder, env });
  }, 300_000);

  test('the whole change: rendered on the server, asked for, confirmed on a page below a route handler, followed live', async () => {
    const port = await freePort(0);
    const app = `http://localhost:${port}`;
    const world = await startWorld({
      workers: false,
      tenant: {
        actions: ['login-evidence'],
        spa: { redirectUris: [app], logoutUris: [app], webOrigins: [app] },
      },
    });
    const { tenant, inbox } = world;
    const { user_id: sub } = tenant.addUser({ email: OLD, password: 'correct horse' });
    const served = await serve(
      folder,
      [NEXT, 'start', '--hostname', 'localhost', '--port', String(port)],
      {
        ...world.env,
        NEXT_TELEMETRY_DISABLED: '1',
        PUBLIC_URL: `${app}/account`,
        AUTH0_SPA_DOMAIN: tenant.url,
        AUTH0_SPA_CLIENT_ID: tenant.spaClientId,
      },
      `${app}/account/readyz`,
    );
    const markup = await (await fetch(app)).text();
    expect(markup).toContain(`<readdress-change-email base-url="${app}/account">`);

    // Nobody is signed in yet: the tenant says so, and the tab asks for a picture that there is not.
    const window = await open({ tolerates: /status of 40[04]/ });
    const page = await window.newPage();
    await page.goto(app);
    await page.getByLabel('New email address').fill(NEW);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign in again' }).click();
    await logIn(page, OLD);
    const live = page.waitForResponse((answer) => answer.url().endsWith('/events'));
    await page.getByLabel('New email address').fill(NEW);
    await page.keyboard.press('Enter');
    await page.getByText(`We sent a link to ${NEW}.`).waitFor();
    expect((await live).headers()['content-type']).toMatch(/^text\/event-stream/);
    await picture(page, 'next-app');

    const { text } = await inbox.waitFor({ to: NEW });
    const link = /http\S+\/confirm#[\w-]{64}/.exec(text)![0];
    expect(link.startsWith(`${app}/account/confirm#`)).toBe(true);
    const confirmation = await openLink(window, link);
    await press(confirmation, 'page.confirm.button');
    await page.getByText(`Your email address is now ${NEW}.`).waitFor();
    expect(tenant.user(sub)).toMatchObject({ email: NEW, email_verified: true });
    expect(served.said()).not.toMatch(/⨯|unhandledRejection/);
  });
});
