/** The user's side: asks for an address, and for the mail again, as far as the budgets of mail allow. */
import { sameAddress } from './account.ts';
import { askToAgree } from './ask-to-agree.ts';
import { limitReached, type CommittedLimit } from './limit-committed.ts';
import {
  awaiting,
  close,
  isOver,
  recorded,
  refused,
  taskOf,
  undoUnderWay,
  write,
  type EmailChange,
  type Paid,
  type Refused,
  type UserChanges,
  type Verdict,
} from './email-change.ts';

/** Whether the mail that a request or a resend would cause may go out, by what was counted so far. */
export type Postage = {
  /** Others used up what the target address may get. */
  muted: boolean;
  paid?: Paid;
  /** The user's own mails did: nothing may be sent before (epoch ms). */
  notBefore?: number;
};

type Wish = Pick<EmailChange, 'email' | 'locale' | 'timeZone' | 'origin' | 'returnTo'>;
type Terms = Pick<
  EmailChange,
  'id' | 'sub' | 'secret' | 'requires' | 'waiverMs' | 'authTime' | 'bySupport'
>;
export type Request = Wish & Terms & { postage: Postage };
export type Timing = { linkTtlMs: number; resendAfterMs: number; committed?: CommittedLimit };

/**
 * A user asks for an address. The newest request wins: an open change to another address is
 * superseded. The same address within the cooldown is the same change; later it is invited again.
 */
export function request(
  { postage, ...asked }: Request,
  user: UserChanges,
  latest: EmailChange | undefined,
  timing: Timing,
  now: number,
): Verdict {
  if (user.lockedUntil !== undefined && now < user.lockedUntil)
    return refused({ code: 'changes-locked', retryAt: user.lockedUntil });
  if (user.undoing !== undefined || latest?.status === 'confirmed')
    return refused({ code: 'commit-in-progress' });
  if (latest && undoUnderWay(latest)) return refused({ code: 'commit-in-progress' });
  const pending = latest?.status === 'pending' ? latest : undefined;
  const expired = pending !== undefined && isOver(pending, now);
  if (pending && sameAddress(pending.email, asked.email) && !expired)
    return now < pending.resendAfter
      ? recorded(pending)
      : invitedAgain(pending, postage, timing, now);
  const retryAt = timing.committed && limitReached(user, timing.committed, now);
  if (retryAt !== undefined) return tooEarly(retryAt);
  if (postage.notBefore !== undefined) return tooEarly(postage.notBefore);

  const change: EmailChange = {
    ...asked,
    ...spent(postage),
    status: 'pending',
    requestedAt: now,
    expiresAt: now + timing.linkTtlMs,
    resendAfter: now + timing.resendAfterMs,
    generation: 1,
    agreed: {},
    mails: {},
  };
  return {
    kind: 'write',
    // Ended in the same write, so that a user never has two open changes.
    changes: pending ? [change, close(pending, expired ? 'expired' : 'superseded', now)] : [change],
    user: { ...user, latest: change.id },
    tasks: [taskOf(change, 'invite', now), taskOf(change, 'expire', change.expiresAt)],
  };
}

/** The user asks for the confirmation mail again. */
export function resend(
  change: EmailChange,
  postage: Postage,
  timing: Timing,
  now: number,
): Verdict {
  if (change.status === 'confirmed') return refused({ code: 'commit-in-progress' });
  if (change.status !== 'pending') return recorded(change);
  if (isOver(change, now)) return write(close(change, 'expired', now));
  if (now < change.resendAfter) return tooEarly(change.resendAfter);
  return invitedAgain(change, postage, timing, now);
}

/** However often it is asked for again: an address is confirmed within a day of the request. */
const MAX_CONFIRM_MS = 24 * 3_600_000;

const tooEarly = (retryAt: number): Refused => refused({ code: 'too-many-requests', retryAt });

const spent = ({ muted, paid }: Postage, before?: Paid): Pick<EmailChange, 'muted' | 'paid'> => ({
  muted,
  ...(paid
    ? { paid: { first: paid.first + (before?.first ?? 0), more: paid.more + (before?.more ?? 0) } }
    : {}),
});

/**
 * A mail that may not be sent replaces nothing. The user is told when their own mails were too many;
 * nobody sees it when those of others were.
 */
function invitedAgain(change: EmailChange, postage: Postage, timing: Timing, now: number): Verdict {
  if (postage.notBefore !== undefined) return tooEarly(postage.notBefore);
  const awaitsNew = change.agreed.new === undefined;
  // Asking again shortens nobody's time to object, and never keeps a confirmation alive for ever.
  const extended = Math.min(now + timing.linkTtlMs, change.requestedAt + MAX_CONFIRM_MS);
  const kept: EmailChange = {
    ...change,
    expiresAt: change.waivesAt ?? Math.max(change.expiresAt, extended),
    resendAfter: now + timing.resendAfterMs,
  };
  const expiry = taskOf(kept, 'expire', kept.expiresAt);
  if (awaitsNew && postage.muted) return write(kept, expiry);
  const again = awaitsNew ? withNextCode(kept, postage) : kept;
  // Without a snapshot the invitation itself is still due and will mail the newest code.
  if (!again.account) return write(again, expiry);
  const given = askToAgree(again, awaiting(again), now);
  return write(given.change, ...given.tasks, expiry);
}

/** It has a new code, so the count of wrong ones starts over. */
function withNextCode(change: EmailChange, postage: Postage): EmailChange {
  const { codeMailedAt: _, codeTries: __, ...rest } = change;
  return { ...rest, ...spent(postage, change.paid), generation: change.generation + 1 };
}
