/** Every mail, page and state of the element, in a browser: what axe finds, and what does not fit. */
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { galleryOf, serveGallery } from '../../preview/gallery.ts';
import { LOCALES } from '../../src/locales/messages.ts';
import { describeInBrowser } from '../support/browser.ts';
import { FULL, LONG } from './brands.ts';

let files: Map<string, string | Buffer>;
let server: Awaited<ReturnType<typeof serveGallery>>;
beforeAll(async () => {
  files = await galleryOf(FULL);
  for (const [path, body] of await galleryOf(LONG, ['de'])) files.set(`long/${path}`, body);
  files.set('empty.html', '<!doctype html><title>Frames</title>');
  server = await serveGallery(files);
});
afterAll(() => server.close());

const pathsIn = (folder: string): string[] =>
  [...files.keys()].filter((path) => path.startsWith(`${folder}/`) && path.endsWith('.html'));

/** What axe sees of a document is its elements: what differs by its words alone is looked at once. */
function unlike(paths: readonly string[]): string[] {
  const seen = new Set<string>();
  return paths.filter((path) => {
    const html = String(files.get(path));
    const outline = path.includes('/element/')
      ? path.replace(/rejected-.*|canceled-.*/, '')
      : html
          .replaceAll(/<template.*?<\/template>|content="[^"]*"/gs, '')
          .replaceAll(/>[^<]*/g, '>');
    return !seen.has(outline) && seen.add(outline);
  });
}

/** One of each template, page and form: the rest is made of the same blocks. */
const isTypical = (path: string): boolean =>
  path.includes('/pages/') || /\/mails\/[a-z]+\.|\/element\/(?:form|pending|too-many)/.test(path);

/** The paths for which an expression finds something, each in a frame of this width; several frames at a time. */
const lookInto = (
  page: Page,
  paths: readonly string[],
  width: number,
  find: string,
): Promise<string[]> =>
  page.evaluate<string[]>(`(async (paths) => {
    const found = [];
    async function look(path) {
      const frame = document.createElement('iframe');
      Object.assign(frame, { width: ${width}, height: 700, src: '/' + path });
      const loaded = new Promise((done) => { frame.onload = done; });
      document.body.append(frame);
      await loaded;
      const { contentWindow: view, contentDocument: shown } = frame;
      if (shown.querySelector('readdress-change-email'))
        while (!('ready' in shown.documentElement.dataset)) await new Promise((done) => setTimeout(done, 5));
      found.push(...(await (${find})(view, shown)).map((one) => path + ': ' + one));
      frame.remove();
    }
    const hand = async () => { while (paths.length > 0) await look(paths.pop()); };
    await Promise.all([hand(), hand(), hand(), hand()]);
    return found;
  })(${JSON.stringify(paths)})`);

const AXE = `async (view, shown) => {
  view.eval(axeSource);
  // A mail is shown in the landmarks of a mail program.
  const enabled = !view.location.pathname.includes('/mails/');
  const rules = { region: { enabled }, 'landmark-one-main': { enabled } };
  const { violations } = await view.axe.run(shown, { rules });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => id + ' ' + JSON.stringify(node.target) + ' ' + node.failureSummary));
}`;
const TOO_WIDE = `(view, shown) => {
  const { scrollWidth, clientWidth } = shown.documentElement;
  return scrollWidth > clientWidth ? [scrollWidth + ' pixels'] : [];
}`;

const PATIENT = { timeout: 240_000 };

describeInBrowser('the gallery', ({ open }) => {
  async function enter(colorScheme: 'light' | 'dark'): Promise<Page> {
    const context = await open({ colorScheme, tolerates: /./ });
    const page = await context.newPage();
    // The picture in the head of mails is somewhere else.
    await page.route(/logo\.png/, (route) => route.abort());
    await page.goto(`http://localhost:${server.port}/empty.html`);
    return page;
  }

  test.each([
    ['en', 'light', 1000],
    ['ar', 'dark', 320],
  ] as const)('axe finds nothing in %s, %s', PATIENT, async (locale, mode, width) => {
    const page = await enter(mode);
    await page.evaluate(`window.axeSource = ${JSON.stringify(axe.source)}`);
    const paths = unlike(pathsIn(locale));
    expect(paths.length).toBeGreaterThan(60);
    expect(await lookInto(page, paths, width, AXE)).toEqual([]);
  });

  test(
    'nothing is wider than a small phone, in any language and under any name',
    PATIENT,
    async () => {
      const page = await enter('light');
      for (const locale of LOCALES)
        expect(
          await lookInto(page, unlike(pathsIn(locale)).filter(isTypical), 320, TOO_WIDE),
        ).toEqual([]);
      expect(await lookInto(page, pathsIn('long/de'), 320, TOO_WIDE)).toEqual([]);
    },
  );
});
