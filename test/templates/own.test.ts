/** TEMPLATES_DIR: what an operator may write in place of our mails and pages, and what stops the start. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  ConfigError,
  readApiConfig,
  readSharedConfig,
  readWorkerConfig,
} from '../../src/config.ts';
import { MAILS, type Template } from '../../src/domain/mails.ts';
import { renderErrorPage, renderLinkPage, renderResultPage } from '../../src/http/pages/render.ts';
import { LOCALES } from '../../src/locales/messages.ts';
import { renderMail } from '../../src/mail/render.ts';
import { SOURCES } from '../../src/templates/built-in.ts';
import { Markup } from '../../src/templates/engine.ts';
import { readTemplates } from '../../src/templates/own.ts';
import { samplesOf } from '../../src/templates/samples.ts';
import { FACTS } from '../../preview/facts.ts';
import { templatesDir } from './folder.ts';

const ENTRY = '<p>{{ facts.new }}</p><a href="{{ links.confirm }}">Yes</a>';

function read(files: Record<string, string | Uint8Array>) {
  const { templates, problems } = readTemplates(templatesDir(files));
  expect(problems).toEqual([]);
  return { ...FACTS.brand, templates: templates! };
}
const problemsOf = (files: Record<string, string | Uint8Array>): string[] =>
  readTemplates(templatesDir(files)).problems;

const ALL = {
  'mails/layout.html.liquid': SOURCES.html.layout,
  'mails/body.html.liquid': SOURCES.html.body,
  'mails/layout.text.liquid': SOURCES.text.layout,
  'mails/body.text.liquid': SOURCES.text.body,
  ...Object.fromEntries(
    Object.entries(SOURCES.pages).map(([name, source]) => [`pages/${name}.liquid`, source]),
  ),
};

test('copies of the templates that come along are good, and print the same', () => {
  const brand = read(ALL);
  for (const template of Object.keys(MAILS) as Template[])
    expect(renderMail(template, 'ar', { ...FACTS, brand }, 'en')).toEqual(
      renderMail(template, 'ar', FACTS, 'en'),
    );
  const page = { purpose: 'undo', locale: 'de' } as const;
  expect(renderLinkPage({ ...page, brand })).toBe(renderLinkPage({ ...page, brand: FACTS.brand }));
});

test('one mail of one language is written anew, and all others stay as they are', () => {
  const brand = read({
    'mails/confirm.de.html.liquid': `<p>Moin!</p>${ENTRY}`,
    'mails/confirm.de.text.liquid': 'Moin!\n{{ links.confirm }}',
    'mails/confirm.de.subject.liquid': '{{ brand.name }}:\n  {{ subject }}',
  });
  const facts = { ...FACTS, brand };
  const own = renderMail('confirm', 'de', facts);
  expect(own.html).toContain('<p>Moin!</p>');
  expect(own.html).toContain('<!doctype html>');
  expect(own.text).toContain(`Moin!\n${FACTS.links.confirm}\n`);
  expect(own.subject).toBe('Acme Notes: Bestätigen Sie Ihre neue E-Mail-Adresse');
  expect(own.html).toContain(`>${own.subject}</h1>`);
  for (const locale of LOCALES.filter((one) => one !== 'de'))
    expect(renderMail('confirm', locale, facts)).toEqual(renderMail('confirm', locale, FACTS));
  expect(renderMail('notice', 'de', facts)).toEqual(renderMail('notice', 'de', FACTS));
});

test('a warning in two languages has what was written for each', () => {
  const brand = read({
    'mails/notice.html.liquid': '<p>{{ locale }}!</p><a href="{{ links.cancel }}">No</a>',
  });
  const { html } = renderMail('notice', 'ja', { ...FACTS, brand }, 'pl');
  expect(html).toContain('<p>ja!</p>');
  expect(html).toContain('<p>pl!</p>');
});

test('what users and tenants write stays text in an own template, whatever is done to it', () => {
  const brand = read({
    'mails/confirm.html.liquid': `{{ facts.new | append: "<b>" | upcase }}${ENTRY}`,
    'pages/notice.liquid': SOURCES.pages.notice.replace(
      '{{ title }}',
      '{{ title | append: "<i>" }}',
    ),
  });
  const hostile = { ...FACTS, brand, email: '"><script>@new.example' };
  const { html } = renderMail('confirm', 'en', hostile);
  expect(html).not.toMatch(/<script|<b>/i);
  expect(html).toContain('&lt;b&gt;'.toUpperCase().replace('&LT;', '&lt;').replace('&GT;', '&gt;'));
  expect(
    renderResultPage({ purpose: 'confirm', locale: 'en', brand, outcome: { kind: 'done' } }),
  ).not.toContain('<i>');
});

test('a page goes by its own name before that of its kind', () => {
  const brand = read({
    'pages/layout.liquid': SOURCES.pages.layout.replace('<main', '<p>own frame</p><main'),
    'pages/error.liquid': "{% layout 'layout' %}{% block main %}<h1>Oops</h1>{% endblock %}",
    'pages/undo.liquid': SOURCES.pages.link.replace('<h1', '<p>own undo</p><h1'),
  });
  const [undo, cancel] = (['undo', 'cancel'] as const).map((purpose) =>
    renderLinkPage({ purpose, locale: 'en', brand }),
  );
  expect(undo).toContain('own undo');
  expect(cancel).not.toContain('own undo');
  expect(cancel).toContain('own frame');
  expect(renderErrorPage({ error: 'not-found', locale: 'en', brand })).toContain('<h1>Oops</h1>');
});

test('parts may be shared between templates', () => {
  const brand = read({
    'mails/_sign.html.liquid': '<p>Yours, {{ name }}</p>',
    'mails/done.html.liquid': "{% render '_sign', name: brand.name %}",
  });
  expect(renderMail('done', 'en', { ...FACTS, brand }).html).toContain('<p>Yours, Acme Notes</p>');
});

describe('what stops the start, by file, line and word:', () => {
  test.each([
    [
      'an unknown variable',
      { 'mails/confirm.html.liquid': `<p>\n{{ brnd.name }}</p>${ENTRY}` },
      'mails/confirm.html.liquid:2: brnd.name: nothing is called brnd here',
    ],
    [
      'an unknown variable where nobody would come by',
      {
        'mails/confirm.html.liquid': `{% if facts.undoUntil %}\n{% if facts.waivesAt %}{{ facts.nwe }}{% endif %}{% endif %}${ENTRY}`,
      },
      'mails/confirm.html.liquid:2: facts.nwe: nothing is called nwe here',
    ],
    [
      'an unknown name in a loop',
      {
        'mails/body.html.liquid': `${SOURCES.html.body}{% for p in parts %}{{ p.txt }}{% endfor %}`,
      },
      /^mails\/body\.html\.liquid:\d+: p\.txt: nothing is called txt here$/,
    ],
    [
      'a name that only mails know',
      { 'pages/layout.liquid': `${SOURCES.pages.layout}\n{{ facts.new }}` },
      /^pages\/layout\.liquid:\d+: facts\.new: nothing is called facts here$/,
    ],
    [
      'an unknown variable of a shared part',
      { 'mails/_a.text.liquid': '\n{{ x }}', 'mails/done.text.liquid': "{% render '_a' %}" },
      'mails/_a.text.liquid:2: undefined variable: x',
    ],
    [
      'an unknown tag',
      { 'mails/done.text.liquid': 'Hello\n{% iff %}' },
      'mails/done.text.liquid:2: tag "iff" not found',
    ],
    [
      'a tag that is not closed',
      { 'mails/done.text.liquid': '{% if facts.new %}' },
      'mails/done.text.liquid:1: tag {% if facts.new %} not closed',
    ],
    [
      'a bracket that is not closed',
      { 'mails/done.text.liquid': 'Hello\n{{ facts.new' },
      'mails/done.text.liquid:2: output "{{ facts.new" not closed',
    ],
    [
      'a way round the escaping',
      { 'mails/done.html.liquid': '{{ facts.new | raw }}' },
      'mails/done.html.liquid:1: undefined filter: raw',
    ],
    [
      'a layout that is not there',
      { 'pages/home.liquid': "\n{% layout 'layuot' %}" },
      'pages/home.liquid:2: there is no template "layuot"',
    ],
    [
      'a mail without its link',
      { 'mails/changed.html.liquid': '<a href="{{ brand.supportUrl }}">Help</a>' },
      'mails/changed.html.liquid: links.undo: the changed mail has no link with it',
    ],
    [
      'a text without its link',
      { 'mails/approve.text.liquid': '{{ links.approve }}' },
      'mails/approve.text.liquid: links.cancel: the approve mail has no line of its own with it',
    ],
    [
      'a link that is only there when something else is',
      {
        'mails/confirm.html.liquid': `{% if facts.typedCode %}${ENTRY}{% endif %}`,
      },
      'mails/confirm.html.liquid: links.confirm: the confirm mail has no link with it',
    ],
    [
      'a frame of mails that forgets what is in it',
      { 'mails/layout.html.liquid': '<html>{{ subject }}</html>' },
      'mails/layout.html.liquid: links.confirm: the confirm mail has no link with it',
    ],
    [
      'a page without its form',
      {
        'pages/confirm.liquid': SOURCES.pages.link.replace('{{ basePath }}/{{ purpose }}', '/x'),
      },
      'pages/confirm.liquid: form: action is not "{{ basePath }}/{{ purpose }}{{ query }}"',
    ],
    [
      'a page without a field for the code',
      { 'pages/link.liquid': SOURCES.pages.link.replace('id="token" name="token"', '') },
      'pages/link.liquid: id="token": the page has no element of that name',
    ],
    [
      'a page without what its script looks for',
      { 'pages/result.liquid': SOURCES.pages.notice.replace('id="next"', '') },
      'pages/result.liquid: id="next": the page has no element of that name',
    ],
    [
      'a frame of pages without its style',
      {
        'pages/layout.liquid': SOURCES.pages.layout.replace(
          'sheet in sheets',
          'sheet in languages',
        ),
      },
      /^pages\/layout\.liquid/,
    ],
    [
      'a frame of pages that counts on a script',
      { 'pages/layout.liquid': SOURCES.pages.layout.replace('{%- if script %}', '{%- if true %}') },
      'pages/layout.liquid: script: is loaded where there is none; ask first, {% if script %}',
    ],
    [
      'a page without the way to the app',
      { 'pages/confirm.liquid': SOURCES.pages.link.replace('id="app"', '') },
      'pages/confirm.liquid: id="app": the page has no element of that name',
    ],
    [
      'a style of a page',
      { 'pages/notice.liquid': `\n<p style="color:red">` },
      'pages/notice.liquid:2: style=: write it into pages/own.css, pages carry no style of their own',
    ],
    [
      'a script of a page',
      { 'pages/notice.liquid': `<script>alert(1)</script>` },
      'pages/notice.liquid:1: <script: pages carry no script of their own',
    ],
    [
      'a picture from elsewhere on a page',
      { 'pages/notice.liquid': `<img src="https://cdn.example/x.png">` },
      'pages/notice.liquid:1: <img src="https://cdn.example/x.png: pages load nothing from elsewhere',
    ],
    [
      'a file that is no mail',
      { 'mails/confrim.html.liquid': '' },
      /^mails\/confrim\.html\.liquid: confrim: is none of confirm, notice, /,
    ],
    [
      'a language that is none of ours',
      { 'mails/done.tlh.html.liquid': '' },
      /^mails\/done\.tlh\.html\.liquid: tlh: is none of en, de, /,
    ],
    ['a file of another kind', { 'mails/style.css': '' }, /^mails\/style\.css: is not named like/],
    ['a third folder', { 'emails/x.liquid': '' }, /^emails: is neither mails nor pages/],
    [
      'an empty subject',
      { 'mails/done.subject.liquid': '{% if facts.undoUntil %}x{% endif %}' },
      'mails/done.subject.liquid: is empty, or longer than 200 characters',
    ],
    [
      'bytes that are no text',
      { 'mails/done.text.liquid': Uint8Array.of(0x48, 0xff, 0xfe) },
      'mails/done.text.liquid: is no UTF-8 text',
    ],
    [
      'a file without end',
      { 'mails/done.text.liquid': 'x'.repeat(300_000) },
      'mails/done.text.liquid: is larger than 256 KiB',
    ],
  ] as [string, Record<string, string | Uint8Array>, string | RegExp][])(
    '%s',
    (_, files, problem) => {
      const isIt = (one: string) =>
        typeof problem === 'string' ? one === problem : problem.test(one);
      expect(problemsOf(files)).toSatisfy((all: string[]) => all.some(isIt));
    },
  );

  test('all of them at once', () => {
    expect(
      problemsOf({ 'mails/done.text.liquid': '{{ a }}\n{{ b }}', 'pages/home.liquid': '{% c %}' }),
    ).toHaveLength(3);
  });
});

test('what a container platform leaves in a mounted folder is passed over', () => {
  expect(problemsOf({ '..data/x': '', 'mails/..2026/x': '', 'README.md': '' })).toEqual([]);
});

const SETTINGS = {
  REDIS_URL: 'redis://127.0.0.1:6379',
  SEALING_KEYS: Buffer.alloc(32, 7).toString('base64'),
  AUTH0_DOMAIN: 'acme.eu.auth0.com',
  AUTH0_AUDIENCE: 'https://change.acme.example/api',
  PUBLIC_URL: 'https://change.acme.example/',
  AUTH0_CLIENT_ID: 'id',
  AUTH0_CLIENT_SECRET: 'secret',
  SMTP_URL: 'smtp://mail.acme.example:587',
  MAIL_FROM: 'Acme <no-reply@acme.example>',
};

test('a wrong template is a fault of the settings, for both processes, and none for a command', () => {
  const folder = templatesDir({ 'mails/done.text.liquid': '{{ a }}' });
  const env = { ...SETTINGS, TEMPLATES_DIR: folder };
  const problems = ['TEMPLATES_DIR: mails/done.text.liquid:1: a: nothing is called a here'];
  for (const readConfig of [readApiConfig, readWorkerConfig])
    expect(() => readConfig(env)).toThrow(expect.objectContaining({ problems }) as Error);
  expect(() => readWorkerConfig({ ...SETTINGS, TEMPLATES_DIR: '/nowhere' })).toThrow(ConfigError);
  expect(readSharedConfig(env).brand.templates).toBeUndefined();
});

test('docs/templates.md tells of every name that a template may print', () => {
  const text = readFileSync(new URL('../../docs/templates.md', import.meta.url), 'utf8');
  const samples = (['html', 'text'] as const).flatMap((sort) => samplesOf(sort, 'layout'));
  const pages = Object.keys(SOURCES.pages).flatMap((name) => samplesOf('pages', name));
  const names = namesIn([...samples, ...samplesOf('html', 'confirm'), ...pages]);
  expect(names.length).toBeGreaterThan(60);
  expect(
    names.filter((name) => name !== 'brand' && !new RegExp(`[\`.]${name}\``).test(text)),
  ).toEqual([]);
});

const namesIn = (value: unknown): string[] => [
  ...new Set(
    value instanceof Markup || typeof value !== 'object' || value === null
      ? []
      : Object.entries(value).flatMap(([name, inner]) => [
          ...(Array.isArray(value) ? [] : [name]),
          ...namesIn(inner),
        ]),
  ),
];
