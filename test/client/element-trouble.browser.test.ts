/** The element when something goes wrong: said in words, next to where it happened, and never twice. */
import { expect, test } from 'vitest';
import { describeInBrowser, picture } from '../support/browser.ts';
import { eventually } from '../support/world.ts';
import {
  ask,
  button,
  confirmBy,
  expectText,
  field,
  focusIn,
  HEARD,
  inElement,
  NEW,
  OLD,
  SAID,
  startHost,
  TOLERATED,
} from './host.ts';

const MAILED = `We sent a link to ${NEW}.`;
const SESSION_ENDED = JSON.stringify({ error: 'login_required' });

describeInBrowser('the element in trouble', ({ open }) => {
  const tab = async (tolerates = TOLERATED) => (await open({ tolerates })).newPage();

  test.each([
    [
      'an address that is none',
      'ada@localhost..',
      'Enter an email address like name@example.com.',
      'true',
    ],
    ['too many of them', NEW, /^Too many tries\. Try again in (?:1 hour|\d+ minutes)\.$/, 'false'],
  ])('%s is refused beside the field, where the words stay', async (_, email, words, invalid) => {
    const host = await startHost({ env: { LIMIT_USER: '1/1h', RESEND_AFTER: '1s' } });
    const page = await host.open(await tab());
    if (email === NEW) {
      await ask(page, 'first@example.org');
      await expectText(page, 'We sent a link to first@example.org.');
      await button(page, 'Cancel').click();
    }
    await ask(page, email);
    await expectText(page, words);
    expect(await field(page).inputValue()).toBe(email);
    expect(await field(page).getAttribute('aria-invalid')).toBe(invalid);
    expect(await focusIn(page)).toBe('email');
    await picture(page, `element-refused-${invalid === 'true' ? 'address' : 'limit'}`);
  });

  test('what looks like a slip is asked about before anything is sent; pressing again means it', async () => {
    const host = await startHost();
    const page = await host.open(await tab());
    await ask(page, 'ada@gmial.com');
    await expectText(page, 'Did you mean ada@gmail.com? If not, press the button again.');
    expect(await field(page).inputValue()).toBe('ada@gmial.com');
    const inRedis = await host.world.redis.keys(`${host.world.prefix}:change:*`);
    expect(inRedis).toEqual([]);
    await button(page, 'Change email address').click();
    await expectText(page, 'We sent a link to ada@gmial.com.');
  });

  test('who signs in with another provider is told where to go', async () => {
    const host = await startHost({ sub: 'google-oauth2|1234567890' });
    const page = await host.open(await tab());
    await ask(page);
    await expectText(page, 'You sign in with another provider. Change your address there.');
  });

  test('an address that takes no mail can be mended where it stands', async () => {
    const host = await startHost();
    host.world.inbox.fault({
      stage: 'rcpt',
      match: /nobody@/,
      action: { code: 550, message: '5.1.1 no such user' },
    });
    const page = await host.open(await tab());
    await ask(page, 'nobody@example.org');
    await expectText(page, 'No email reaches this address. Check the spelling.');
    expect(await field(page).inputValue()).toBe('nobody@example.org');
    await picture(page, 'element-undeliverable');
  });

  test('an address of somebody else is told after its mailbox agreed, and the account keeps its own', async () => {
    const host = await startHost();
    host.world.tenant.addUser({ email: NEW, password: 'x' });
    const page = await host.open(await tab());
    await ask(page);
    await confirmBy(host, 'confirm');
    await expectText(page, 'Another account uses this address.');
    expect(host.world.tenant.user(host.sub).email).toBe(OLD);
    expect(await page.evaluate(HEARD)).toEqual(['pending', 'confirmed', 'rejected']);
  });

  test('an expired link is told, and the same address can be asked for again', async () => {
    const host = await startHost({ env: { LINK_TTL: '2s' } });
    const page = await host.open(await tab());
    await ask(page);
    await expectText(page, /expires in [12] second/);
    await expectText(page, 'The link has expired. You can ask for a new one.');
    expect(await field(page).inputValue()).toBe(NEW);
    await picture(page, 'element-expired');
    await button(page, 'Change email address').click();
    await expectText(page, MAILED);
  });

  test('without a connection nothing is lost, and it works when there is one again', async () => {
    const host = await startHost();
    const page = await host.open(await tab(/status of 4|ERR_INTERNET_DISCONNECTED/));
    await page.context().setOffline(true);
    await page.route('**/token', (route) => route.fulfill({ body: 'a.b.c' }));
    await ask(page);
    await expectText(page, 'No connection.');
    expect(await field(page).inputValue()).toBe(NEW);
    await picture(page, 'element-unreachable');
    await page.unroute('**/token');
    await page.context().setOffline(false);
    await button(page, 'Change email address').click();
    await expectText(page, MAILED);
  });

  test('a press that comes too late says what became of the change', async () => {
    const host = await startHost();
    const page = await host.open(await tab(/status of 4|ERR_FAILED/));
    // The browser does not hear of the click.
    await page.route('**/events', (route) => route.abort());
    await page.route('**/v1/email-changes/*', (route) =>
      route.request().method() === 'DELETE' ? route.continue() : route.abort(),
    );
    await ask(page);
    await button(page, 'Cancel').waitFor();
    await confirmBy(host, 'confirm');
    await eventually(() => host.world.tenant.user(host.sub).email === NEW);
    await button(page, 'Cancel').click();
    await expectText(page, 'The change was made.');
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await expectText(page, `Your email address is now ${NEW}.`);
    expect(await page.getByText('The change was made.').isVisible()).toBe(false);
  }, 30_000);

  test('a newer request in another tab is taken up in this one', async () => {
    const host = await startHost();
    const first = await host.open(await tab());
    await ask(first, 'first@example.org');
    await expectText(first, 'We sent a link to first@example.org.');
    const { body } = await host.world.call('POST', '/v1/email-changes', {
      token: await host.world.token(host.sub),
      body: { email: NEW },
    });
    expect(body.status).toBe('pending');
    await expectText(first, MAILED);
    await confirmBy(host, 'confirm');
    await expectText(first, /is now/);
  });

  test('a reload takes up what is under way, and what is over is no news', async () => {
    const host = await startHost();
    const page = await host.open(await tab());
    await ask(page);
    await expectText(page, MAILED);
    await host.open(page);
    await expectText(page, MAILED);
    await confirmBy(host, 'confirm');
    await expectText(page, /is now/);
    await host.open(page);
    await field(page).waitFor();
    expect(await page.evaluate(SAID)).toEqual([]);
    expect(await page.evaluate(HEARD)).toEqual([]);
  });

  test('the session that ends with the change is no error: the user is asked to sign in again', async () => {
    const host = await startHost();
    const page = await host.open(await tab());
    await ask(page);
    await expectText(page, MAILED);
    // As Auth0 does it: renewals fail from the commit on.
    void host.world.tenant
      .waitFor((call) => call.method === 'PATCH')
      .then(() => (host.token = async () => SESSION_ENDED));
    await confirmBy(host, 'confirm');
    await expectText(page, /is now/);
    const wished = host.wishes.length;
    // Moved, hidden, shown: it does not ask again.
    await inElement(page, 'document.body.append(element)');
    await expectText(page, /is now/);
    expect(host.wishes.length).toBe(wished);
    expect(await page.locator('[part=error]:visible').count()).toBe(0);
    await button(page, 'Sign in again').click();
    expect(await page.evaluate(HEARD)).toContain('committed');
  });

  test('a session that ends before the outcome was seen is told for what it is', async () => {
    const host = await startHost();
    const page = await host.open(await tab(/status of 4|ERR_FAILED/));
    await page.clock.install();
    await page.route('**/events', (route) => route.abort());
    await ask(page);
    await expectText(page, MAILED);
    host.token = async () => SESSION_ENDED;
    await page.clock.runFor(5000);
    await expectText(
      page,
      `Your session has ended. If you confirmed the change, sign in with ${NEW}.`,
    );
    await picture(page, 'element-session-ended');
    expect(await page.locator('button:visible').allTextContents()).toEqual(['Sign in again']);
    // The app has a new session: it goes on where it was.
    host.token = () => host.world.token(host.sub);
    await inElement(page, 'element.getAccessToken = () => fetch("/token").then((a) => a.text())');
    await expectText(page, MAILED);
  });

  test('when no token can be fetched for a while, following goes on afterwards', async () => {
    const host = await startHost();
    const page = await host.open(await tab(/status of 4|ERR_FAILED/));
    await page.clock.install();
    await page.route('**/events', (route) => route.abort());
    await ask(page);
    await expectText(page, MAILED);
    host.token = async () => JSON.stringify({ name: 'TypeError' });
    const before = host.wishes.length;
    await page.clock.runFor(5000);
    await eventually(() => host.wishes.length > before);
    host.token = () => host.world.token(host.sub);
    await confirmBy(host, 'confirm');
    await page.clock.runFor(11_000);
    await expectText(page, /is now/);
    expect(await page.evaluate(SAID)).not.toContain('Sign in again to go on.');
  });

  test('when following is refused it says so, tries again, and takes it back when it works', async () => {
    const host = await startHost();
    const page = await host.open(await tab());
    await page.clock.install();
    await page.route('**/v1/email-changes/*', (route) =>
      route.fulfill({
        status: 403,
        contentType: 'application/problem+json',
        headers: { 'access-control-allow-origin': host.url },
        body: '{"code":"insufficient-scope"}',
      }),
    );
    await ask(page);
    await expectText(page, 'That did not work. Try again.');
    expect(await button(page, 'Cancel').isVisible()).toBe(true);
    await page.unrouteAll();
    await page.clock.runFor(11_000);
    await expectText(page, MAILED);
    expect(await page.locator('[part=error]:visible').count()).toBe(0);
    await confirmBy(host, 'confirm');
    await expectText(page, /is now/);
  });

  test('an outage while the page opens is no reason to miss what is under way', async () => {
    const host = await startHost();
    await host.world.call('POST', '/v1/email-changes', {
      token: await host.world.token(host.sub),
      body: { email: NEW },
    });
    const page = await tab(/status of 4|ERR_FAILED/);
    await page.clock.install();
    await page.route('**/current', (route) => route.abort());
    await host.open(page);
    await field(page).waitFor();
    await page.unrouteAll();
    await page.clock.runFor(11_000);
    await expectText(page, MAILED);
  });

  test('a login that is too old is renewed once, and the request goes on by itself', async () => {
    const host = await startHost();
    const stale = {
      claims: { 'https://readdress/auth_time': Math.floor(Date.now() / 1000) - 9000 },
    };
    host.token = (maxAge) => host.world.token(host.sub, maxAge === undefined ? stale : {});
    const page = await host.open(await tab());
    await ask(page);
    await expectText(page, MAILED);
    expect(host.wishes.filter((wish) => wish !== undefined)).toEqual([300]);
  });

  test('a login that the user gives up is told, the address stays, and another way is offered', async () => {
    const host = await startHost();
    const stale = {
      claims: { 'https://readdress/auth_time': Math.floor(Date.now() / 1000) - 9000 },
    };
    host.token = async (maxAge) =>
      maxAge === undefined
        ? host.world.token(host.sub, stale)
        : JSON.stringify({ error: 'cancelled', error_description: 'Popup closed' });
    const page = await host.open(await tab());
    await ask(page);
    await expectText(page, 'Sign in again to go on.');
    expect(await field(page).inputValue()).toBe(NEW);
    await picture(page, 'element-sign-in-needed');
    await button(page, 'Sign in again').click();
    expect(await page.evaluate(HEARD)).toEqual(['sign-in-again']);
    // Back from the login, the app puts back what was typed.
    expect(await inElement(page, 'element.email')).toBe(NEW);
    host.token = () => host.world.token(host.sub);
    await button(page, 'Change email address').click();
    await expectText(page, MAILED);
    expect(await button(page, 'Sign in again').isVisible()).toBe(false);
  });
});
