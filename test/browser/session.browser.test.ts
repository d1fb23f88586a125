/** The app and its session: reloads, logins that are too old, and sessions that end. */
import { expect, test } from 'vitest';
import { describeInBrowser, picture } from '../support/browser.ts';
import { askFor, CHANGED, expectText, MAILED, newAddress, startApp, TOLERATED } from './app.ts';
import { NEW, OLD } from './stage.ts';

describeInBrowser('the session of the app', ({ open }) => {
  const browser = () => open({ tolerates: TOLERATED });

  test('ended by the change: the app says what to sign in with, after a reload too', async () => {
    const stage = await startApp();
    const app = await stage.enter(await browser());
    await askFor(app);
    const token = (await stage.mailed('confirm')).split('#')[1];
    await stage.call('POST', '/v1/confirm', { body: { token } });
    await expectText(app, CHANGED);
    await app.getByRole('button', { name: 'Sign in with your new address' }).waitFor();
    await app.reload();
    await expectText(app, `Your address was changed. Sign in with ${NEW} now.`);
    await picture(app, 'spa-signed-out-after-change');
    await app.getByRole('button', { name: 'Sign in' }).click();
    expect(await app.getByLabel('Email address', { exact: true }).inputValue()).toBe(NEW);
  });

  test('reloaded while a change is open: it is taken up, sent again, and withdrawn', async () => {
    const stage = await startApp();
    const app = await stage.enter(await browser());
    await askFor(app);
    await expectText(app, MAILED);
    await app.reload();
    await expectText(app, MAILED);
    await app.getByRole('button', { name: 'Send it again', exact: true }).click();
    await stage.mailed('confirm', NEW, 2);
    await app.getByRole('button', { name: 'Cancel' }).click();
    await expectText(app, 'You canceled the change.');
  });

  test('too old: the user logs in again, and then the app asks by itself', async () => {
    const stage = await startApp({ MAX_AUTH_AGE: '60' });
    const app = await stage.enter(await open({ tolerates: /status of 40[014]/ }));
    // To the service the login is two minutes old; the login that follows is to be a fresh one.
    stage.pass(2 * 60_000);
    const asked = app.waitForRequest((request) => request.url().includes('/authorize?'));
    await askFor(app);
    const { searchParams } = new URL((await asked).url());
    stage.pass(-2 * 60_000);
    expect(searchParams.get('max_age')).toBe('60');
    expect(searchParams.get('login_hint')).toBe(OLD);
    await expectText(app, MAILED);
    expect(stage.inbox.to(NEW).length).toBeLessThan(2);
  });

  test('ended under an open page: the app asks for a login', async () => {
    // Auth0's SDK renews a token that has less than a minute to live.
    const stage = await startApp({}, { accessTokenTtlSeconds: 30 });
    const app = await stage.enter(await browser());
    stage.tenant.updateUser(stage.sub, { blocked: true });
    await askFor(app);
    await expectText(app, 'Your session has ended. Please sign in again.');
    expect(await newAddress(app).isVisible()).toBe(false);
    expect(stage.inbox.messages).toEqual([]);
  });
});
