/** What whoever builds an app is told by the element: in the console, by an event, and on the page. */
import { expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { describeInBrowser } from '../support/browser.ts';
import { NEW, startHost, type Host } from './host.ts';

/** The page, and what its console was told by the element. */
async function visit(host: Host, page: Page) {
  const lines: string[] = [];
  page.on('console', (line) => {
    if (line.type() === 'warning') lines.push(line.text());
  });
  await host.open(page, 'early');
  await page.evaluate(
    `window.faults = []; document.querySelector('readdress-change-email').addEventListener('error', ({ error, message }) => faults.push([error?.code, message]))`,
  );
  return { lines, faults: () => page.evaluate('faults') };
}
async function press(page: Page): Promise<void> {
  await page.getByLabel('New email address').fill(NEW);
  await page.keyboard.press('Enter');
}

describeInBrowser('a mistake of the app', ({ open }) => {
  const tab = async () =>
    (
      await open({
        tolerates:
          / (?:unavailable|unreachable|insufficient-scope) |status of 4|ERR_|CORS|Content Security Policy/,
      })
    ).newPage();

  test('neither client nor getAccessToken: the element says so, once, and never sends for ever', async () => {
    const host = await startHost();
    host.script = '';
    const page = await tab();
    const { lines } = await visit(host, page);
    await page.evaluate(`import('/element.js')`);
    await press(page);
    await page.getByText('This does not work now.').waitFor();
    expect(await page.getByText('Sending …').count()).toBe(0);
    await page.keyboard.press('Enter');
    await page.getByText('This does not work now.').waitFor();
    expect(lines).toEqual([expect.stringContaining('set `client` or `getAccessToken`')]);
  });

  test('a scope that is not in the token, and a service that is somewhere else, are told by code', async () => {
    const host = await startHost();
    const page = await tab();
    host.token = async () => host.world.token(host.sub, { scope: 'openid' });
    const { lines, faults } = await visit(host, page);
    await press(page);
    await page.getByText('That did not work. Try again.').waitFor();
    await page.getByRole('button', { name: 'Change email address' }).click();
    await page.evaluate(
      `document.querySelector('readdress-change-email').setAttribute('base-url', 'http://127.0.0.1:1')`,
    );
    await press(page);
    await page.getByText('No connection.').waitFor();
    expect(lines).toEqual([
      expect.stringMatching(/ insufficient-scope .*scope/),
      expect.stringMatching(/ unreachable /),
    ]);
    expect(await faults()).toEqual([
      ['insufficient-scope', expect.stringContaining('scope')],
      ['unreachable', expect.any(String)],
    ]);
  });

  test.each([
    ['throws an error without a code', `() => { throw new Error('login_required') }`],
    ['rejects with a word', `() => Promise.reject('nobody')`],
    ['gives nothing', `async () => undefined`],
  ])('getAccessToken %s: the user is asked to sign in again', async (_, getAccessToken) => {
    const host = await startHost();
    host.script = `import '/element.js'; document.querySelector('readdress-change-email').getAccessToken = ${getAccessToken};`;
    const page = await tab();
    const { lines } = await visit(host, page);
    await press(page);
    await page.getByText('Sign in again to go on.').waitFor();
    await page.getByRole('button', { name: 'Sign in again' }).waitFor();
    expect(lines).toEqual([]);
  });

  test('a user without a change leaves no red line', async () => {
    const host = await startHost();
    const page = await (await open()).newPage();
    const current = page.waitForResponse((answer) => answer.url().endsWith('/current'));
    await host.open(page);
    expect((await current).status()).toBe(204);
    await page.getByLabel('New email address').waitFor();
  });
});
