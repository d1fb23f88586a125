/**
 * Which mails there are, when each is still wanted, and what its fate does to the change. SMTP can
 * not promise exactly-once (RFC 1047), so a mail whose acceptance is in doubt is sent once more,
 * with the same Message-ID, and never a third time.
 */
import {
  close,
  recorded,
  write,
  type EmailChange,
  type MailState,
  type Purpose,
  type Recorded,
  type Side,
  type Step,
} from './email-change.ts';

/** Each template: whose mailbox it goes to, which link it carries, and when it is still true. */
export const MAILS = {
  confirm: { to: 'new', links: ['confirm'], wanted: (change) => change.status === 'pending' },
  notice: { to: 'current', links: ['cancel'], wanted: (change) => change.status === 'pending' },
  approve: {
    to: 'current',
    links: ['approve', 'cancel'],
    wanted: (change) => change.status === 'pending',
  },
  done: { to: 'new', links: [], wanted: (change) => change.status === 'committed' },
  changed: { to: 'current', links: ['undo'], wanted: (change) => change.status === 'committed' },
  failed: { to: 'new', links: [], wanted: (change) => change.status === 'rejected' },
  undone: { to: 'new', links: [], wanted: (change) => change.status === 'undone' },
  restored: { to: 'current', links: [], wanted: (change) => change.status === 'undone' },
} as const satisfies Record<
  string,
  { to: Side; links: readonly Purpose[]; wanted: (change: EmailChange) => boolean }
>;
export type Template = keyof typeof MAILS;

/** `mail.confirm.2` → the template and, for a mail that may be sent again, its generation. */
export function parseMailTask(
  name: string,
): { template: Template; generation?: number } | undefined {
  const [, template = '', generation] = /^mail\.([a-z]+)(?:\.(\d+))?$/.exec(name) ?? [];
  if (!(template in MAILS)) return undefined;
  return {
    template: template as Template,
    ...(generation === undefined ? {} : { generation: Number(generation) }),
  };
}

/** Before the first byte: `send` says whether this attempt may go out, under which state. */
export function startMail(change: EmailChange, name: string): Step | Recorded {
  const task = parseMailTask(name);
  const state = change.mails[name];
  const stale = task?.generation !== undefined && task.generation !== change.generation;
  if (!task || stale || !MAILS[task.template].wanted(change) || !mayBeSent(state))
    return recorded(change);
  return write(withMail(change, name, state === 'sending' ? 'doubt' : 'sending'));
}

const mayBeSent = (state: MailState | undefined): boolean =>
  state === undefined || state === 'sending';

/** The server took the mail. A muted mail is recorded like a sent one, so that nobody can tell. */
export function mailSent(change: EmailChange, name: string, now: number): Step {
  const sent = withMail(change, name, 'sent');
  return write(parseMailTask(name)?.template === 'confirm' ? { ...sent, mailedAt: now } : sent);
}

/** The server did not take it and will be asked again. */
export function mailDeferred(change: EmailChange, name: string): Step {
  if (change.mails[name] === 'doubt') return write(withMail(change, name, 'sending'));
  const { [name]: _, ...mails } = change.mails;
  return write({ ...change, mails });
}

/** The server refused for good. A new address that takes no mail can never be confirmed. */
export function mailRefused(change: EmailChange, name: string, now: number): Step {
  const failed = withMail(change, name, 'failed');
  const fatal = parseMailTask(name)?.template === 'confirm' && change.status === 'pending';
  return write(fatal ? { ...close(failed, 'rejected', now), reason: 'undeliverable' } : failed);
}

const withMail = (change: EmailChange, name: string, state: MailState): EmailChange => ({
  ...change,
  mails: { ...change.mails, [name]: state },
});
