/**
 * The life of an email change, as values and pure decisions (the drawing is in
 * docs/decisions/0002-state-machine.md). A decision looks at what is recorded and says what to
 * write next and which tasks follow; it has no clock, no randomness and no I/O, so a door that
 * loses a race simply reads again and decides again.
 */
import type { Account } from './account.ts';

export const STATUSES = [
  'pending',
  'confirmed',
  'committed',
  'undone',
  'superseded',
  'canceled',
  'expired',
  'rejected',
] as const;
export type Status = (typeof STATUSES)[number];

/** Why a change was rejected: a closed set that clients may switch on. */
export type Reason =
  | 'same-email'
  | 'email-taken'
  | 'address-drifted'
  | 'credentials-changed'
  | 'user-blocked'
  | 'user-gone'
  | 'unsupported-identity'
  | 'undeliverable'
  | 'deadline-passed'
  | 'refused-by-auth0';

/** The core's "no" at the door. What each looks like from outside is in problems.ts. */
export type Refusal =
  | { code: 'commit-in-progress' | 'already-committed' | 'invalid-code' }
  | TooEarly
  | Locked;
type TooEarly = { code: 'too-many-requests'; retryAt: number };
type Locked = { code: 'changes-locked'; retryAt: number };

/** The two mailboxes whose owners may have to agree. */
export type Side = 'new' | 'current';

/** What a link token may be used for; a token of one purpose never stands in for another. */
export const PURPOSES = ['confirm', 'approve', 'cancel', 'undo'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** `country`: an ISO 3166 code, where a trusted header says so. */
export type Origin = { browser?: string; system?: string; country?: string };

export type CanceledBy = 'user' | 'current-mailbox' | 'operator' | 'undo';
/** Whether the user's sessions were ended; `unsupported` by the tenant's plan. */
export type Revocation = 'pending' | 'done' | 'unsupported' | 'failed';

/**
 * How far one mail got. `doubt` = an earlier attempt may have been accepted, and `last-doubt` two of
 * them: mails.ts says which mail may go out how often.
 */
export type MailState = 'sending' | 'doubt' | 'last-doubt' | 'sent' | 'failed' | 'muted';

/** One email change, whole. Times are epoch milliseconds. Everything in it is sealed at rest. */
export type EmailChange = {
  id: string;
  sub: string;
  email: string;
  status: Status;
  reason?: Reason;
  requestedAt: number;
  /** When the login was that the request came with, epoch seconds: a resend needs one no older. */
  authTime?: number;
  expiresAt: number;
  resendAfter: number;
  /** 256 random bits, base64url: every link token of this change is derived from it. */
  secret: string;
  /** Counts invitations; a resend raises it, and the older code dies. The link stays the same. */
  generation: number;
  /** Which mailboxes must agree before the commit. */
  requires: readonly Side[];
  agreed: Partial<Record<Side, number>>;
  /** The target address had its share of mail from others: no confirmation leaves, and none is claimed. */
  muted: boolean;
  /** What its confirmation mails took from the budgets of the target address; a click gives it back. */
  paid?: Paid;
  locale: string;
  /** Of the requester, for times in mails: an IANA name. */
  timeZone?: string | undefined;
  /** From where it was asked for, in words of ours: never the raw header, never an IP. */
  origin?: Origin;
  returnTo?: string | undefined;
  /** The account as it was when the invitation was made; absent until then. */
  account?: Account;
  /** A PATCH may be on its way to the tenant: nobody else may decide until it is resolved. */
  writing?: true;
  /** From then on that PATCH can no longer land, and a reading tells what became of it. */
  landsBy?: number;
  mails: Record<string, MailState>;
  /** How many mails that ask the current mailbox to approve were given out. */
  approvals?: number;
  /** Under `both`: how long the current mailbox may stay silent once the new one has agreed. */
  waiverMs?: number;
  /** Support asked for it on the user's behalf: it never happens before its wait is over. */
  bySupport?: true;
  /** When the current mailbox's silence becomes consent: only one that was asked can be silent. */
  waivesAt?: number;
  /** Since when we know that the current mailbox does not get our mail. */
  unreachableAt?: number;
  /** When the mail with the present code was taken; the code's own short life begins then. */
  codeMailedAt?: number;
  /** Wrong codes typed against the present invitation. */
  codeTries?: number;
  canceledBy?: CanceledBy;
  /** What became of ending the user's sessions. */
  revocation?: Revocation;
  /** The tenant holds the address that was written last, and does not call it verified yet. */
  unverified?: true;
  /** What came of it at each end, for the events that tell so. */
  revocations?: Partial<Record<Status, Revocation>>;
  mailedAt?: number;
  confirmedAt?: number;
  committedAt?: number;
  closedAt?: number;
  undo?: {
    until: number;
    requestedAt?: number;
    /** When the password was last set, as the tenant said before the address was put back. */
    passwordSetAt?: number;
    refused?: Reason;
    refusedAt?: number;
  };
  /** The owner asked to end the undo right: when, when it ends, or that nobody could be told. */
  keep?: { askedAt: number; endsAt?: number; refusedAt?: number };
  /** After an undo: what became of a password that was set since the commit, and when it was set. */
  password?: { state: 'pending' | 'replaced' | 'failed'; setAt: number };
  /** The trace it belongs to, and what in it its next tasks follow from (W3C traceparent), where there are traces. */
  trace?: string;
  /** Until when an earlier change of this user may be undone: that undo has to know of this one. */
  chainUntil?: number;
};

/** What one user has going: the newest change, the committed ones that can still be undone (oldest first). */
export type UserChanges = {
  latest?: string;
  committed: readonly string[];
  /** When each of them was committed, and until when it may be undone (epoch ms; 0 = never). */
  written?: Readonly<Record<string, { at: number; undoUntil: number }>>;
  /** The change whose previous address is being put back: until it is settled nothing else moves. */
  undoing?: string;
  lockedUntil?: number;
};

/** A piece of work that became due for a change at `at` (epoch ms). Names: `invite`, `mail.confirm.1` … */
export type Task = { change: string; name: string; at: number };

/** What a decision asks to be written, all or nothing. */
export type Step = {
  kind: 'write';
  changes: readonly EmailChange[];
  user?: UserChanges;
  tasks: readonly Task[];
};
/** Nothing to write: the answer is what is recorded. */
export type Recorded = { kind: 'recorded'; change: EmailChange };
export type Refused = { kind: 'refused'; refusal: Refusal };
export type Verdict = Step | Recorded | Refused;

export const isOpen = (change: EmailChange): boolean =>
  change.status === 'pending' || change.status === 'confirmed';

/** The links of a pending change have had their time. Not so while silence may become consent. */
export const isOver = (change: EmailChange, now: number): boolean =>
  change.waivesAt === undefined && now >= change.expiresAt;

/** Which mailboxes have not agreed yet. */
export const awaiting = (change: EmailChange): Side[] =>
  change.requires.filter((side) => change.agreed[side] === undefined);

export const write = (change: EmailChange, ...tasks: Task[]): Step => ({
  kind: 'write',
  changes: [change],
  tasks,
});
export const recorded = (change: EmailChange): Recorded => ({ kind: 'recorded', change });
export const refused = (refusal: Refusal): Refused => ({ kind: 'refused', refusal });

export const taskOf = (change: EmailChange, name: string, at: number): Task => ({
  change: change.id,
  name,
  at,
});

/** Ends a change. What follows from the end is the caller's to say. */
export function close(change: EmailChange, status: Status, now: number): EmailChange {
  const { unverified: _, ...rest } = withoutWriting(change);
  return { ...rest, status, closedAt: now };
}

/** No PATCH is on its way any more. */
export function withoutWriting(change: EmailChange): EmailChange {
  const { writing: _, landsBy: __, ...rest } = change;
  return rest;
}

/** Mails counted as the first one of their user to that address, and as further ones. */
export type Paid = { first: number; more: number };

/** Withdrawn before the commit: by the user, the current mailbox, or an operator. Twice is harmless. */
export function cancel(change: EmailChange, by: CanceledBy, now: number): Verdict {
  if (change.status === 'committed') return refused({ code: 'already-committed' });
  if (!isOpen(change)) return recorded(change);
  if (change.status === 'pending' && isOver(change, now))
    return write(close(change, 'expired', now));
  // While a PATCH may be on its way nobody can promise that it will not happen.
  if (change.writing) return refused({ code: 'commit-in-progress' });
  return write({ ...close(change, 'canceled', now), canceledBy: by });
}

export const undoUnderWay = (change: EmailChange): boolean =>
  change.status === 'committed' &&
  change.undo?.requestedAt !== undefined &&
  change.undo.refused === undefined;
