/**
 * Keep: the signed-in owner, with a second factor, ends the previous mailbox's right to undo. It would
 * be a thief's tool without the wait: that mailbox is told first, and has three days to object by the
 * undo link itself (docs/decisions/0011-keep.md).
 */
import {
  recorded,
  taskOf,
  write,
  type EmailChange,
  type Recorded,
  type Step,
} from './email-change.ts';

/** Counted from the moment when the previous mailbox's server took the mail. */
const KEEP_AFTER_MS = 72 * 3_600_000;

/** Whether somebody may still undo this change. */
export const mayBeUndone = (change: EmailChange, now: number): boolean =>
  change.status === 'committed' &&
  change.undo?.requestedAt === undefined &&
  now < (undoUntil(change) ?? 0);

/** The owner asked, and neither mailbox nor time has answered yet. */
export const isKeeping = ({ status, undo, keep }: EmailChange): boolean =>
  status === 'committed' &&
  keep !== undefined &&
  keep.refusedAt === undefined &&
  undo?.requestedAt === undefined;

/** Asks. Once is enough; after a mail that was refused it may be asked again. */
export function keep(change: EmailChange, now: number): Step | Recorded {
  if (!mayBeUndone(change, now) || isKeeping(change)) return recorded(change);
  const { 'mail.keep': _, 'mail.keeping': __, ...mails } = change.mails;
  return write(
    { ...change, mails, keep: { askedAt: now } },
    taskOf(change, 'mail.keep', now),
    taskOf(change, 'mail.keeping', now),
  );
}

/** The previous mailbox's server took the mail: from now on its time to object runs. */
export function keepTold(change: EmailChange, now: number): Step {
  if (!change.keep || change.keep.endsAt !== undefined) return write(change);
  const endsAt = now + KEEP_AFTER_MS;
  return write({ ...change, keep: { ...change.keep, endsAt } }, taskOf(change, 'keep', endsAt));
}

/** A mailbox that could not be told was not asked: it keeps its right. */
export const keepRefused = (change: EmailChange, now: number): EmailChange =>
  change.keep ? { ...change, keep: { askedAt: change.keep.askedAt, refusedAt: now } } : change;

/** The time to object is over. */
export function keepEnds(change: EmailChange, now: number): Step | Recorded {
  const endsAt = change.keep?.endsAt;
  if (endsAt === undefined || !isKeeping(change)) return recorded(change);
  if (now < endsAt) return write(change, taskOf(change, 'keep', endsAt));
  return write({ ...change, undo: { ...change.undo!, until: undoUntil(change)! } });
}

/** How far the owner's wish to keep the address has come. */
export const KEEPING = ['asked', 'waiting', 'unreachable', 'kept'] as const;
export function keepingOf({ keep: asked }: EmailChange, now: number) {
  if (!asked) return undefined;
  if (asked.refusedAt !== undefined) return 'unreachable';
  if (asked.endsAt === undefined) return 'asked';
  return now < asked.endsAt ? 'waiting' : 'kept';
}

/** Until when the change may be undone, as far as anybody knows (epoch ms). */
export const undoUntil = ({ undo, keep: kept }: EmailChange): number | undefined =>
  undo && Math.min(undo.until, kept?.endsAt ?? Infinity);
