/** All mails, pages and element states as files: a folder to open in a browser, and what tests look at. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listenOnLoopback } from '../stand-ins/loopback.ts';
import { LOCALES, type Locale } from '../src/locales/messages.ts';
import type { Brand } from '../src/mail/brand.ts';
import { elementScript, everyElement } from './element.ts';
import { everyMail } from './mails.ts';
import { everyPage } from './pages.ts';
import { indexPage } from './index-page.ts';

const FOLDERS = ['mails', 'pages', 'element'] as const;

/** Paths, and what is in the files. */
type Gallery = Map<string, string | Buffer>;

export async function galleryOf(
  brand: Brand,
  locales: readonly Locale[] = LOCALES,
): Promise<Gallery> {
  const files: Gallery = new Map();
  const names = new Map<string, string[]>(FOLDERS.map((folder) => [folder, []]));
  for (const locale of locales) {
    const put = (folder: string, name: string, html: string): void => {
      files.set(`${locale}/${folder}/${name}.html`, html);
      if (locale === locales[0]) names.get(folder)!.push(name);
    };
    for (const { name, subject, text, html } of everyMail(locale, brand)) {
      put('mails', name, html);
      files.set(`${locale}/mails/${name}.txt`, `${subject}\n\n${text}`);
    }
    for (const { name, html } of everyPage(locale, brand)) put('pages', name, html);
    const script = '<script src="../../element.js"></script>';
    for (const { name, html } of everyElement(locale, script)) put('element', name, html);
  }
  files.set('element.js', await elementScript());
  if (brand.templates?.logo) files.set('assets/logo', brand.templates.logo.body);
  files.set('index.html', indexPage(names, locales));
  return files;
}

export function writeGallery(files: Gallery, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, body] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), body);
  }
}

const TYPES: Record<string, string> = {
  html: 'text/html',
  txt: 'text/plain',
  js: 'text/javascript',
};

/** On this machine alone. */
export const serveGallery = (files: Gallery, port?: number) =>
  listenOnLoopback((req, res) => {
    const path = new URL(req.url ?? '/', 'http://localhost').pathname.slice(1) || 'index.html';
    const body = files.get(path);
    const type = TYPES[path.split('.').at(-1)!];
    if (type) res.setHeader('content-type', `${type}; charset=utf-8`);
    res.writeHead(body === undefined ? 404 : 200).end(body);
  }, port);
