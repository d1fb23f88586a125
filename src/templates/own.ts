/**
 * TEMPLATES_DIR: an operator's own mails and pages, which take the place of those that come along. All of them are
 * read, compiled and tried once, before anything is opened: what is wrong is told by file, line and word.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MAILS } from '../domain/mails.ts';
import { PURPOSES } from '../domain/email-change.ts';
import { LOCALES } from '../locales/messages.ts';
import { kindOf, SORTS, SOURCES, type Sort, type Templates } from './built-in.ts';
import { compile, type Compiled } from './engine.ts';
import { faultOf, wordsAmiss } from './faults.ts';
import { trial } from './trial.ts';

/** What may be told of a file, and where it stands. `name` is what templates call each other by. */
export type Own = { file: string; sort: Sort; name: string; source: string };
export type Told = (file: string, what: string, line?: number) => void;

const MAX_BYTES = 256 * 1024;
/** Page templates by what they show, from the particular to the general. */
const PAGES = ['layout', ...PURPOSES, 'link', 'result', 'error', 'home', 'notice', 'problems'];
const LOGOS: Record<string, string> = {
  'pages/logo.svg': 'image/svg+xml',
  'pages/logo.png': 'image/png',
};
const CSS = 'pages/own.css';

/**
 * @returns the templates, with those that come along where there are none; or what is wrong, a line for each fault.
 */
export function readTemplates(folder: string): { templates?: Templates; problems: string[] } {
  const problems: string[] = [];
  const told: Told = (file, what, line) => {
    const text = `${file}${line === undefined ? '' : `:${line}`}: ${what}`;
    if (!problems.includes(text)) problems.push(text);
  };
  const files = filesIn(folder, told);
  if (files === undefined) return { problems: ['is no folder that can be read'] };
  const own: Own[] = [];
  const rest: Pick<Templates, 'css' | 'logo'> = {};
  for (const file of files) {
    const body = contentOf(join(folder, file), file, told);
    if (body === undefined) continue;
    const name = nameOf(file);
    if (file === CSS) rest.css = String(body);
    else if (LOGOS[file] !== undefined) rest.logo = { type: LOGOS[file], body };
    else if (typeof name === 'string') told(file, name);
    else own.push({ file, ...name, source: textOf(body, file, told) });
  }
  const templates = Object.fromEntries(
    SORTS.map((sort) => [sort, compiledOf(sort, own, told)]),
  ) as Record<Sort, Compiled>;
  // What can not be read is not tried.
  if (problems.length === 0) trial(templates, own, told);
  if (problems.length > 0) return { problems };
  const sets = SORTS.map((sort) => [sort, templates[sort].set]);
  return { templates: { ...(Object.fromEntries(sets) as Templates), ...rest }, problems };
}

/** Paths of all files, as `pages/link.liquid`. What starts with a dot belongs to the system (`..data`). */
function filesIn(folder: string, told: Told): string[] | undefined {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .toSorted()
      .flatMap((name) => {
        const isFolder = statSync(join(folder, name)).isDirectory();
        if (!isFolder && /^readme/i.test(name)) return [];
        if (isFolder && (name === 'mails' || name === 'pages'))
          return readdirSync(join(folder, name))
            .filter((one) => !one.startsWith('.'))
            .toSorted()
            .map((one) => `${name}/${one}`);
        told(name, 'is neither mails nor pages, the two folders that may be here');
        return [];
      });
  } catch {
    return undefined;
  }
}

function contentOf(path: string, file: string, told: Told): Buffer | undefined {
  try {
    const body = readFileSync(path);
    if (body.length <= MAX_BYTES) return body;
    told(file, `is larger than ${MAX_BYTES / 1024} KiB`);
  } catch {
    told(file, 'cannot be read');
  }
  return undefined;
}

function textOf(body: Buffer, file: string, told: Told): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    told(file, 'is no UTF-8 text');
    return '';
  }
}

const MAIL =
  /^mails\/([a-z_][\w-]*?)(?:\.([a-z]{2,3}(?:-[a-z]+)*))?\.(html|text|subject)\.liquid$/i;
const PAGE = /^pages\/([a-z_][\w-]*?)(?:\.([a-z]{2,3}(?:-[a-z]+)*))?\.liquid$/i;

/** `mails/confirm.de.html.liquid`: what it is called, or why it is no template. */
function nameOf(file: string): Pick<Own, 'sort' | 'name'> | string {
  const [, name = '', locale, sort = 'pages'] = MAIL.exec(file) ?? PAGE.exec(file) ?? [];
  const known = sort === 'pages' ? PAGES : [...Object.keys(MAILS), ...MAIL_FRAMES[sort as 'html']];
  if (name === '')
    return file.startsWith('mails/')
      ? 'is not named like confirm.html.liquid, confirm.text.liquid or confirm.subject.liquid'
      : 'is not named like link.liquid, own.css, logo.svg or logo.png';
  if (!known.includes(name) && !name.startsWith('_'))
    return `${name}: is none of ${known.join(', ')}`;
  if (locale !== undefined && !(LOCALES as readonly string[]).includes(locale))
    return `${locale}: is none of ${LOCALES.join(', ')}`;
  return { sort: sort as Sort, name: locale === undefined ? name : `${name}.${locale}` };
}
const MAIL_FRAMES = { html: ['layout', 'body'], text: ['layout', 'body'], subject: [] };

function compiledOf(sort: Sort, all: readonly Own[], told: Told): Compiled {
  const own = all.filter((one) => one.sort === sort);
  const sources: Record<string, string> = {
    ...SOURCES[sort],
    ...Object.fromEntries(own.map(({ name, source }) => [name, source])),
  };
  const compiled = compile(kindOf(sort), sources, (name, error) => {
    const one = own.find((each) => each.name === name)!;
    const { what, line } = faultOf(error);
    told(one.file, what, line);
  });
  for (const one of own)
    for (const { word, what, line } of wordsAmiss(compiled, one))
      told(one.file, `${word}: ${what}`, line);
  return compiled;
}
