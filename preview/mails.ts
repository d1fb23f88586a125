/** Every mail that there is, with what makes it say something else. */
import type { CanceledBy, Reason } from '../src/domain/email-change.ts';
import { MAILS, type Template } from '../src/domain/mails.ts';
import type { Locale } from '../src/locales/messages.ts';
import type { Brand } from '../src/mail/brand.ts';
import type { MailFacts } from '../src/mail/content.ts';
import { renderMail, type Mail } from '../src/mail/render.ts';
import { FACTS } from './facts.ts';

/** `name` is a file's: `confirm`, `failed-email-taken`. */
type State = { name: string; template: Template; facts?: Partial<MailFacts>; also?: true };

/** Typed so that a new reason of the core is missed here. */
export const REASONS = Object.keys({
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
export const CANCELERS = Object.keys({
  user: 0,
  'current-mailbox': 0,
  operator: 0,
  undo: 0,
} satisfies Record<CanceledBy, 0>) as CanceledBy[];
const ENDINGS = [
  'expired',
  'superseded',
  ...CANCELERS.map((by) => `canceled.${by}` as const),
] as const;

const { typedCode: _, ...plain } = FACTS;
/** Each reader sees the own address in clear. */
const SEEN = {
  new: { email: 'ada.lovelace@new.example', currentEmail: 'a•••@old.example' },
  current: { email: 'a•••@new.example', currentEmail: 'ada@old.example' },
};

const STATES: readonly State[] = [
  ...(Object.keys(MAILS) as Template[]).map((template): State => ({ name: template, template })),
  {
    name: 'confirm-code-both',
    template: 'confirm',
    facts: { typedCode: '1234 5678', asksCurrent: true },
  },
  { name: 'notice-two-languages', template: 'notice', also: true },
  { name: 'approve-silence', template: 'approve', facts: { silenceConsents: true } },
  { name: 'restored-password', template: 'restored', facts: { password: 'replaced' } },
  { name: 'restored-password-failed', template: 'restored', facts: { password: 'failed' } },
  ...REASONS.map((reason): State => ({
    name: `failed-${reason}`,
    template: 'failed',
    facts: { reason },
  })),
  ...ENDINGS.map((ending): State => ({
    name: `stopped-${ending.replace('.', '-')}`,
    template: 'stopped',
    facts: { ending },
  })),
];

/** All mails in this language. A warning in two has English, or German after it, below. */
export const everyMail = (locale: Locale, brand: Brand): (Mail & { name: string })[] =>
  STATES.map(({ name, template, facts, also }) => ({
    name,
    ...renderMail(
      template,
      locale,
      { ...plain, ...SEEN[MAILS[template].to], ...facts, brand },
      also && (locale === 'en' ? 'de' : 'en'),
    ),
  }));
