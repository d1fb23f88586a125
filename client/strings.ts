/** The words of the element, and which of them tell where a change stands. */
import { awaits, type EmailChange, type Reason, type Status } from './email-change.ts';
import type { ErrorCode } from './errors.ts';

/** Every word the element says. `{email}` and `{left}` (“in 5 minutes”) are filled in. */
export const STRINGS = {
  title: 'Change your email address',
  emailLabel: 'New email address',
  emailSubmit: 'Change email address',
  sending: 'Sending …',
  inviting: 'We are sending a link to {email} …',
  pending: 'We sent a link to {email}. Open it and press the button there.',
  awaitsCurrent: 'Your current mailbox has to approve it as well.',
  approving: 'The new address is confirmed. Now open the link in your current mailbox.',
  unreachableCurrent:
    'Our mail does not reach your current mailbox, so it can not approve. Cancel, and ask support to correct that address.',
  until: 'The link expires {left}.',
  waives: 'Without an answer from there the change is made {left}.',
  codeLabel: 'Or type the eight-digit app code from the mail',
  codeSubmit: 'Confirm',
  resend: 'Send it again',
  resendIn: 'It can be sent again {left}.',
  cancel: 'Cancel',
  confirmed: 'Confirmed. We are changing your address …',
  committed: 'Your email address is now {email}. Sign in again with it.',
  signIn: 'Sign in again',
  signedOut: 'Please sign in again to go on.',
  lost: 'Your session has ended. If you confirmed the change, sign in with {email}.',
  canceled: 'The change was canceled.',
  expired: 'The link has expired. You can ask for a new one.',
  superseded: 'A newer request replaced this one.',
  undone: 'The change was undone from the previous mailbox.',
  rejected: 'The change could not be made.',
  'same-email': 'This is your address already.',
  'email-taken': 'Another account uses this address.',
  'address-drifted': 'Your address was changed in another way.',
  'credentials-changed': 'Your password was reset, so the change was stopped.',
  'unsupported-identity': 'Your login belongs to another provider; change the address there.',
  undeliverable: 'No mail reaches this address. Is it spelled right?',
  'invalid-email': 'This is not an address that we can mail.',
  'invalid-code': 'The code is wrong or too old.',
  'link-code': 'That is the link code. Type the eight digits here, or open the link in the mail.',
  'too-many-requests': 'That was too often for now.',
  resent: 'We sent it as often as we may for now. Look in your spam folder, too.',
  'commit-in-progress': 'A change is being made right now.',
  'already-committed': 'The change has been made already.',
  'changes-locked': 'A change was undone a short time ago.',
  unavailable: 'This does not work right now.',
  unreachable: 'There is no connection.',
  later: 'Please try again {left}.',
  failed: 'That did not work. Please try again.',
} satisfies Record<Status, string> &
  Partial<Record<Reason | ErrorCode, string>> &
  Record<string, string>;
export type Strings = Record<keyof typeof STRINGS, string>;

/** `isLost`: the session ended before the outcome was seen. */
export function wordsFor(change: EmailChange, isLost: boolean, strings: Strings): string {
  const { status, reason = 'rejected', mailedAt } = change;
  if (isLost) return strings.lost;
  if (status === 'rejected') return strings[reason as 'rejected'] ?? strings.rejected;
  if (status !== 'pending') return strings[status];
  if (change.currentMailbox && awaits(change, 'current')) return strings.unreachableCurrent;
  if (!awaits(change, 'new')) return strings.approving;
  const invited = mailedAt ? strings.pending : strings.inviting;
  return change.awaiting?.[1] ? `${invited} ${strings.awaitsCurrent}` : invited;
}
