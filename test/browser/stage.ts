/**
 * The whole service as the internet sees it: behind a recorder, under the address that its mails
 * carry. What a browser does with a mailed link ends up there, or nowhere.
 */
import type { BrowserContext, Page, Request } from 'playwright-core';
import { expect } from 'vitest';
import { message, type Locale, type MessageKey } from '../../src/locales/messages.ts';
import { startRecorder, type Recorder } from '../support/recorder.ts';
import { startWorld, type World, type WorldOptions } from '../support/world.ts';

export const OLD = 'ada@example.com';
export const NEW = 'ada.lovelace@example.org';
export const BACK = 'https://app.example/account';

export type Stage = World & {
  front: Recorder;
  sub: string;
  /** Asks for the change as the app does; returns its id. */
  request(body?: object): Promise<string>;
  /** The newest link for this purpose that was mailed there, as it stands in the mail. */
  mailed(purpose: string, to?: string, count?: number): Promise<string>;
};

export async function startStage(options: WorldOptions = {}): Promise<Stage> {
  const front = await startRecorder();
  const world = await startWorld({
    ...options,
    env: { PUBLIC_URL: front.url, RETURN_URLS: BACK, RESEND_AFTER: '1s', ...options.env },
  });
  front.target = world.api;
  const { user_id: sub } = world.tenant.addUser({ email: OLD, password: 'correct horse' });
  return {
    ...world,
    front,
    sub,
    async request(body = {}) {
      const token = await world.token(sub);
      const asked = { email: NEW, returnTo: BACK, ...body };
      const answer = await world.call('POST', '/v1/email-changes', { token, body: asked });
      expect(answer.status, answer.text).toBe(202);
      return answer.body.id as string;
    },
    async mailed(purpose, to = NEW, count = 1) {
      const link = new RegExp(`${front.url}/${purpose}[#?]\\S+`);
      const find = () => world.inbox.to(to).flatMap(({ text }) => link.exec(text)?.[0] ?? []);
      await world.inbox.waitFor(() => find().length >= count);
      return find().at(-1)!;
    },
  };
}

/** As the pages of a stage say it. */
export const say = (key: MessageKey, locale: Locale = 'en'): string =>
  message(locale, key, { brand: 'Acme', host: '' });

export const button = (page: Page, key: MessageKey, locale?: Locale) =>
  page.getByRole('button', { name: say(key, locale), exact: true });

export async function expectHeading(page: Page, key: MessageKey, locale?: Locale): Promise<void> {
  await page.getByRole('heading', { name: say(key, locale), exact: true }).waitFor();
}

/** Opens a mailed link and waits for what it would do. */
export async function openLink(context: BrowserContext, link: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(link);
  await page.locator('#review').waitFor();
  return page;
}

/** The button takes no press in its first half second, in case it was meant for the one before. */
export async function press(page: Page, key: MessageKey, locale?: Locale): Promise<void> {
  const shownAt = await page.evaluate<number>('performance.now()');
  await page.waitForFunction((at) => performance.now() > at + 500, shownAt);
  await button(page, key, locale).click();
}

/** Every request of these windows, with the headers that really left. */
export function requestsOf(context: BrowserContext): Request[] {
  const requests: Request[] = [];
  context.on('request', (request) => requests.push(request));
  return requests;
}
