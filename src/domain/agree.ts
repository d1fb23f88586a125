/** How the mailboxes agree: by a click, or, with OLD_MAILBOX_WAIT, the current one by its silence. */
import {
  awaiting,
  close,
  isOver,
  recorded,
  taskOf,
  write,
  type EmailChange,
  type Side,
  type Step,
  type Verdict,
} from './email-change.ts';

/**
 * A mailbox owner pressed the button. The click counts once; the commit follows when everyone who
 * must agree has. A late click finds the change expired, also before any worker noticed.
 */
export function agree(change: EmailChange, side: Side, now: number): Verdict {
  if (change.status !== 'pending') return recorded(change);
  if (isOver(change, now)) return write(close(change, 'expired', now));
  if (change.agreed[side] !== undefined || !change.requires.includes(side)) return recorded(change);
  const agreed: EmailChange = { ...change, agreed: { ...change.agreed, [side]: now } };
  if (awaiting(agreed).length === 0)
    return isHeld(agreed) ? held(agreed, now) : confirmed(agreed, now);
  return side === 'new' && change.waiverMs ? waiting(agreed, change.waiverMs, now) : write(agreed);
}

/**
 * Support asked, and no mailbox with standing could approve: somebody on a telephone and a click are not enough at
 * once. What can be mailed has been by now, and who objects has as long as the current mailbox would have had.
 */
const isHeld = ({ bySupport, requires }: EmailChange): boolean =>
  bySupport === true && !requires.includes('current');

function held(change: EmailChange, now: number): Step {
  const until = now + (change.waiverMs ?? 0);
  const waits = { ...change, waivesAt: until, expiresAt: until };
  return write(waits, taskOf(change, 'expire', until));
}

const confirmed = (change: EmailChange, now: number): Step =>
  write({ ...change, status: 'confirmed', confirmedAt: now }, taskOf(change, 'commit', now));

/**
 * The current mailbox is reminded twice. If it does not object, the new address alone is enough. While
 * the current mailbox was not asked, we go on trying for twice the time; then the change expires.
 */
const waiting = (change: EmailChange, waiverMs: number, now: number): Step =>
  wasAsked(change)
    ? waits({ ...change, waivesAt: now + waiverMs, expiresAt: now + waiverMs }, waiverMs, now)
    : waits({ ...change, expiresAt: now + 2 * waiverMs }, waiverMs, now);

function waits(change: EmailChange, waiverMs: number, now: number): Step {
  const reminders = [1, 2].map((n) =>
    taskOf(change, `mail.reminder.${n}`, now + Math.round((waiverMs * n) / 3)),
  );
  const due = reminders.filter(({ name }) => change.mails[name] === undefined);
  return write(change, ...due, taskOf(change, 'expire', change.expiresAt));
}

/** The server of the current mailbox took a question: from now on its silence may count. */
export function asked(change: EmailChange, now: number): Step {
  const { waiverMs, status, agreed, waivesAt } = change;
  return status === 'pending' && agreed.new !== undefined && waiverMs && waivesAt === undefined
    ? waiting(change, waiverMs, now)
    : write(change);
}

/** Only a mailbox whose server took a question can consent by silence. */
const wasAsked = ({ mails }: EmailChange): boolean =>
  Object.entries(mails).some(
    ([name, state]) => /^mail\.(approve|reminder)\./.test(name) && state === 'sent',
  );

/** The time is over: silence was consent, or the links expire. */
export function expire(change: EmailChange, now: number): Verdict {
  if (change.status !== 'pending') return recorded(change);
  if (now < change.expiresAt) return write(change, taskOf(change, 'expire', change.expiresAt));
  return change.waivesAt !== undefined && (isHeld(change) || wasAsked(change))
    ? confirmed(change, now)
    : write(close(change, 'expired', now));
}
