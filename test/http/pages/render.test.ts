/** The pages as text: valid, escaped, small, without anything of their own to run or to load. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { HtmlValidate } from 'html-validate';
import { describe, expect, test } from 'vitest';
import { PURPOSES, STATUSES, type Purpose } from '../../../src/domain/email-change.ts';
import { LOCALES, message, type Locale } from '../../../src/locales/messages.ts';
import { contrast } from '../../../src/mail/brand.ts';
import { ASSETS, PAGE_CSP, renderBrandCss } from '../../../src/http/pages/assets.ts';
import type { Outcome } from '../../../src/http/pages/outcome.ts';
import {
  renderErrorPage,
  renderHomePage,
  renderLinkPage,
  renderProblemsPage,
  renderResultPage,
  type PageError,
} from '../../../src/http/pages/render.ts';

const brand = { name: 'Acme Notes', color: '#2457d6', supportUrl: 'https://acme.example/help' };
const TOKEN = 'AbCdEf0123456789-_xyzQRSTUVabcdefghijklmnopqrstuvwxyz0123456789A'.padEnd(64, 'x');

/** By kind, so that a new outcome does not compile before it is looked at here. */
const BY_KIND: Record<Outcome['kind'], Outcome[]> = {
  processing: [{ kind: 'processing' }],
  waiting: [
    { kind: 'waiting', for: 'new' },
    { kind: 'waiting', for: 'current' },
  ],
  done: [{ kind: 'done' }],
  'already-done': [{ kind: 'already-done' }],
  expired: [{ kind: 'expired' }],
  superseded: [{ kind: 'superseded' }],
  canceled: [{ kind: 'canceled' }],
  rejected: [{ kind: 'rejected' }, { kind: 'rejected', reason: 'email-taken' }],
  undone: [{ kind: 'undone' }],
  'undo-processing': [{ kind: 'undo-processing' }],
  'undo-refused': [{ kind: 'undo-refused', reason: 'address-drifted' }],
  'undo-window-passed': [{ kind: 'undo-window-passed' }],
  'too-late-to-cancel': [{ kind: 'too-late-to-cancel' }],
  'cancel-refused': [{ kind: 'cancel-refused' }],
};
const OUTCOMES: Outcome[] = Object.values(BY_KIND).flat();
const ERRORS: PageError[] = [
  'not-found',
  'forbidden',
  'too-many-requests',
  'unavailable',
  'unexpected',
];
const PROBLEMS = ['invalid-link', 'try-again', 'too-many-requests'] as const;

/** Every page there is in this language, by a name for the reader of a failure. */
function everyPage(locale: Locale, text = 'x'): [string, string][] {
  const branded = { ...brand, name: `Acme ${text}` };
  return [
    ...PURPOSES.flatMap((purpose): [string, string][] => [
      [purpose, renderLinkPage({ purpose, locale, brand: branded })],
      [`${purpose} with token`, renderLinkPage({ purpose, locale, brand: branded, token: text })],
      ...PROBLEMS.map((problem): [string, string] => [
        `${purpose} ${problem}`,
        renderLinkPage({ purpose, locale, brand: branded, problem, token: text }),
      ]),
      ...OUTCOMES.map((outcome): [string, string] => [
        `${purpose} ${JSON.stringify(outcome)}`,
        renderResultPage({
          purpose,
          locale,
          brand: branded,
          outcome,
          email: `${text}@new.example`,
          returnTo: `https://app.acme.example/?${text}`,
        }),
      ]),
    ]),
    ...ERRORS.map((error): [string, string] => [
      error,
      renderErrorPage({ error, locale, brand: branded }),
    ]),
    ['home', renderHomePage({ locale, brand: branded, docs: true })],
    [
      'problems',
      renderProblemsPage(
        [{ code: 'invalid-link', status: 400, title: `T ${text}`, detail: `D ${text}` }],
        branded,
      ),
    ],
  ];
}

const titleOf = (html: string): string => /<title>(.*?)<\/title>/.exec(html)?.[1] ?? '';
const headingOf = (html: string): string => /<h1[^>]*>(.*?)<\/h1>/.exec(html)?.[1] ?? '';

describe.each(LOCALES)('every page in %s', (locale) => {
  const pages = everyPage(locale);

  test('has one heading, which the title repeats with the brand', () => {
    for (const [name, html] of pages) {
      expect(html.match(/<h1/g), name).toHaveLength(1);
      expect(titleOf(html), name).toContain(headingOf(html));
      expect(titleOf(html), name).toContain('Acme');
    }
  });

  test('has no style, script or handler of its own, and loads nothing from elsewhere', () => {
    for (const [name, html] of pages) {
      expect(html, name).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:|<img|<iframe|<base/);
      expect(html, name).not.toMatch(/<script(?![^>]* src="\/assets\/(?:link|result)\.js)/);
      for (const [, href] of html.matchAll(/<(?:link|script)[^>]* (?:href|src)="([^"]*)"/g))
        expect(href, name).toMatch(/^\/assets\/[\w.]+\?v=[0-9a-f]{8}$/);
    }
  });

  test('says its language and direction', () => {
    const dir = locale === 'ar' ? 'rtl' : 'ltr';
    for (const [name, html] of pages.filter(([name]) => name !== 'problems'))
      expect(html, name).toContain(`<html lang="${locale}" dir="${dir}">`);
  });

  test('shows hostile values as the text they are', () => {
    const hostile = everyPage(locale, '"><script>alert(1)</script>{{ brand }}&lt;');
    for (const [i, [name, html]] of hostile.entries()) {
      expect(html.match(/<\/?\w+/g), name).toEqual(pages[i]![1].match(/<\/?\w+/g));
      expect(html, name).not.toContain('<script>');
    }
  });

  test('says in words what became of a change, under its own title', () => {
    for (const purpose of PURPOSES) {
      const titles = OUTCOMES.map((outcome) => {
        const html = renderResultPage({ purpose, locale, brand, outcome });
        expect(html).toContain('role="status"');
        expect(/<h1>.*<\/h1>\n<p>[^<]{5,}/.exec(html), outcome.kind).not.toBeNull();
        return titleOf(html);
      });
      // Both kinds of rejection share theirs.
      expect(new Set(titles).size).toBe(OUTCOMES.length - 1);
    }
  });

  test('weighs less than 10 kB with all that it loads, as sent', () => {
    const { '/assets/result.js': _, ...loaded } = ASSETS;
    const assets = Object.values(loaded).map(({ body }) => body);
    const html = renderLinkPage({ purpose: 'confirm', locale, brand });
    const sizes = [...assets, renderBrandCss(brand), html].map((body) => gzipSync(body).length);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(10_000);
  });
});

// The other languages differ in escaped words alone.
test.each(['en', 'ar'] as const)(
  'every page in %s is valid and accessible HTML',
  async (locale) => {
    const validate = new HtmlValidate({
      extends: ['html-validate:recommended', 'html-validate:a11y', 'html-validate:document'],
      rules: {
        'doctype-style': 'off',
        'long-title': 'off',
      },
    });
    for (const [name, html] of everyPage(locale)) {
      const { results } = await validate.validateString(html);
      const found = results.flatMap((result) => result.messages.map(({ message }) => message));
      expect(found, name).toEqual([]);
    }
  },
);

describe('the link page', () => {
  test('without script is a form with a labelled field and one button', () => {
    const html = renderLinkPage({ purpose: 'cancel', locale: 'en', brand });
    expect(html).toContain('<form id="form" method="post" action="/cancel"');
    expect(html).toMatch(/<label for="token">/);
    expect(html).toMatch(/<input id="token"[^>]*autocomplete="off"/);
    expect(html.match(/<button(?![^>]*hidden)/g)).toHaveLength(1);
    expect(html).not.toMatch(/<div id="manual" hidden/);
  });

  test('with a token that came along needs no field', () => {
    const html = renderLinkPage({ purpose: 'confirm', locale: 'en', brand, token: TOKEN });
    expect(html).toContain('<div id="manual" hidden>');
    expect(html).toContain(`value="${TOKEN}"`);
  });

  test('shows the field again, marked, for a token that did not work', () => {
    const problem = 'invalid-link';
    const html = renderLinkPage({ purpose: 'undo', locale: 'en', brand, token: 'typo', problem });
    expect(html).not.toContain('<div id="manual" hidden>');
    expect(html).toContain('aria-invalid="true"');
    expect(headingOf(html)).toBe(message('en', 'page.problem.invalid-link.title'));
  });

  test('holds the words for every status that is too late for its link, and no other', () => {
    const open = { confirm: [], approve: [], cancel: ['confirmed'], undo: ['committed'] };
    for (const purpose of PURPOSES) {
      const html = renderLinkPage({ purpose, locale: 'en', brand });
      for (const status of STATUSES) {
        const pressable = ['pending', ...open[purpose]].includes(status);
        expect(html.includes(`<template id="${status}"`), `${purpose} ${status}`).toBe(!pressable);
      }
    }
  });
});

describe('the result page', () => {
  const result = (outcome: Outcome, more: { email?: string; returnTo?: string } = {}) =>
    renderResultPage({ purpose: 'confirm', locale: 'en', brand, outcome, ...more });

  test('asks again by a script, or by a link, only while work goes on, and never reloads', () => {
    for (const outcome of OUTCOMES) {
      const html = result(outcome);
      const passing = ['processing', 'undo-processing', 'cancel-refused'].includes(outcome.kind);
      expect(html.includes('/assets/result.js'), outcome.kind).toBe(passing);
      expect(html.includes('<p id="look"><a href="">'), outcome.kind).toBe(passing);
      expect(html).not.toContain('http-equiv');
    }
  });

  test('is coloured by what it means to its reader, and says who stopped the change', () => {
    const of = (purpose: Purpose, outcome: Outcome) =>
      renderResultPage({ purpose, locale: 'en', brand, outcome });
    const tone = (html: string) => /data-tone="(\w*)"/.exec(html)?.[1];
    expect(tone(of('confirm', { kind: 'canceled', by: 'current-mailbox' }))).toBe('stop');
    expect(tone(of('cancel', { kind: 'canceled', by: 'current-mailbox' }))).toBe('good');
    expect(tone(of('confirm', { kind: 'undone' }))).toBe('stop');
    expect(tone(of('undo', { kind: 'undone' }))).toBe('good');
    expect(of('confirm', { kind: 'canceled', by: 'user' })).toContain('canceled in the app');
    expect(of('confirm', { kind: 'canceled', by: 'current-mailbox' })).toContain(
      'canceled from the current mailbox',
    );
  });

  test('leads the mailbox in danger to a new password, where one is set', () => {
    const reset = { passwordResetUrl: 'https://acme.example/reset' };
    const of = (purpose: Purpose, outcome: Outcome) =>
      renderResultPage({ purpose, locale: 'en', brand, outcome, ...reset });
    expect(of('cancel', { kind: 'canceled' })).toContain('href="https://acme.example/reset"');
    expect(of('undo', { kind: 'undone' })).toContain('href="https://acme.example/reset"');
    expect(of('confirm', { kind: 'undone' })).not.toContain('acme.example/reset');
  });

  test('leads back by a link that shows its host, and never by itself', () => {
    const html = result({ kind: 'done' }, { returnTo: 'https://app.acme.example/me?tab=2&x' });
    expect(html).toContain('href="https://app.acme.example/me?tab=2&amp;x"');
    expect(html).toContain('Back to app.acme.example<');
    expect(html).not.toMatch(/http-equiv="refresh"[^>]*url/i);
  });

  test.each(['javascript:alert(1)', 'data:text/html,x', 'app://callback'])(
    'makes no link of %s',
    (returnTo) => {
      expect(result({ kind: 'done' }, { returnTo })).not.toContain('class="button"');
    },
  );

  test('says to the mailbox that stopped a change that its account may be in danger', () => {
    const warning = message('en', 'page.outcome.canceled.next');
    const of = (purpose: 'cancel' | 'confirm') =>
      renderResultPage({ purpose, locale: 'en', brand, outcome: { kind: 'canceled' } });
    expect(of('cancel')).toContain(warning);
    expect(of('confirm')).not.toContain(warning);
  });
});

test('every asset and the brand sheet are loaded under the hash of their very bytes', () => {
  const html =
    renderLinkPage({ purpose: 'confirm', locale: 'en', brand }) +
    renderResultPage({ purpose: 'confirm', locale: 'en', brand, outcome: { kind: 'processing' } });
  const bodies: Record<string, string> = {
    ...Object.fromEntries(Object.entries(ASSETS).map(([path, { body }]) => [path, body])),
    '/assets/brand.css': renderBrandCss(brand),
  };
  const loads = [...html.matchAll(/(?:href|src)="([^"?]*)\?v=[^"]*" integrity="([^"]*)"/g)];
  expect(new Set(loads.map(([, path]) => path))).toEqual(new Set(Object.keys(bodies)));
  for (const [, path, integrity] of loads)
    expect(integrity).toBe(
      `sha384-${createHash('sha384').update(bodies[path!]!).digest('base64')}`,
    );
});

test('the policy allows our own files and nothing else', () => {
  expect(PAGE_CSP).toContain("default-src 'none'");
  expect(PAGE_CSP).not.toMatch(/unsafe|\*|https?:|data:|blob:/);
  for (const directive of ['frame-ancestors', 'base-uri', 'object-src'])
    expect(PAGE_CSP).toContain(`${directive} 'none'`);
});

test.each(['#2457d6', '#ffffff', '#000000', '#ffd400', '#0b1f5c', '#808080', '#ff0000'])(
  'the brand colour %s gives a readable button and readable links, light and dark',
  (color) => {
    const css = renderBrandCss({ color });
    const values = (name: string) =>
      [...css.matchAll(new RegExp(`--${name}:(#[0-9a-f]{6})`, 'g'))].map(([, value]) => value!);
    expect(contrast(values('brand')[0]!, values('on-brand')[0]!)).toBeGreaterThanOrEqual(4.5);
    const [light, dark] = [
      ['#ffffff', '#f4f5f7'],
      ['#1a1e24', '#101317'],
    ] as const;
    for (const [i, surfaces] of [light, dark].entries()) {
      for (const surface of surfaces) {
        expect(contrast(values('link')[i]!, surface)).toBeGreaterThanOrEqual(4.5);
        expect(contrast(values('edge')[i]!, surface)).toBeGreaterThanOrEqual(3);
      }
    }
  },
);

test('what is not a colour never reaches a style sheet', () => {
  expect(() => renderBrandCss({ color: 'red}*{display:none' })).toThrow(TypeError);
});

test('the colours of the style sheet have their contrast, light and dark', () => {
  const css = ASSETS['/assets/pages.css'].body;
  const [light = '', dark = ''] = css.split('prefers-color-scheme');
  const value = (sheet: string, name: string): string => {
    const found = new RegExp(`--${name}: (#[0-9a-f]{3,6});`).exec(sheet)?.[1];
    const hex = found ?? new RegExp(`--${name}: (#[0-9a-f]{3,6});`).exec(light)![1]!;
    return hex.length === 4 ? hex.replaceAll(/[0-9a-f]/g, '$&$&') : hex;
  };
  for (const sheet of [light, dark]) {
    for (const ground of ['card', 'ground'].map((name) => value(sheet, name))) {
      for (const name of ['text', 'soft', 'good', 'wait', 'stop'])
        expect(contrast(value(sheet, name), ground), name).toBeGreaterThanOrEqual(4.5);
      expect(contrast(value(sheet, 'field'), ground), 'field').toBeGreaterThanOrEqual(3);
    }
  }
});
