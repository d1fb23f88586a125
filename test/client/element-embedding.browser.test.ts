/** The element as a part of somebody's app: frameworks, themes, strict policies, moves and leaves. */
import { expect, test } from 'vitest';
import { describeInBrowser, picture } from '../support/browser.ts';
import { eventually } from '../support/world.ts';
import {
  ask,
  confirmBy,
  expectText,
  field,
  HEARD,
  inElement,
  NEW,
  startHost,
  TOLERATED,
} from './host.ts';

const MAILED = `We sent a link to ${NEW}.`;

/** An app with clients of its own, whose change is mailed and stays so. */
const CLIENT = `import '/element.js';
  const change = (email) => ({ id: email, status: 'pending', email, awaiting: ['new'], mailedAt: 'now',
    expiresAt: new Date(Date.now() + 9e5).toISOString(), resendAfter: new Date(0).toISOString() });
  window.aborted = 0;
  window.clientOf = (email) => ({
    current: async () => change(email),
    request: async ({ email }) => change(email),
    watch: (id, onChange, { signal }) => new Promise((_, reject) =>
      signal.addEventListener('abort', () => { aborted += 1; reject(signal.reason); })),
  });`;

describeInBrowser('the element in an app', ({ open }) => {
  // A broken policy is a complaint, and a complaint fails the test.
  const tab = async () => (await open({ tolerates: TOLERATED })).newPage();

  test('it is styled under a policy without unsafe-inline, and takes the colours of its host', async () => {
    const host = await startHost();
    host.html = host.html
      .replace('<readdress', '<readdress-change-email></readdress-change-email><readdress')
      .replace('<main>', '<main class="themed">');
    const page = await host.open(await tab());
    const colour = (nth: number, part: string) =>
      page.evaluate(
        `getComputedStyle(document.querySelectorAll('readdress-change-email')[${nth}].shadowRoot.querySelector('[part=${part}]')).backgroundColor`,
      );
    expect(await colour(1, 'submit')).toBe('rgb(0, 102, 68)');
    expect(await colour(1, 'field')).toBe('rgb(255, 255, 238)');
    expect(await inElement(page, 'root.adoptedStyleSheets.length')).toBe(1);
    expect(await inElement(page, `root.querySelectorAll('style, [style]').length`)).toBe(0);
    await picture(page, 'element-themed');
  });

  test('what is hidden stays hidden, whatever the host does to the parts', async () => {
    const host = await startHost();
    host.html = host.html.replace('<main>', '<main class="rude">');
    const page = await host.open(await tab());
    expect(await page.locator('[part=actions] button:visible').count()).toBe(0);
    await inElement(page, 'element.toggleAttribute("hidden")');
    expect(await page.locator('readdress-change-email').isVisible()).toBe(false);
  });

  test('the status is a name to style by', async () => {
    const host = await startHost();
    const page = await host.open(await tab());
    await ask(page);
    await expectText(page, MAILED);
    expect(await inElement(page, 'root.firstElementChild.part.value')).toBe('base pending');
    expect(await inElement(page, 'element.change.email')).toBe(NEW);
  });

  test('what was set before the element was defined counts as if it had been there', async () => {
    const host = await startHost();
    host.script = `const element = document.querySelector('readdress-change-email');
      element.getAccessToken = () => fetch('/token').then((answer) => answer.text());
      element.strings = { emailLabel: 'Your next address' };
      element.email = 'typed@before.example';
      await import('/element.js');
      for (const name of ['getAccessToken', 'strings', 'email'])
        if (Object.hasOwn(element, name)) throw new Error(name + ' hides its accessor');`;
    const page = await host.open(await tab());
    const label = page.getByLabel('Your next address');
    expect(await label.inputValue()).toBe('typed@before.example');
    await label.fill(NEW);
    await label.press('Enter');
    await expectText(page, MAILED);
  });

  test('an app that knows late who is signed in, or where the service is, may say so late', async () => {
    const host = await startHost();
    const token = await host.world.token(host.sub);
    await host.world.call('POST', '/v1/email-changes', { token, body: { email: NEW } });
    host.html = host.html.replace(/base-url="[^"]*"/, '');
    host.script = `import '/element.js';`;
    const page = await tab();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await host.open(page, 'early');
    expect(asked.filter((url) => url.includes('/v1/'))).toEqual([]);
    await inElement(page, `element.setAttribute('base-url', '${host.world.api}')`);
    await inElement(page, `element.getAccessToken = () => '${token}'`);
    await expectText(page, MAILED);
    // Another closure at every turn, as frameworks make them, starts nothing anew.
    const before = asked.filter((url) => url.endsWith('/current')).length;
    for (let turn = 0; turn < 3; turn += 1)
      await inElement(page, `element.getAccessToken = () => '${token}'`);
    await confirmBy(host, 'confirm');
    await expectText(page, /is now/);
    expect(asked.filter((url) => url.endsWith('/current')).length).toBe(before);
  });

  test.each([
    ['login', `element.getAccessToken = () => fetch('/token').then((answer) => answer.text())`],
    ['client', `element.client = clientOf('${NEW}')`],
  ])('who is quicker than the %s of the app is not sent away', async (_, ready) => {
    const host = await startHost();
    host.script = CLIENT;
    const page = await host.open(await tab(), 'early');
    await field(page).waitFor();
    await ask(page);
    await expectText(page, 'Sending…');
    await inElement(page, ready);
    await expectText(page, MAILED);
  });

  test('a client of the app’s own is used instead, and another one starts over', async () => {
    const host = await startHost();
    host.script = CLIENT;
    const page = await host.open(await tab(), 'early');
    await inElement(page, `element.client = clientOf('one@example.org')`);
    await expectText(page, 'We sent a link to one@example.org.');
    await inElement(page, `element.client = clientOf('two@example.org')`);
    await expectText(page, 'We sent a link to two@example.org.');
    expect(await page.evaluate('aborted')).toBe(1);
  });

  test('moved to another place it goes on, with what was typed and what is under way', async () => {
    const host = await startHost();
    host.html = host.html.replace('</main>', '</main><aside></aside>');
    const page = await host.open(await tab());
    await field(page).fill(NEW);
    await inElement(page, `document.querySelector('aside').append(element)`);
    expect(await field(page).inputValue()).toBe(NEW);
    await field(page).press('Enter');
    await expectText(page, MAILED);
    await inElement(page, `document.querySelector('main').append(element)`);
    await expectText(page, MAILED);
    await confirmBy(host, 'confirm');
    await expectText(page, /is now/);
    expect(await page.evaluate(HEARD)).toEqual(['pending', 'confirmed', 'committed']);
  });

  test('moved by moveBefore it does not even blink', async () => {
    const host = await startHost();
    host.html = host.html.replace('</main>', '</main><aside></aside>');
    const page = await host.open(await tab());
    await ask(page);
    await expectText(page, MAILED);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await inElement(page, `document.querySelector('aside').moveBefore(element, null)`);
    await confirmBy(host, 'confirm');
    await expectText(page, /is now/);
    expect(asked).toEqual([]);
  });

  test('taken out of the page it asks for nothing any more, and put back it goes on', async () => {
    const host = await startHost();
    const page = await host.open(await tab());
    const stream = page.waitForRequest(/\/events$/);
    await ask(page);
    await expectText(page, MAILED);
    const followed = await stream;
    const left = page.waitForEvent('requestfailed', (request) => request === followed);
    await inElement(page, '((window.kept = element).remove(), true)');
    await left;
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await confirmBy(host, 'confirm');
    await eventually(() => host.world.tenant.patches().length === 1);
    expect(asked).toEqual([]);
    expect(await page.evaluate(HEARD)).toEqual(['pending']);
    await page.evaluate(`document.querySelector('main').append(kept)`);
    await expectText(page, /is now/);
  });

  test('taken out while it is asking, it stays silent', async () => {
    const host = await startHost();
    const page = await host.open(await tab());
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/v1/email-changes', async (route) => {
      await held;
      await route.continue();
    });
    const posted = page.waitForRequest((request) => request.method() === 'POST');
    await ask(page);
    await posted;
    await page.evaluate(
      `(window.kept = document.querySelector('readdress-change-email')).remove()`,
    );
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    release();
    await eventually(() => page.evaluate<boolean>('!!kept.change'));
    expect(asked.filter((url) => url.includes('/v1/'))).toEqual([]);
    await page.evaluate(`document.querySelector('main').append(kept)`);
    await expectText(page, MAILED);
  });

  test('the way back goes with the request, and only one that the service allows', async () => {
    const host = await startHost();
    host.html = host.html.replace('<readdress-change-email', `$& return-to="${host.url}/"`);
    const page = await host.open(await tab());
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    await ask(page);
    expect((await sent).postDataJSON()).toEqual({
      email: NEW,
      timeZone: expect.any(String),
      returnTo: `${host.url}/`,
      locale: 'en',
    });
    await expectText(page, MAILED);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await inElement(page, `element.setAttribute('return-to', 'https://evil.example/')`);
    await ask(page);
    await expectText(page, 'That did not work. Try again.');
  });

  test('focus() goes to where the user goes on', async () => {
    const host = await startHost();
    const page = await host.open(await tab());
    await inElement(page, 'element.focus()');
    expect(await inElement(page, 'root.activeElement.id')).toBe('email');
  });
});
