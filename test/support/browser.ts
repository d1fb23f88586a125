/** Debian's Chromium for tests: launched once per file, a fresh window for each test, watched. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';

// A real browser on a shared machine may be late once. Nothing else is ever tried again.
const retry = process.env['CI'] ? 2 : 0;
const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const ARGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

type OpenOptions = BrowserContextOptions & {
  /** Complaints of the browser that belong to the story. */
  tolerates?: RegExp;
};
export type Windows = {
  /**
   * A browser profile of its own. At the end of the test it is closed, and the test fails if the
   * browser complained of anything or asked for anything outside this machine.
   */
  open: (options?: OpenOptions) => Promise<BrowserContext>;
};

/** Tests that need a browser; without one they are skipped, and say so. */
export function describeInBrowser(name: string, tests: (windows: Windows) => void): void {
  const isPresent = existsSync(executablePath);
  const why = isPresent ? '' : ` (skipped: no Chromium at ${executablePath}, set CHROMIUM_PATH)`;
  describe.skipIf(!isPresent)(`${name}${why}`, { timeout: 60_000, retry }, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath, args: ARGS });
    });
    afterAll(() => browser?.close());
    tests({ open: (options) => openContext(browser, options) });
  });
}

async function openContext(
  browser: Browser,
  { tolerates = /^$/, ...options }: OpenOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  context.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (line) => {
    if (['error', 'warning', 'assert'].includes(line.type())) complaints.push(line.text());
  });
  context.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== 'localhost' && hostname !== '127.0.0.1')
      complaints.push(`asked for ${request.url()}`);
  });
  onTestFinished(async () => {
    await context.close();
    expect(complaints.filter((line) => !tolerates.test(line))).toEqual([]);
  });
  return context;
}

const FOLDER = join(import.meta.dirname, '../../.screenshots');

/** A picture to look at, outside git: `.screenshots/<name>.png`. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
}
