/** What the service says of a change and of a link. */

/** Where a change stands. `pending` and `confirmed` are open, all others are final. */
export type Status =
  | 'pending'
  | 'confirmed'
  | 'committed'
  | 'undone'
  | 'superseded'
  | 'canceled'
  | 'expired'
  | 'rejected';

/** Why a change was rejected, or an undo refused. */
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

/** Which mailboxes have to agree: the new address, the current one. */
export type Side = 'new' | 'current';

/** What a mailed link is for. */
export type Purpose = 'confirm' | 'approve' | 'cancel' | 'undo';

/** What became of a link. */
export type Outcome = { status: Status; reason?: Reason; awaiting?: Side[] };

/** One email change. Times are ISO 8601. */
export type EmailChange = Outcome & {
  id: string;
  email: string;
  /** For people to read, where the domain has other letters than ASCII. */
  displayEmail?: string;
  requestedAt: string;
  expiresAt: string;
  /** A resend before this is refused with `too-many-requests`. */
  resendAfter: string;
  mailedAt?: string;
  confirmedAt?: string;
  committedAt?: string;
  undoUntil?: string;
  /** When the silence of the current mailbox becomes consent. */
  waivesAt?: string;
  /** The current mailbox does not get our mail: it was not asked, or not told. */
  currentMailbox?: 'unreachable';
  /** How far the wish to end the undo right has come (POST /v1/email-changes/{id}/keep). */
  keep?: 'asked' | 'waiting' | 'unreachable' | 'kept';
  canceledBy?: 'user' | 'current-mailbox' | 'operator' | 'undo';
  /** Whether the sessions of the user were ended. */
  revocation?: 'pending' | 'done' | 'unsupported' | 'failed';
  /** Auth0 ends the sessions of a user whose address changed: expect a new login. */
  signInAgain?: true;
  /** In the answer to a request: the address as it was probably meant. Advice only. */
  suggestion?: string;
};

/** What a link would do, to show before its button is pressed. Other people's addresses are masked. */
export type Inspection = Outcome & {
  purpose: Purpose;
  email: string;
  currentEmail?: string;
  /** The same for people to read, where a domain has other letters than ASCII. */
  displayEmail?: string;
  displayCurrentEmail?: string;
  expiresAt: string;
  /** The language of the mail that the link came in. */
  locale: string;
};

export const isOpen = <C extends Outcome>(change: C | undefined): change is C =>
  change?.status === 'pending' || change?.status === 'confirmed';
/** The address was changed, and the session went with it. */
export const isEnded = (change: Outcome | undefined): boolean =>
  change?.status === 'committed' || change?.status === 'undone';
/** How far a change is: it never goes back. */
export const rank = (change: Outcome): number =>
  change.status === 'pending' ? 0 : isOpen(change) ? 1 : 2;
/** Who is not listed is not waited for; a list that is missing waits for all. */
export const awaits = ({ awaiting }: Outcome, side: Side): boolean =>
  !awaiting || awaiting.includes(side);
