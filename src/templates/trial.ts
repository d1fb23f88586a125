/** Own templates, printed before anything is opened: with all there is, and with all missing that may be. */
import { PURPOSES } from '../domain/email-change.ts';
import { MAILS, type Template } from '../domain/mails.ts';
import type { Sort } from './built-in.ts';
import { Markup, type Compiled } from './engine.ts';
import { faultOf } from './faults.ts';
import type { Own, Told } from './own.ts';
import { bodySample, mailSample, pageKindOf, pageSample, SAMPLE_LINK } from './samples.ts';

export function trial(templates: Record<Sort, Compiled>, own: readonly Own[], told: Told): void {
  for (const sort of ['html', 'text', 'subject'] as const)
    tryMails(
      sort,
      templates[sort],
      own.filter((one) => one.sort === sort),
      told,
    );
  tryPages(
    templates.pages,
    own.filter((one) => one.sort === 'pages'),
    told,
  );
}

/** In English, and in each language for which something was written. */
const languagesIn = (own: readonly Own[]): string[] => [
  ...new Set(['en', ...own.flatMap(({ name }) => name.split('.').slice(1))]),
];
const BARE = [false, true];

/** The most particular file among these. */
const fileOf = (own: readonly Own[], names: readonly string[]): string | undefined =>
  names.flatMap((name) => own.filter((one) => one.name === name))[0]?.file;

function tryMails(
  sort: 'html' | 'text' | 'subject',
  { set }: Compiled,
  own: readonly Own[],
  told: Told,
): void {
  if (own.length === 0) return;
  for (const template of Object.keys(MAILS) as Template[])
    for (const locale of languagesIn(own))
      for (const bare of BARE) {
        const names = [`${template}.${locale}`, template, ...(sort === 'subject' ? [] : ['body'])];
        const layouts = [`layout.${locale}`, 'layout'];
        if (sort === 'subject' && !names.some(set.has)) continue;
        const text = printed(own, told, () => {
          const body = set.print(names, bodySample(template, { locale, bare })).trim();
          if (sort === 'subject') return body;
          const part = sort === 'html' ? new Markup(body) : body;
          return set.print(layouts, mailSample(template, { locale, bare }, [part]));
        });
        if (text === undefined) continue;
        const file = fileOf(own, [...names, ...layouts]);
        if (sort === 'subject' && (text === '' || text.length > 200))
          told(file ?? names[0]!, 'is empty, or longer than 200 characters');
        if (sort === 'subject' || file === undefined) continue;
        for (const purpose of MAILS[template].links)
          if (!holdsLink(text, SAMPLE_LINK(purpose), sort))
            told(
              file,
              `links.${purpose}: the ${template} mail has no ${sort === 'html' ? 'link' : 'line of its own'} with it`,
            );
      }
}

const holdsLink = (text: string, link: string, sort: 'html' | 'text'): boolean =>
  sort === 'html'
    ? new RegExp(`<a\\b[^>]*\\shref=["']?${link}["'\\s>]`, 'i').test(text)
    : text.split('\n').some((line) => line.trim() === link);

/** What link.js and result.js look for, and what a form needs where there is no script. */
const NEEDED = {
  link: 'title status review current new until form manual token submit retry'.split(' '),
  notice: ['status', 'address', 'look', 'next'],
  problems: [],
} as const;
const IN_APP = ['app', 'in-app-way'];

/** Each page in each state that it may be in. */
const STATES = [...PURPOSES, 'result', 'error', 'home', 'problems'].flatMap((page) => {
  const isLink = (PURPOSES as readonly string[]).includes(page);
  const moves = isLink || page === 'result' ? [false] : [];
  const stands = isLink ? [] : [true];
  return [...moves, ...stands].flatMap((still) => BARE.map((bare) => ({ page, still, bare })));
});

function tryPages({ set }: Compiled, own: readonly Own[], told: Told): void {
  if (own.length === 0) return;
  for (const { page, ...state } of STATES)
    for (const locale of languagesIn(own)) {
      const kind = pageKindOf(page);
      const names = [`${page}.${locale}`, page, `${kind}.${locale}`, kind];
      const html = printed(own, told, () =>
        set.print(names, pageSample(page, { locale, ...state })),
      );
      const file = fileOf(own, [...names, 'layout']);
      if (html !== undefined && file !== undefined)
        for (const what of missing(html, page, state)) told(file, what);
    }
}

function missing(
  html: string,
  page: string,
  { still, bare }: { still: boolean; bare: boolean },
): string[] {
  const kind = pageKindOf(page);
  const ids = [...(still ? [] : NEEDED[kind]), ...(kind === 'link' && !bare ? IN_APP : [])];
  return [
    ...ids
      .filter((id) => !holdsId(html, id))
      .map((id) => `id="${id}": the page has no element of that name`),
    ...(kind === 'link' ? faultsOfForm(html, page) : []),
    ...(html.includes('/base/assets/pages.css') ? [] : ['sheets: the page does not load them']),
    ...(still || html.includes('/base/assets/script.js')
      ? []
      : ['script: the page does not load it']),
    ...(still && /<script\b/i.test(html)
      ? ['script: is loaded where there is none; ask first, {% if script %}']
      : []),
  ];
}

const holdsId = (html: string, id: string): boolean =>
  new RegExp(`\\sid\\s*=\\s*["']?${id}["'\\s>]`).test(html);

function faultsOfForm(html: string, purpose: string): string[] {
  const form = /<form\b[^>]*>/i.exec(html)?.[0] ?? '';
  const found: string[] = [];
  const told = (what: string) => void found.push(what);
  if (!form.includes(`action="/base/${purpose}?lang=en"`))
    told('form: action is not "{{ basePath }}/{{ purpose }}{{ query }}"');
  if (!/\smethod\s*=\s*["']?post["'\s>]/i.test(form)) told('form: method is not "post"');
  if (!/\sname\s*=\s*["']?token["'\s>]/i.test(html)) told('token: no field has this name');
  for (const name of ['data-until', 'data-purpose', 'data-words', 'data-next'])
    if (!form.includes(`${name}=`)) told(`form: has no ${name}`);
  for (const id of ['ready', 'missing'])
    if (!new RegExp(`<template\\b[^>]*\\sid="${id}"[^>]*\\sdata-title=`).test(html))
      told(`templates: the page has no <template> for each of them`);
  return found;
}

/** A fault is told of the file in which it is; where none of them is at fault, that would be a bug of ours. */
function printed(own: readonly Own[], told: Told, print: () => string): string | undefined {
  try {
    return print();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { what, line, source } = faultOf(error);
    const at = own.find((one) => one.source === source);
    if (!at) throw error;
    told(at.file, what, line);
    return undefined;
  }
}
