/**
 * The mails. What each one says is data (CONTENT); how a mail looks is one HTML layout and one text
 * layout, which print the same parts in the same order. HTML is written for clients that drop
 * `<style>`, have no dark-mode query and rewrite colours (docs: caniemail.com): styles are inline,
 * and text keeps the reader's own colours.
 */
import { readFileSync } from 'node:fs';
import { Liquid } from 'liquidjs';
import type { CanceledBy, Purpose, Reason } from '../domain/email-change.ts';
import type { Template } from '../domain/mails.ts';
import {
  direction,
  formatTime,
  message,
  type Locale,
  type MessageKey,
} from '../locales/messages.ts';
import { readableOn, textOn, WHITE, type Brand } from './brand.ts';
import { wrap } from './wrap.ts';

export type MailFacts = {
  brand: Brand;
  /** The new address; the caller masks it where the reader of this mail may not see it. */
  email: string;
  /** The previous (current) address, masked where needed; absent when the account had none. */
  currentEmail?: string;
  /** Full https URLs by purpose, fragment included. */
  links: Partial<Record<Purpose, string>>;
  /** The bare link tokens (64 base64url characters), printed in groups as the code to paste. */
  codes: Partial<Record<Purpose, string>>;
  /** Epoch ms. */
  expiresAt: number;
  undoUntil?: number;
  /** The silence of the current mailbox will count as consent, some time after the click. */
  silenceConsents?: boolean;
  /** When it does, once the new mailbox has confirmed. */
  waivesAt?: number;
  /** Eight digits for the signed-in app, in two groups. */
  typedCode?: string;
  /** Why it was rejected, or why it could not be undone. */
  reason?: Reason;
  /** How it ended otherwise, without effect. */
  ending?: Ending;
  passwordResetUrl?: string;
};
export type Ending = 'expired' | 'superseded' | `canceled.${CanceledBy}`;
export type Mail = { subject: string; text: string; html: string };

type Time = 'validUntil' | 'undoUntil' | 'waivesAt';
type Fact = 'account' | 'current' | 'previous' | 'new' | 'typedCode' | Time;
type Block =
  | { say: MessageKey; when?: (facts: MailFacts) => boolean }
  | { list: readonly Fact[] }
  | { act: Purpose | 'reset'; label: MessageKey }
  | { explain: 'ending' | 'refusal' };
type Content = { subject: MessageKey; blocks: readonly Block[] };

const CANCEL = [
  { say: 'mail.cancel.warning' },
  { act: 'cancel', label: 'mail.cancel.action' },
] as const satisfies Block[];
const RESET = { act: 'reset', label: 'mail.reset.action' } as const satisfies Block;

const CONTENT: Record<Template, Content> = {
  confirm: {
    subject: 'mail.confirm.subject',
    blocks: [
      { say: 'mail.confirm.intro' },
      { list: ['account', 'new', 'validUntil', 'typedCode'] },
      { say: 'mail.confirm.effect' },
      { act: 'confirm', label: 'mail.confirm.action' },
      { say: 'mail.confirm.ignore' },
    ],
  },
  notice: {
    subject: 'mail.notice.subject',
    blocks: [
      { say: 'mail.notice.intro' },
      { list: ['current', 'new', 'validUntil'] },
      { say: 'mail.notice.effect' },
      ...CANCEL,
    ],
  },
  informed: {
    subject: 'mail.informed.subject',
    blocks: [
      { say: 'mail.informed.intro' },
      { list: ['current'] },
      { say: 'mail.informed.effect' },
      { say: 'mail.informed.next' },
    ],
  },
  approve: {
    subject: 'mail.approve.subject',
    blocks: [
      { say: 'mail.approve.intro' },
      { list: ['current', 'new', 'validUntil'] },
      { say: 'mail.approve.effect' },
      { say: 'mail.approve.ignore', when: (facts) => !facts.silenceConsents },
      { say: 'mail.approve.silence', when: (facts) => facts.silenceConsents === true },
      { act: 'approve', label: 'mail.approve.action' },
      ...CANCEL,
    ],
  },
  reminder: {
    subject: 'mail.reminder.subject',
    blocks: [
      { say: 'mail.reminder.intro' },
      { list: ['current', 'new', 'waivesAt'] },
      { say: 'mail.reminder.effect' },
      { act: 'approve', label: 'mail.approve.action' },
      ...CANCEL,
    ],
  },
  done: {
    subject: 'mail.done.subject',
    blocks: [
      { say: 'mail.done.intro' },
      { list: ['previous', 'new', 'undoUntil'] },
      { say: 'mail.done.undo', when: (facts) => facts.undoUntil !== undefined },
    ],
  },
  changed: {
    subject: 'mail.changed.subject',
    blocks: [
      { say: 'mail.changed.intro' },
      { list: ['previous', 'new', 'undoUntil'] },
      { say: 'mail.changed.effect' },
      { say: 'mail.changed.warning' },
      { act: 'undo', label: 'mail.changed.action' },
    ],
  },
  failed: {
    subject: 'mail.failed.subject',
    blocks: [{ say: 'mail.failed.intro' }, { list: ['account', 'new'] }, { explain: 'ending' }],
  },
  stopped: {
    subject: 'mail.stopped.subject',
    blocks: [{ say: 'mail.stopped.intro' }, { list: ['account', 'new'] }, { explain: 'ending' }],
  },
  refused: {
    subject: 'mail.refused.subject',
    blocks: [
      { say: 'mail.refused.intro' },
      { list: ['previous', 'new'] },
      { explain: 'refusal' },
      { say: 'page.outcome.undo-refused.next' },
    ],
  },
  undone: {
    subject: 'mail.undone.subject',
    blocks: [{ say: 'mail.undone.intro' }, { say: 'mail.undone.next' }, RESET],
  },
  restored: {
    subject: 'mail.restored.subject',
    blocks: [{ say: 'mail.restored.intro' }, { say: 'mail.restored.next' }, RESET],
  },
};

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

/** Renders one mail. Pure: the same facts give the same bytes. */
export function renderMail(template: Template, locale: Locale, facts: MailFacts): Mail {
  const say: Say = (key) => message(locale, key, { brand: facts.brand.name });
  const subject = say(CONTENT[template].subject);
  const parts = CONTENT[template].blocks.flatMap((block) => partsOf(block, locale, facts, say));
  const scope = {
    locale,
    dir: direction(locale),
    brand: facts.brand.name,
    supportUrl: facts.brand.supportUrl ?? null,
    colors: colorsOf(facts.brand),
    subject,
    parts,
    // What a list of mails shows beside the subject.
    preview: parts.find((part) => part.kind === 'text')?.text ?? '',
    // One button stands out: the first.
    primary: parts.find((part) => part.kind === 'action') ?? null,
    words: {
      url: say('mail.url'),
      code: say('mail.code'),
      help: say('mail.help'),
      footer: say('mail.footer'),
    },
  };
  return {
    subject,
    text: `${String(toText.renderSync(textLayout, scope)).trim()}\n`,
    html: String(toHtml.renderSync(htmlLayout, scope)),
  };
}

type Say = (key: MessageKey) => string;

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
  const time = (at: number | undefined): string | undefined =>
    at === undefined ? undefined : formatTime(locale, at);
  const values: Record<Fact, string | undefined> = {
    account: facts.currentEmail,
    current: facts.currentEmail,
    previous: facts.currentEmail,
    new: facts.email,
    validUntil: time(facts.expiresAt),
    undoUntil: time(facts.undoUntil),
    waivesAt: time(facts.waivesAt),
    typedCode: facts.typedCode,
  };
  return list.flatMap((fact) => {
    const value = values[fact];
    const isAddress = !TIMES.includes(fact);
    if (value === undefined) return [];
    return [
      { label: say(`fact.${fact}`), value: isAddress ? plain(value) : value, ltr: isAddress },
    ];
  });
}

const TIMES: readonly Fact[] = ['validUntil', 'undoUntil', 'waivesAt'] satisfies Time[];

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
