/**
 * Takes the pictures of the README from the running demo: `npm run pictures`. Not in CI: fonts differ from
 * machine to machine, and a picture that is a little different is no fault.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { chromium, type Locator, type Page } from 'playwright-core';

const FOLDER = new URL('../docs/pictures/', import.meta.url).pathname;
const NEW = 'ada.lovelace@example.org';

const demo = spawn(process.execPath, ['--import', 'tsx', 'demo/main.ts'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = once(demo, 'exit');
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
  args: ['--headless=new', '--no-sandbox', '--disable-gpu'],
});
try {
  const { desk, inbox } = await addressesOf(demo.stdout);
  const context = await browser.newContext({
    deviceScaleFactor: 1.25,
    locale: 'en-GB',
    viewport: { width: 560, height: 600 },
  });
  mkdirSync(FOLDER, { recursive: true });

  const app = await context.newPage();
  await app.goto(desk);
  await app.getByRole('button', { name: 'Sign in' }).click();
  await app.getByLabel('Email address', { exact: true }).fill('ada@example.com');
  await app.getByLabel('Password').fill('correct horse');
  await app.getByRole('button', { name: 'Continue' }).click();
  await app.getByLabel('New email address').fill(NEW);
  await app.keyboard.press('Enter');
  await app.getByText('We sent a link to').waitFor();
  await take(app.locator('#change'), 'element');

  const mail = await mailTo(inbox, NEW);
  const reader = await context.newPage();
  await reader.setContent(mail.html);
  await take(reader, 'mail');

  const page = await context.newPage();
  await page.goto(/https?:\/\/\S+\/confirm#[\w-]+/.exec(mail.text)![0]);
  await page.locator('#review').waitFor();
  await take(page.locator('main'), 'page');
} finally {
  await browser.close();
  demo.kill('SIGTERM');
  await ended;
}

async function take(what: Page | Locator, name: string): Promise<void> {
  const path = `${FOLDER}${name}.png`;
  await ('goto' in what ? what.screenshot({ path, fullPage: true }) : what.screenshot({ path }));
}

/** As the demo says them when it runs. */
function addressesOf(stdout: NodeJS.ReadableStream): Promise<{ desk: string; inbox: string }> {
  let said = '';
  return new Promise((resolve, reject) => {
    stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const [, desk] = /single-page app\s+(\S+)/.exec(said) ?? [];
      const [, inbox] = /^\s+inbox\s+(\S+)/m.exec(said) ?? [];
      if (desk && inbox && said.includes('Ctrl-C')) resolve({ desk, inbox });
    });
    stdout.once('end', () => reject(new Error(`the demo did not come up: ${said}`)));
  });
}

async function mailTo(inbox: string, to: string): Promise<{ html: string; text: string }> {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await fetch(`${inbox}/api/messages/latest?to=${encodeURIComponent(to)}`);
    if (answer.ok) return (await answer.json()) as { html: string; text: string };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no mail came to ${to}`);
}
