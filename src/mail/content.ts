/** What each mail says, as data: which sentences, facts and buttons, in which order. */
import type { CanceledBy, Origin, Purpose, Reason } from '../domain/email-change.ts';
import type { Template } from '../domain/mails.ts';
import type { MessageKey } from '../locales/messages.ts';
import type { Fact } from '../templates/scopes.ts';
import type { Brand } from './brand.ts';

export type MailFacts = {
  brand: Brand;
  /** The new address; the caller masks it where the reader of this mail may not see it. */
  email: string;
  /** The previous (current) address, masked where needed; absent when the account had none. */
  currentEmail?: string | undefined;
  /** Full https URLs by purpose, fragment included. */
  links: Partial<Record<Purpose, string>>;
  /** The bare link tokens (64 base64url characters), printed in groups as the code to paste. */
  codes: Partial<Record<Purpose, string>>;
  /** Epoch ms: when it is rendered, and when the links end. */
  now: number;
  expiresAt: number;
  /** When and from where it was asked for. */
  askedAt: number;
  origin?: Origin | undefined;
  /** Where the reader's clock hangs, an IANA name; UTC when nobody knows. */
  zone?: string | undefined;
  undoUntil?: number | undefined;
  /** The current mailbox has to approve it too. */
  asksCurrent?: boolean;
  /** The silence of the current mailbox will count as consent, some time after the click. */
  silenceConsents?: boolean | undefined;
  /** When it does, once the new mailbox has confirmed. */
  waivesAt?: number | undefined;
  /** Eight digits for the signed-in app, in two groups. */
  typedCode?: string | undefined;
  /** Why it was rejected, or why it could not be undone. */
  reason?: Reason | undefined;
  /** How it ended otherwise, without effect. */
  ending?: Ending | undefined;
  passwordResetUrl?: string | undefined;
  /** What became of a password that was set between the commit and the undo. */
  password?: 'replaced' | 'failed' | undefined;
};
type Ending = 'expired' | 'superseded' | `canceled.${CanceledBy}`;

export type Block =
  | { say: MessageKey; when?: (facts: MailFacts) => boolean }
  | { list: readonly Fact[] }
  | { act: Purpose | 'reset'; label: MessageKey }
  | { explain: 'ending' | 'refusal' };
type Content = { subject: MessageKey; blocks: readonly Block[] };

/** By these its reader knows: that was me, or that was not. */
const ASKED = ['current', 'new', 'askedAt', 'askedFrom', 'validUntil'] as const satisfies Fact[];
const RESET = { act: 'reset', label: 'mail.reset.action' } as const satisfies Block;
const CANCEL = [
  { say: 'mail.cancel.warning' },
  { act: 'cancel', label: 'mail.cancel.action' },
  RESET,
] as const satisfies Block[];

export const CONTENT: Record<Template, Content> = {
  confirm: {
    subject: 'mail.confirm.subject',
    blocks: [
      { say: 'mail.confirm.intro' },
      { list: ['account', 'new', 'validUntil', 'typedCode'] },
      { say: 'mail.confirm.effect' },
      { say: 'mail.confirm.also', when: (facts) => facts.asksCurrent === true },
      { act: 'confirm', label: 'mail.confirm.action' },
      { say: 'mail.confirm.ignore' },
    ],
  },
  notice: {
    subject: 'mail.notice.subject',
    blocks: [
      { say: 'mail.notice.intro' },
      { list: ASKED },
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
      { list: ASKED },
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
      RESET,
    ],
  },
  approved: {
    subject: 'mail.changed.subject',
    blocks: [
      { say: 'mail.changed.intro' },
      { list: ['previous', 'new'] },
      { say: 'mail.approved.effect' },
    ],
  },
  keep: {
    subject: 'mail.keep.subject',
    blocks: [
      { say: 'mail.keep.intro' },
      { list: ['previous', 'new'] },
      { say: 'mail.keep.effect' },
      { say: 'mail.changed.warning' },
      { act: 'undo', label: 'mail.changed.action' },
    ],
  },
  keeping: {
    subject: 'mail.keeping.subject',
    blocks: [
      { say: 'mail.keeping.intro' },
      { list: ['previous', 'new'] },
      { say: 'mail.keeping.effect' },
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
    blocks: [
      { say: 'mail.undone.intro' },
      { list: ['previous', 'new'] },
      { say: 'mail.undone.next' },
    ],
  },
  restored: {
    subject: 'mail.restored.subject',
    blocks: [
      { say: 'mail.restored.intro' },
      { list: ['account', 'new'] },
      { say: 'mail.restored.next', when: (facts) => facts.password === undefined },
      { say: 'mail.restored.password', when: (facts) => facts.password === 'replaced' },
      { say: 'mail.restored.password-failed', when: (facts) => facts.password === 'failed' },
      RESET,
    ],
  },
};
