/** Statuses, reasons and errors in words. */

const REASONS = {
  'same-email': 'The account already has this address.',
  'email-taken': 'Another account already uses this address.',
  'address-drifted': 'Meanwhile the address of the account was changed in another way.',
  'credentials-changed': 'The password was reset after the request, so it was stopped to be safe.',
  'user-blocked': 'The account is blocked.',
  'user-gone': 'The account does not exist any more.',
  'unsupported-identity': 'The account takes its address from another provider, such as Google.',
  undeliverable: 'Our mail to the new address could not be delivered. Is it spelled correctly?',
  'deadline-passed': 'Because of a technical problem it could not be made in time. We are sorry.',
  'refused-by-auth0': 'The sign-in service did not accept it.',
};

const ERRORS = {
  'invalid-email': 'This is not an email address that can receive mail. Please check it.',
  'insufficient-scope': 'This app may not change your address.',
  'unsupported-identity': 'Your account takes its address from another provider, such as Google.',
  'commit-in-progress': 'The change is being made at this moment.',
  'already-committed': 'It is too late: the address has been changed.',
  'changes-locked': 'A change was just undone, so changes are locked for a while, to be safe.',
  unreachable: 'The service can not be reached. Are you online?',
};

export function reasonInWords(reason) {
  return REASONS[reason] ?? 'The change could not be made.';
}

export function errorInWords({ code, retryAfterMs }) {
  if (code === 'too-many-requests') {
    const wait = retryAfterMs === undefined ? 'a while' : durationInWords(retryAfterMs);
    return `That was a bit much. Please try again in ${wait}.`;
  }
  return ERRORS[code] ?? 'Something went wrong. Please try again.';
}

export function durationInWords(ms) {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** Title and text for a change as it stands. */
export function changeInWords({ status, email, reason, awaiting = [], undoUntil }) {
  switch (status) {
    case 'pending':
      return awaiting.includes('new')
        ? [
            'Look into your new mailbox',
            `We sent a link to ${email}. Nothing changes until you open it and confirm.`,
          ]
        : [
            'Look into your current mailbox',
            'The new mailbox has confirmed. The current one has to approve the change too.',
          ];
    case 'confirmed':
      return ['Confirmed', 'The change is being made. That takes a moment.'];
    case 'committed': {
      const until =
        undoUntil && new Date(undoUntil).toLocaleDateString('en', { dateStyle: 'long' });
      return [
        'Your address has been changed',
        `From now on, sign in with ${email}. The change has ended your session.${
          until ? ` Until ${until} it can be undone from your previous mailbox.` : ''
        }`,
      ];
    }
    case 'rejected':
      return ['Your address could not be changed', reasonInWords(reason)];
    case 'expired':
      return ['The link has expired', 'Nothing has changed. You can ask for a new one.'];
    case 'canceled':
      return ['The change was cancelled', 'Your account keeps its address.'];
    case 'superseded':
      return ['A newer request has replaced this one', 'Follow that one, or ask again.'];
    case 'undone':
      return ['The change was undone', 'Your account has its previous address again.'];
    default:
      return ['', ''];
  }
}
