/**
 * The mails. What each one says is data (content.ts); how a mail looks is one HTML layout and one text
 * layout, which print the same parts in the same order. HTML is written for clients that drop
 * `<style>`, have no dark-mode query and rewrite colours (docs: caniemail.com): styles are inline,
 * and text keeps the reader's own colours.
 */
import { readFileSync } from 'node:fs';
import { Liquid } from 'liquidjs';
import { CODE_TTL_MS } from '../domain/code.ts';
import type { Origin, Purpose } from '../domain/email-change.ts';
import type { Template } from '../domain/mails.ts';
import {
  countryName,
  direction,
  message,
  type Locale,
  type MessageKey,
} from '../locales/messages.ts';
import { formatAt, formatDate, formatMoment, formatSpan, formatUntil } from '../locales/times.ts';
import { readableOn, textOn, WHITE, type Brand } from './brand.ts';
import { CONTENT, type Block, type Fact, type MailFacts } from './content.ts';
import { wrap } from './wrap.ts';

export type Mail = { subject: string; text: string; html: string };

/** What the layouts print. */
type Part =
  | { kind: 'text'; text: string }
  | { kind: 'facts'; rows: Row[] }
  | { kind: 'action'; label: string; url: string; code: string[] | null };
type Row = { label: string; value: string; ltr: boolean };

const COLUMNS = 76;
const read = (name: string): string =>
  readFileSync(new URL(`./templates/${name}`, import.meta.url), 'utf8');
const LIMITS = {
  ownPropertyOnly: true,
  strictVariables: true,
  strictFilters: true,
  parseLimit: 1e6,
  renderLimit: 2000,
  memoryLimit: 1e6,
  templates: {},
};
const toHtml = new Liquid({ ...LIMITS, outputEscape: 'escape' });
const toText = new Liquid(LIMITS);
toText.registerFilter('wrap', (text: string, locale: Locale) => wrap(text, locale, COLUMNS));
toText.registerFilter('labelled', (label: string, locale: Locale) =>
  wrap(message(locale, 'mail.label', { label }), locale, COLUMNS),
);
const htmlLayout = toHtml.parse(read('layout.html.liquid'));
const textLayout = toText.parse(read('layout.text.liquid'));

/** Renders one mail. Pure: the same facts give the same bytes. `also`: a second language, below. */
export function renderMail(
  template: Template,
  locale: Locale,
  facts: MailFacts,
  also?: Locale,
): Mail {
  const first = sectionOf(template, locale, facts);
  const { subject, parts, say } = first;
  const scope = {
    locale,
    dir: direction(locale),
    brand: facts.brand.name,
    supportUrl: facts.brand.supportUrl ?? null,
    colors: colorsOf(facts.brand),
    subject,
    sections: [first, ...(also === undefined ? [] : [sectionOf(template, also, facts)])],
    // What a list of mails shows beside the subject.
    preview: parts.find((part) => part.kind === 'text')?.text ?? '',
    // One button stands out: the first.
    primary: parts.find((part) => part.kind === 'action') ?? null,
    words: { help: say('mail.help'), footer: say('mail.footer') },
  };
  return {
    subject,
    text: `${String(toText.renderSync(textLayout, scope)).trim()}\n`,
    html: String(toHtml.renderSync(htmlLayout, scope)),
  };
}

/** All that is said in one language. */
function sectionOf(template: Template, locale: Locale, facts: MailFacts) {
  const say: Say = (key, more) => message(locale, key, { brand: facts.brand.name, ...more });
  const { subject, blocks } = CONTENT[template];
  return {
    locale,
    dir: direction(locale),
    subject: say(subject),
    parts: blocks.flatMap((block) => partsOf(block, locale, facts, say)),
    words: { url: say('mail.url'), code: say('mail.code') },
    say,
  };
}

type Say = (key: MessageKey, more?: Record<string, string>) => string;

function partsOf(block: Block, locale: Locale, facts: MailFacts, say: Say): Part[] {
  if ('list' in block) return [{ kind: 'facts', rows: rowsOf(block.list, locale, facts, say) }];
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

const text = (words: string): Part => ({ kind: 'text', text: words });

function rowsOf(list: readonly Fact[], locale: Locale, facts: MailFacts, say: Say): Row[] {
  const { zone, now } = facts;
  const clock = { locale, zone, now };
  const time = (format: (at: number) => string, at: number | undefined): string | undefined =>
    at === undefined ? undefined : format(at);
  const values: Record<Fact, string | undefined> = {
    account: facts.currentEmail,
    current: facts.currentEmail,
    previous: facts.currentEmail,
    new: facts.email,
    validUntil: formatUntil(clock, facts.expiresAt),
    undoUntil: time((at) => formatDate(locale, at, zone), facts.undoUntil),
    waivesAt: time((at) => formatAt(clock, at), facts.waivesAt),
    typedCode: facts.typedCode,
    askedAt: formatMoment(locale, facts.askedAt, zone),
    askedFrom: originOf(locale, facts.origin),
  };
  return list.flatMap((fact) => {
    const value = values[fact];
    const isAddress = !WORDS.includes(fact);
    if (value === undefined) return [];
    const span = formatSpan(locale, CODE_TTL_MS);
    return [
      {
        label: say(`fact.${fact}`, { span }),
        value: isAddress ? plain(value) : value,
        ltr: isAddress,
      },
    ];
  });
}

/** Said in the reader's language; all others are addresses and codes. */
const WORDS: readonly Fact[] = ['validUntil', 'undoUntil', 'waivesAt', 'askedAt', 'askedFrom'];

/** `Firefox, Windows, Germany`, as far as it is known. */
function originOf(locale: Locale, { browser, system, country }: Origin = {}): string | undefined {
  const names = [browser, system, country && countryName(locale, country)];
  return names.filter(Boolean).join(', ') || undefined;
}

/** An address can neither start a new line in the text part nor turn the direction of what follows. */
const plain = (address: string): string => address.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');

function actionOf(act: Purpose | 'reset', label: string, facts: MailFacts): Part[] {
  if (act === 'reset')
    return facts.passwordResetUrl === undefined
      ? []
      : [{ kind: 'action', label, url: facts.passwordResetUrl, code: null }];
  const url = facts.links[act];
  if (url === undefined) throw new TypeError(`this mail needs a link to ${act}`);
  const groups = facts.codes[act]?.match(/.{1,8}/gu) ?? [];
  const code = [groups.slice(0, 4), groups.slice(4)].map((line) => line.join(' '));
  return [{ kind: 'action', label, url, code: groups.length > 0 ? code : null }];
}

/** What dark mail clients paint behind a mail, about. */
const NIGHT = '#1f1f1f';

/** `edge` is the brand colour, moved until a line in it shows on light and on dark backgrounds. */
const colorsOf = ({ color }: Brand): { fill: string; text: string; edge: string } => ({
  fill: color,
  text: textOn(color),
  edge: readableOn(WHITE, readableOn(NIGHT, color, 3), 3),
});
