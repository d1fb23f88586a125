/**
 * Which mails there are, when each is still wanted, and what its fate does to the change. SMTP can
 * not promise exactly-once (RFC 1047), so a mail whose acceptance is in doubt is sent once more, with
 * the same Message-ID. Only a mail with an undo link may go a third time: it is its reader's only remedy.
 */
import { hasStanding } from './account.ts';
import { approvalsOf } from './ask-to-agree.ts';
import { reject } from './commit.ts';
import { KEEP_CLOSED_MS } from './retention.ts';
import { isKeeping, keepRefused, keepTold } from './keep.ts';
import { isRestored } from './undo.ts';
import { tellsCurrent, tellsNew, undoWasRefused } from './endings.ts';
import { asked } from './agree.ts';
import {
  isOpen,
  recorded,
  taskOf,
  write,
  type EmailChange,
  type MailState,
  type Purpose,
  type Recorded,
  type Side,
  type Step,
  type Task,
} from './email-change.ts';

/** Each template: whose mailbox it goes to, which link it carries, and when it is still true. */
export const MAILS = {
  confirm: { to: 'new', links: ['confirm'], wanted: (change) => change.status === 'pending' },
  // A quick click does not silence it: until the commit there is something to cancel.
  notice: { to: 'current', links: ['cancel'], wanted: isOpen },
  // Without power, for a mailbox that never proved to be the user's.
  informed: { to: 'current', links: [], wanted: isOpen },
  approve: {
    to: 'current',
    links: ['approve', 'cancel'],
    wanted: (change) => change.status === 'pending',
  },
  // Sent on the way to the moment when silence becomes consent.
  reminder: {
    to: 'current',
    links: ['approve', 'cancel'],
    wanted: (change) => change.status === 'pending' && change.agreed.current === undefined,
  },
  done: { to: 'new', links: [], wanted: (change) => change.status === 'committed' },
  changed: {
    to: 'current',
    links: ['undo'],
    wanted: (change) => change.status === 'committed' && change.undo !== undefined,
  },
  // To a mailbox that approved this very change, and so has nothing to undo.
  approved: {
    to: 'current',
    links: [],
    wanted: ({ status, account, agreed }) =>
      status === 'committed' && hasStanding(account) && agreed.current !== undefined,
  },
  keep: { to: 'current', links: ['undo'], wanted: isKeeping },
  keeping: { to: 'new', links: [], wanted: isKeeping },
  failed: { to: 'new', links: [], wanted: tellsNew },
  stopped: { to: 'current', links: [], wanted: tellsCurrent },
  refused: { to: 'current', links: [], wanted: undoWasRefused },
  undone: { to: 'new', links: [], wanted: (change) => change.status === 'undone' },
  restored: { to: 'current', links: [], wanted: isRestored },
} as const satisfies Record<
  string,
  { to: Side; links: readonly Purpose[]; wanted: (change: EmailChange) => boolean }
>;
export type Template = keyof typeof MAILS;

/** `mail.confirm.2` → the template and, for a mail that may be asked for again, which one it is. */
export function parseMailTask(name: string): { template: Template; count?: number } | undefined {
  // One spelling for each: `mail.confirm.01` would be sent beside `mail.confirm.1`.
  const [, template = '', count] = /^mail\.([a-z]+)(?:\.([1-9]\d{0,4}))?$/.exec(name) ?? [];
  if (!isTemplate(template)) return undefined;
  return { template, ...(count === undefined ? {} : { count: Number(count) }) };
}

const isTemplate = (name: string): name is Template => Object.hasOwn(MAILS, name);

/** Before the first byte: marks the attempt, or writes nothing when the mail may not go out. */
export function startMail(change: EmailChange, name: string): Step | Recorded {
  const task = parseMailTask(name);
  const mark = nextMark(change, name);
  if (!task || !MAILS[task.template].wanted(change) || !wasGivenOut(change, task))
    return recorded(change);
  return mark === undefined ? recorded(change) : write(withMail(change, name, mark));
}

/** A resend took its place. */
const isReplaced = (change: EmailChange, task: { template: Template; count?: number }): boolean =>
  task.template === 'confirm' && task.count !== change.generation;

/** The new mailbox has agreed, and the current one has its time. */
const waits = ({ waiverMs, agreed }: EmailChange): boolean =>
  waiverMs !== undefined && agreed.new !== undefined;

/** Anybody who can write to Redis may ask for a mail; only what the record gave out is sent. */
function wasGivenOut(change: EmailChange, task: { template: Template; count?: number }): boolean {
  const { template, count } = task;
  // Nobody is written to before the invitation has read the account.
  if (!change.account) return false;
  if (template === 'confirm') return !isReplaced(change, task);
  if (template === 'approve')
    return (
      count !== undefined && change.requires.includes('current') && count <= approvalsOf(change)
    );
  if (template === 'reminder') return waits(change) && (count === 1 || count === 2);
  if (template === 'notice' || template === 'informed')
    return (
      count === undefined &&
      !change.requires.includes('current') &&
      hasStanding(change.account) === (template === 'notice')
    );
  return count === undefined;
}

/** The mark of an attempt, by the mark of the one before it. After the last doubt there is none. */
function nextMark(change: EmailChange, name: string): MailState | undefined {
  const state = change.mails[name];
  if (state === undefined) return 'sending';
  if (state === 'sending') return 'doubt';
  return state === 'doubt' && (name === 'mail.changed' || name === 'mail.keep')
    ? 'last-doubt'
    : undefined;
}

/** The server took the mail. `mailedAt` is the first of all: a resend neither takes it back nor moves it. */
export function mailSent(change: EmailChange, name: string, now: number): Step {
  const task = parseMailTask(name)!;
  const sent = withMail(change, name, 'sent');
  if (task.template === 'keep') return keepTold(sent, now);
  if (MAILS[task.template].to === 'current') {
    const { unreachableAt: _, ...reached } = sent;
    return ASKS.includes(task.template) && isOpen(change)
      ? asked(reached, now)
      : write(reached, ...overtaken(change, reached, now));
  }
  const invites = task.template === 'confirm' && !isReplaced(change, task);
  return write(invites ? { ...sent, mailedAt: sent.mailedAt ?? now, codeMailedAt: now } : sent);
}

/** It was not tried, since the mailbox had its share. The record does not claim that it was sent. */
export const mailMuted = (change: EmailChange, name: string): Step =>
  write(withMail(change, name, 'muted'));

/** A warning that came when the change had ended already: its reader hears of the end as well. */
const overtaken = (before: EmailChange, after: EmailChange, now: number): Task[] =>
  !tellsCurrent(before) && tellsCurrent(after) ? [taskOf(after, 'mail.stopped', now)] : [];

/**
 * The mails of the same story that this mailbox has: programs show all of them in one thread. The last is the one
 * that a mail answers. An invitation begins a thread, and so does its repetition, which else would be folded away.
 */
export function thread({ mails }: EmailChange, template: Template): string[] {
  const { to } = MAILS[template];
  if (BEGINS.includes(template)) return [];
  const told = Object.keys(mails).filter((name) => {
    const task = parseMailTask(name);
    return task !== undefined && MAILS[task.template].to === to && mails[name] === 'sent';
  });
  const first = told.findLast((name) => BEGINS.includes(parseMailTask(name)!.template));
  return first === undefined ? told : told.slice(told.indexOf(first));
}
const BEGINS: readonly Template[] = ['confirm', 'notice', 'informed', 'approve'];

/** What the current mailbox may answer by silence. */
const ASKS: readonly Template[] = ['approve', 'reminder'];

/** The server did not take it and will be asked again. */
export function mailDeferred(change: EmailChange, name: string): Step {
  const state = change.mails[name];
  if (state === 'doubt') return write(withMail(change, name, 'sending'));
  if (state === 'last-doubt') return write(withMail(change, name, 'doubt'));
  const { [name]: _, ...mails } = change.mails;
  return write({ ...change, mails });
}

/** There is no such mailbox. A new address that takes no mail can not confirm; the change is over, unless it did. */
export function mailRefused(change: EmailChange, name: string, now: number): Step | Recorded {
  const { changes } = mailGivenUp(change, name, now);
  const failed = changes[0]!;
  const invites = parseMailTask(name)?.template === 'confirm';
  const fatal = invites && change.status === 'pending' && change.agreed.new === undefined;
  return fatal ? reject(failed, 'undeliverable', now) : write(failed);
}

/** Nobody took the mail while it was of use. We know whom we did not reach, and not whose fault it is. */
export function mailGivenUp(change: EmailChange, name: string, now: number): Step {
  const { template } = parseMailTask(name)!;
  const marked = withMail(change, name, 'failed');
  const failed = template === 'keep' ? keepRefused(marked, now) : marked;
  return write(MAILS[template].to === 'current' ? { ...failed, unreachableAt: now } : failed);
}

/** Until when a mail is of use to its reader (epoch ms). */
export function usefulUntil(change: EmailChange, template: Template): number {
  const { status, expiresAt, undo, closedAt, committedAt, requestedAt } = change;
  if (template === 'changed' || template === 'keep') return undo?.until ?? 0;
  if (status === 'pending') return expiresAt;
  return (closedAt ?? committedAt ?? requestedAt) + KEEP_CLOSED_MS;
}

const withMail = (change: EmailChange, name: string, state: MailState): EmailChange => ({
  ...change,
  mails: { ...change.mails, [name]: state },
});
