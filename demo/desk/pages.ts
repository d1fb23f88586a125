/** The demo's pages, under the content security policy that an app of this kind can afford. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

export interface Page {
  html: string;
  policy: string;
}

export interface Reach {
  /** Origins that the page calls. */
  connect: string[];
  /** Origins that it frames: Auth0's SDK renews tokens in an invisible frame. */
  frame: string[];
}

const PAGES: Record<string, URL> = {
  '/': new URL('../spa/index.html', import.meta.url),
  '/phone': new URL('../spa/phone.html', import.meta.url),
};

export async function readPage(path: string, reach: Reach): Promise<Page | undefined> {
  const file = PAGES[path];
  if (!file) return undefined;
  const html = await readFile(file, 'utf8');
  const importMap = /<script type="importmap">([^]*?)<\/script>/.exec(html)?.[1] ?? '';
  const hash = createHash('sha256').update(importMap).digest('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    'img-src data:',
    'worker-src blob:', // Where Auth0's SDK keeps the refresh token.
    `connect-src 'self' ${reach.connect.join(' ')}`,
    `frame-src ${reach.frame.join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}
