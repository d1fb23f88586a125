/** The eight digits that the user types into the signed-in app, beside the link (CODE=on). */
import { agree } from './agree.ts';
import {
  close,
  isOver,
  recorded,
  refused,
  write,
  type EmailChange,
  type Verdict,
} from './email-change.ts';

export const CODE_TRIES = 5;
/** A code is short, so it lives shorter than a link (ASVS 5, 6.6). */
export const CODE_TTL_MS = 600_000;

/**
 * The user typed the code of the confirmation mail into the signed-in app. Wrong ones are counted
 * in the record, so that parallel guesses are counted one by one; a resend starts over.
 */
export function tryCode(change: EmailChange, right: boolean, now: number): Verdict {
  if (change.status !== 'pending' || change.agreed.new !== undefined) return recorded(change);
  if (isOver(change, now)) return write(close(change, 'expired', now));
  const tries = change.codeTries ?? 0;
  const alive = !change.muted && wasMailed(change, now);
  if (!alive || tries >= CODE_TRIES) return refused({ code: 'invalid-code' });
  return right ? agree(change, 'new', now) : write({ ...change, codeTries: tries + 1 });
}

/** The mail with the code is on its way, or was taken less than CODE_TTL_MS ago. Before that nobody may guess. */
function wasMailed(change: EmailChange, now: number): boolean {
  const { generation, mails } = change;
  // Records of an earlier version know of the first mail alone.
  const mailedAt = change.codeMailedAt ?? (generation === 1 ? change.mailedAt : undefined);
  if (mailedAt === undefined) return mails[`mail.confirm.${generation}`] === 'sending';
  return now < mailedAt + CODE_TTL_MS;
}
