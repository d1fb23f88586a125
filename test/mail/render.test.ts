/** The mails: every template in every language, as its reader and as an attacker would look at it. */
import { HtmlValidate } from 'html-validate';
import { describe, expect, test } from 'vitest';
import { MAILS, type Template } from '../../src/domain/mails.ts';
import { PURPOSES, type Reason } from '../../src/domain/email-change.ts';
import { LOCALES, message, type Locale } from '../../src/locales/messages.ts';
import type { MailFacts } from '../../src/mail/content.ts';
import { renderMail } from '../../src/mail/render.ts';
import { columnsOf } from '../../src/mail/wrap.ts';
import { FACTS, linkTokenOf as token } from '../../preview/facts.ts';

const TEMPLATES = Object.keys(MAILS) as Template[];
const EVERY = LOCALES.flatMap((locale) => TEMPLATES.map((template) => [template, locale] as const));
/** Typed so that a new reason of the core fails here until its words are tested. */
const REASONS = Object.keys({
  'same-email': 0,
  'email-taken': 0,
  'address-drifted': 0,
  'credentials-changed': 0,
  'user-blocked': 0,
  'user-gone': 0,
  'unsupported-identity': 0,
  undeliverable: 0,
  'deadline-passed': 0,
  'refused-by-auth0': 0,
} satisfies Record<Reason, 0>) as Reason[];

const unescape = (html: string): string =>
  html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
/** The words of a mail, without mark-up, line breaks and direction isolates. */
const wordsOf = (text: string): string => text.replaceAll(/[\s\u2068\u2069]+/g, '');
/** What a reader sees of the HTML, a line for each piece of text. */
const shown = (html: string): string =>
  unescape(html.replace(/<head>.*<\/head>/s, '').replaceAll(/<[^>]+>/g, '\n'));
const hrefs = (html: string): string[] =>
  [...html.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => unescape(href));

describe.each(EVERY)('the mail %s in %s', (template, locale) => {
  const mail = renderMail(template, locale, FACTS);

  test('has a subject of at most 60 characters that gives no address away', () => {
    expect(mail.subject.length).toBeLessThanOrEqual(60);
    expect(mail.subject).not.toMatch(/@|[\r\n]/);
  });

  test('carries the links of its template, and no other', () => {
    for (const purpose of PURPOSES) {
      const carried = (MAILS[template].links as readonly string[]).includes(purpose);
      expect(mail.text.includes(`${FACTS.links[purpose]}\n`), purpose).toBe(carried);
      expect(hrefs(mail.html).includes(FACTS.links[purpose]!), purpose).toBe(carried);
    }
  });

  test('prints each code in groups that paste back into the token', () => {
    for (const purpose of MAILS[template].links) {
      expect(mail.text.replaceAll(/\s/g, '')).toContain(token(purpose));
      const groups = [...mail.html.matchAll(/<code[^>]*>(.*?)<\/code>/g)].map(([, code = '']) =>
        code.replaceAll(/<br>|\s/g, ''),
      );
      expect(groups).toContain(token(purpose));
    }
  });

  test('says the same in text and in HTML', () => {
    const [text, html] = [wordsOf(mail.text.replace('\n-- \n', '\n')), wordsOf(shown(mail.html))];
    const hint = wordsOf(message(locale, 'mail.url'));
    for (const line of mail.text.replace('\n-- \n', '\n').split('\n'))
      expect(html).toContain(wordsOf(line).replace(/[:：]$/, ''));
    for (const line of shown(mail.html).split('\n').map(wordsOf))
      expect(text + hint).toContain(line);
  });

  test('has text of at most 78 columns, but for URLs alone on their line', () => {
    const lines = mail.text.split('\n').filter((line) => !line.startsWith('https://'));
    expect(lines.filter((line) => columnsOf(line) > 78)).toEqual([]);
  });

  test('is one small document in the right language and direction', () => {
    const dir = locale === 'ar' ? 'rtl' : 'ltr';
    expect(mail.html).toContain(`<html lang="${locale}" dir="${dir}">`);
    expect(mail.html).toContain(`<div lang="${locale}" dir="${dir}"`);
    expect(Buffer.byteLength(mail.html)).toBeLessThan(15_000);
  });

  test('loads nothing, tracks nothing and asks for nothing', () => {
    expect(mail.html).not.toMatch(/<(img|form|input|button|script|link|iframe|object|style|svg)\b/);
    expect(mail.html).not.toMatch(/url\(|@import|src=|http:/);
    const known = [...Object.values(FACTS.links), 'https://acme.example/help'];
    for (const href of hrefs(mail.html)) expect([...known, FACTS.passwordResetUrl]).toContain(href);
  });

  test('keeps addresses, links and codes left-to-right', () => {
    const addresses = ['a•••@old.example', FACTS.email].filter((it) => mail.html.includes(it));
    for (const address of addresses) expect(mail.html).toMatch(ltr(address));
    for (const url of hrefs(mail.html).filter((href) => href !== FACTS.passwordResetUrl))
      expect(mail.html).toMatch(ltr(url));
  });

  test('is valid HTML', async () => {
    const validate = new HtmlValidate({
      extends: ['html-validate:recommended', 'html-validate:a11y'],
      // Mail clients drop style sheets, so styles are inline.
      rules: { 'no-inline-style': 'off', 'doctype-style': 'off' },
    });
    expect((await validate.validateString(mail.html)).results).toEqual([]);
  });
});

const ltr = (text: string): RegExp =>
  new RegExp(`dir="ltr"[^>]*>${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}<`);

const HOSTILE = '"><a/href=//evil>&lt;{{ brand }}{% raw %}';

describe.each(EVERY)('hostile values in the mail %s in %s', (template, locale) => {
  test('stay text in HTML', () => {
    const facts = hostile(HOSTILE);
    const { html } = renderMail(template, locale, facts);
    expect(html).not.toContain('<a/href');
    expect(html).not.toContain('&lt;{{');
    // As many tags as the same mail with harmless values.
    expect(html.match(/<\w+/g)).toEqual(
      renderMail(template, locale, hostile('x')).html.match(/<\w+/g),
    );
  });

  test('start no line and turn no direction in text', () => {
    const { text, subject } = renderMail(template, locale, {
      ...FACTS,
      email: 'a\r\nhttps://evil.example/\u2028\u202e@new.example',
      currentEmail: 'b\nhttps://evil.example/\u2029\u2066@old.example',
    });
    expect(text).not.toMatch(/^https:\/\/evil/m);
    expect(text).not.toMatch(/[\r\u2028\u2029\u202e\u2066]/);
    expect(subject).toBe(renderMail(template, locale, FACTS).subject);
  });
});

const hostile = (text: string): MailFacts => ({
  ...FACTS,
  brand: { name: text, color: '#2457d6', supportUrl: `https://acme.example/?${text}` },
  email: `${text}@new.example`,
  currentEmail: `${text}@old.example`,
  passwordResetUrl: `https://acme.example/reset?${text}`,
});

describe.each(LOCALES)('in %s', (locale: Locale) => {
  test.each(REASONS)('the failed mail explains %s and says what to do', (reason) => {
    const { text } = renderMail('failed', locale, { ...FACTS, reason });
    const brand = FACTS.brand.name;
    for (const key of [`reason.${reason}.why`, `reason.${reason}.next`] as const)
      expect(wordsOf(text)).toContain(wordsOf(message(locale, key, { brand })));
  });

  test('the approval mail says whether silence is consent', () => {
    const says = (facts: MailFacts, key: 'mail.approve.ignore' | 'mail.approve.silence') =>
      wordsOf(renderMail('approve', locale, facts).text).includes(wordsOf(message(locale, key)));
    expect(says(FACTS, 'mail.approve.ignore')).toBe(true);
    expect(says(FACTS, 'mail.approve.silence')).toBe(false);
    expect(says({ ...FACTS, silenceConsents: true }, 'mail.approve.ignore')).toBe(false);
    expect(says({ ...FACTS, silenceConsents: true }, 'mail.approve.silence')).toBe(true);
  });
});

test('what is not known is left out, down to the bare minimum', () => {
  const bare: MailFacts = {
    brand: { name: 'Acme', color: '#ffffff' },
    email: 'ada@new.example',
    links: FACTS.links,
    codes: {},
    now: FACTS.now,
    askedAt: FACTS.askedAt,
    expiresAt: FACTS.expiresAt,
  };
  for (const template of TEMPLATES) {
    const { text, html } = renderMail(template, 'en', bare);
    expect(text + html).not.toMatch(/undefined|null|NaN/);
    expect(text).not.toMatch(
      /Account:|Current address:|Previous address:|undo this until|From:|Questions/,
    );
  }
  expect(renderMail('done', 'en', bare).text).not.toContain('previous address');
});

test('a mail without the link it is for is a bug, not a mail', () => {
  expect(() => renderMail('confirm', 'en', { ...FACTS, links: {} })).toThrow(TypeError);
});

test('the same facts give the same bytes', () => {
  expect(renderMail('confirm', 'ja', FACTS)).toEqual(renderMail('confirm', 'ja', { ...FACTS }));
});

test('a notice says when it was asked for and from where, and never more than is known', () => {
  const { text } = renderMail('notice', 'en', { ...FACTS, zone: 'America/Los_Angeles' });
  expect(text).toContain('Asked:\n    August 17, 2026 at 6:04 AM PDT');
  expect(text).toContain('From:\n    Firefox, Windows, Germany');
  expect(text).toContain('Valid for:\n    1 hour, until August 17, 2026 at 7:05 AM PDT');
  const { origin: _, ...unknown } = FACTS;
  expect(renderMail('notice', 'en', unknown).text).not.toContain('From:');
  expect(renderMail('notice', 'de', { ...FACTS, origin: { country: 'JP' } }).text).toContain(
    'Japan',
  );
});

test('an undo deadline is a date, in the zone of its reader', () => {
  const late = { ...FACTS, undoUntil: Date.UTC(2026, 7, 24, 23, 0), zone: 'Asia/Tokyo' };
  expect(renderMail('changed', 'en', late).text).toContain(
    'Can be undone until:\n    August 25, 2026\n',
  );
});

test('a text has no marks that a terminal would show, and neither has a subject', () => {
  for (const [template, locale] of EVERY) {
    const { text, subject } = renderMail(template, locale, FACTS);
    expect(text + subject).not.toMatch(/\p{Cf}/u);
  }
});
