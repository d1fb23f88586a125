/** The words of the element, and which of them tell where a change stands. */
import { awaits, type EmailChange, type Reason, type Status } from './email-change.ts';
import type { ErrorCode } from './errors.ts';

/** Every word the element says. `{email}` and `{left}` (“in 5 minutes”) are filled in. */
export const STRINGS = {
  title: 'Change your email address',
  emailLabel: 'New email address',
  emailSubmit: 'Change email address',
  sending: 'Sending…',
  inviting: 'We are sending a link to {email}…',
  pending:
    'We sent a link to {email}. Open it, then press the button. Nothing there? Look in spam.',
  awaitsCurrent: 'Also approve it in the email to your current address.',
  approving: 'Confirmed. Now approve it in the email to your current address.',
  unreachableCurrent: 'Our email does not reach your current address. Cancel, and ask support.',
  until: 'The link expires {left}.',
  waives: 'Without an answer the change is made {left}.',
  codeLabel: 'Or type the eight-digit app code',
  codeSubmit: 'Confirm',
  resend: 'Send it again',
  resendIn: 'It can be sent again {left}.',
  cancel: 'Cancel',
  confirmed: 'Confirmed. We are changing your address…',
  committed: 'Your email address is now {email}. Sign in again with it.',
  signIn: 'Sign in again',
  signedOut: 'Sign in again to go on.',
  lost: 'Your session has ended. If you confirmed the change, sign in with {email}.',
  canceled: 'You canceled the change.',
  'current-mailbox': 'Your current mailbox canceled the change.',
  operator: 'Support canceled the change.',
  undo: 'An earlier change was undone.',
  expired: 'The link has expired. You can ask for a new one.',
  superseded: 'You asked for a different address later.',
  undone: 'The change was undone from the previous mailbox.',
  rejected: 'The change could not be made.',
  'user-blocked': 'Your account is blocked.',
  'user-gone': 'Your account is gone.',
  'deadline-passed': 'The change could not be made in time.',
  'refused-by-auth0': 'The sign-in service refused the change.',
  'same-email': 'This is already your address.',
  'email-taken': 'Another account uses this address.',
  'address-drifted': 'Your address was changed somewhere else.',
  'credentials-changed': 'Your password was reset, so the change was stopped.',
  'unsupported-identity': 'You sign in with another provider. Change your address there.',
  undeliverable: 'No email reaches this address. Check the spelling.',
  'invalid-email': 'Enter an email address like name@example.com.',
  suggestion: 'Did you mean {email}? If not, press the button again.',
  'invalid-code': 'The code is wrong or too old.',
  'link-code': 'That is the link code. Type the eight-digit app code.',
  'too-many-requests': 'Too many tries.',
  resent: 'We sent it as often as we may for now. Look in spam.',
  'commit-in-progress': 'A change is being made.',
  'already-committed': 'The change was made.',
  'changes-locked': 'An earlier change was undone.',
  unavailable: 'This does not work now.',
  unreachable: 'No connection.',
  later: 'Try again {left}.',
  failed: 'That did not work. Try again.',
} satisfies Record<Status, string> &
  Partial<Record<Reason | ErrorCode, string>> &
  Record<string, string>;
export type Strings = Record<keyof typeof STRINGS, string>;

/** `isLost`: the session ended before the outcome was seen. */
export function wordsFor(change: EmailChange, isLost: boolean, strings: Strings): string {
  const { status, reason = 'rejected', mailedAt } = change;
  if (isLost) return strings.lost;
  if (status === 'rejected') return strings[reason as 'rejected'] ?? strings.rejected;
  // Of a canceled change it is who canceled that there is to say.
  if (status !== 'pending') return strings[change.canceledBy as 'undo'] ?? strings[status];
  if (change.currentMailbox && awaits(change, 'current')) return strings.unreachableCurrent;
  if (!awaits(change, 'new')) return strings.approving;
  const invited = mailedAt ? strings.pending : strings.inviting;
  return change.awaiting?.[1] ? `${invited} ${strings.awaitsCurrent}` : invited;
}
