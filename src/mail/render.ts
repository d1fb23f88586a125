/**
 * The mails. What each one says is data (content.ts); how a mail looks is a template for its HTML and one for its
 * text, which print the same parts in the same order. HTML is written for clients that drop
 * `<style>`, have no dark-mode query and rewrite colours (docs: caniemail.com): styles are inline,
 * and text keeps the reader's own colours.
 */
import { CODE_TTL_MS } from '../domain/code.ts';
import { PURPOSES, type Origin, type Purpose } from '../domain/email-change.ts';
import type { Template } from '../domain/mails.ts';
import {
  countryName,
  direction,
  message,
  withoutMarks,
  type Locale,
  type MessageKey,
} from '../locales/messages.ts';
import { formatAt, formatDate, formatMoment, formatSpan, formatUntil } from '../locales/times.ts';
import { BUILT_IN } from '../templates/built-in.ts';
import { Markup } from '../templates/engine.ts';
import type { BodyScope, BrandScope, Fact, MailScope, Part } from '../templates/scopes.ts';
import { edgeOf, textOn, type Brand } from './brand.ts';
import { CONTENT, type Block, type MailFacts } from './content.ts';

export type Mail = { subject: string; text: string; html: string };

/** Renders one mail. Pure: the same facts give the same bytes. `also`: a second language, below. */
export function renderMail(
  template: Template,
  locale: Locale,
  facts: MailFacts,
  also?: Locale,
): Mail {
  const { html, text, subject } = facts.brand.templates ?? BUILT_IN;
  const bodies = (also === undefined ? [locale] : [locale, also]).map((one, i) =>
    bodyOf(template, one, facts, i === 0),
  );
  const [first] = bodies as [BodyScope];
  const subjects = bodies.map((body) => {
    const names = [`${template}.${body.locale}`, template];
    const own = names.some(subject.has) ? subject.print(names, body) : body.subject;
    return own.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  });
  const frame = (print: (body: BodyScope) => Markup | string): MailScope => ({
    template,
    locale,
    dir: first.dir,
    brand: first.brand,
    subject: subjects[0]!,
    // What a list of mails shows beside the subject.
    preview: first.parts.find((part) => part.text !== null)?.text ?? '',
    words: {
      help: message(locale, 'mail.help', { brand: facts.brand.name }),
      footer: message(locale, 'mail.footer', { brand: facts.brand.name }),
    },
    sections: bodies.map((body, i) => ({
      locale: body.locale,
      dir: body.dir,
      subject: subjects[i]!,
      body: print({ ...body, subject: subjects[i]! }),
    })),
  });
  const names = ({ locale: one }: BodyScope) => [`${template}.${one}`, template, 'body'];
  const layouts = [`layout.${locale}`, 'layout'];
  const inText = frame((body) => text.print(names(body), body).trim());
  const inHtml = frame((body) => new Markup(html.print(names(body), body).trim()));
  return {
    subject: subjects[0]!,
    text: `${withoutMarks(text.print(layouts, inText)).trim()}\n`,
    html: html.print(layouts, inHtml),
  };
}

/** All that is said in one language. In the first the first button stands out. */
function bodyOf(template: Template, locale: Locale, facts: MailFacts, isFirst: boolean): BodyScope {
  const say: Say = (key, more) => message(locale, key, { brand: facts.brand.name, ...more });
  const { subject, blocks } = CONTENT[template];
  const values = valuesOf(locale, facts);
  const parts = blocks.flatMap((block) => partsOf(block, locale, values, facts, say));
  const primary = isFirst ? parts.find((part) => part.kind === 'action') : undefined;
  return {
    template,
    locale,
    dir: direction(locale),
    brand: brandOf(facts.brand),
    subject: say(subject),
    parts: parts.map((part) => (part === primary ? { ...part, primary: true } : part)),
    words: { url: say('mail.url'), code: say('mail.code') },
    links: linksOf(facts),
    facts: Object.fromEntries(
      Object.entries(values).map(([fact, value]) => [fact, value ?? null]),
    ) as BodyScope['facts'],
  };
}

const brandOf = ({ name, color, supportUrl, logoUrl, legal }: Brand): BrandScope => ({
  name,
  supportUrl: supportUrl ?? null,
  logoUrl: logoUrl ?? null,
  legal: legal ?? null,
  fill: color,
  onFill: textOn(color),
  edge: edgeOf(color),
});

const linksOf = ({ links, passwordResetUrl }: MailFacts): BodyScope['links'] => ({
  ...(Object.fromEntries(PURPOSES.map((purpose) => [purpose, links[purpose] ?? null])) as Record<
    Purpose,
    string | null
  >),
  reset: passwordResetUrl ?? null,
});

const PART = { text: null, rows: null, label: null, url: null, code: null, primary: false };

type Say = (key: MessageKey, more?: Record<string, string>) => string;

function partsOf(block: Block, locale: Locale, values: Values, facts: MailFacts, say: Say): Part[] {
  if ('list' in block)
    return [{ ...PART, kind: 'facts', rows: rowsOf(block.list, locale, values, say) }];
  if ('act' in block) return actionOf(block.act, say(block.label), facts);
  if ('explain' in block)
    return explanation(facts, block.explain === 'ending').map((key) => text(say(key)));
  return block.when?.(facts) === false ? [] : [text(say(block.say))];
}

/** Why, and what its reader may do next. What to do about an undo that could not be is one thing. */
function explanation(
  { ending, reason = 'refused-by-auth0' }: MailFacts,
  next: boolean,
): MessageKey[] {
  if (ending) return [`end.${ending}`, ...(ending === 'superseded' ? [] : ['end.next' as const])];
  return [`reason.${reason}.why`, ...(next ? [`reason.${reason}.next` as const] : [])];
}

const text = (words: string): Part => ({ ...PART, kind: 'text', text: words });

type Values = Record<Fact, string | undefined>;

function valuesOf(locale: Locale, facts: MailFacts): Values {
  const { zone, now } = facts;
  const clock = { locale, zone, now };
  const time = (format: (at: number) => string, at: number | undefined): string | undefined =>
    at === undefined ? undefined : format(at);
  const current = facts.currentEmail && plain(facts.currentEmail);
  return {
    account: current,
    current,
    previous: current,
    new: plain(facts.email),
    validUntil: formatUntil(clock, facts.expiresAt),
    undoUntil: time((at) => formatDate(locale, at, zone), facts.undoUntil),
    waivesAt: time((at) => formatAt(clock, at), facts.waivesAt),
    typedCode: facts.typedCode && plain(facts.typedCode),
    askedAt: formatMoment(locale, facts.askedAt, zone),
    askedFrom: originOf(locale, facts.origin),
  };
}

const rowsOf = (list: readonly Fact[], locale: Locale, values: Values, say: Say): Part['rows'] =>
  list.flatMap((fact) => {
    const value = values[fact];
    if (value === undefined) return [];
    const span = formatSpan(locale, CODE_TTL_MS);
    return [{ label: say(`fact.${fact}`, { span }), value, ltr: !WORDS.includes(fact) }];
  });

/** Said in the reader's language; all others are addresses and codes. */
const WORDS: readonly Fact[] = ['validUntil', 'undoUntil', 'waivesAt', 'askedAt', 'askedFrom'];

/** `Firefox, Windows, Germany`, as far as it is known. */
function originOf(locale: Locale, { browser, system, country }: Origin = {}): string | undefined {
  const names = [browser, system, country && countryName(locale, country)];
  return names.filter(Boolean).join(COMMAS[locale] ?? ', ') || undefined;
}

const COMMAS: Partial<Record<Locale, string>> = { ar: '، ', ja: '、', 'zh-Hans': '、' };

/** An address can neither start a new line in the text part nor turn the direction of what follows. */
const plain = (address: string): string => address.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');

function actionOf(act: Purpose | 'reset', label: string, facts: MailFacts): Part[] {
  if (act === 'reset')
    return facts.passwordResetUrl === undefined
      ? []
      : [{ ...PART, kind: 'action', label, url: facts.passwordResetUrl }];
  const url = facts.links[act];
  if (url === undefined) throw new TypeError(`this mail needs a link to ${act}`);
  const groups = facts.codes[act]?.match(/.{1,8}/gu) ?? [];
  const code = [groups.slice(0, 4), groups.slice(4)].map((line) => line.join(' '));
  return [{ ...PART, kind: 'action', label, url, code: groups.length > 0 ? code : null }];
}
