/** Email changes in every situation, each brought about by the core's own decisions. */
import type { DirectoryUser } from '../../src/domain/account.ts';
import { invited, reject, settle, startWriting } from '../../src/domain/commit.ts';
import { agree, expire } from '../../src/domain/agree.ts';
import { request, type Request } from '../../src/domain/request.ts';
import {
  cancel,
  type EmailChange,
  type Side,
  type Step,
  type UserChanges,
  type Verdict,
} from '../../src/domain/email-change.ts';
import type { Postage } from '../../src/domain/request.ts';
import { mailSent } from '../../src/domain/mails.ts';
import { refuseUndo, settleUndo, startUndoing, requestUndo } from '../../src/domain/undo.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** When it all begins, and moments after it. */
export const T0 = Date.UTC(2026, 10, 22);
export const SOON = T0 + 10 * SECOND;
export const AFTER_COOLDOWN = T0 + 2 * MINUTE;
export const AFTER_EXPIRY = T0 + 2 * HOUR;
/** Also after a silent mailbox could object, and after the undo window of what it let through. */
export const AFTER_UNDO_WINDOW = T0 + 15 * DAY;

export const TIMING = { linkTtlMs: HOUR, resendAfterMs: MINUTE };
/** A PATCH can not land any more, long before anybody asks again. */
export const LANDS_BY = T0 + 2 * SECOND;
export const AFTERMATH = { undoWindowMs: 7 * DAY, revoke: false, limitWindowMs: 7 * DAY };
export const LOCK_MS = 24 * HOUR;
export const AFTER_UNDO = { lockMs: LOCK_MS, passwordSetAt: 0 };

/** Nothing stands in the way of a mail. */
export const FREE: Postage = { muted: false };

export const NOBODY: UserChanges = { committed: [] };

export const ADA: DirectoryUser = {
  email: 'ada@old.test',
  emailVerified: true,
  name: 'Ada',
  blocked: false,
  passwordResetAt: T0 - DAY,
  identity: { id: '1', connection: 'users' },
};

export const askFor = (email: string, more: Partial<Request> = {}): Request => ({
  id: `change-${email}`,
  sub: 'auth0|1',
  email,
  secret: 'secret',
  requires: ['new'],
  postage: FREE,
  locale: 'en',
  ...more,
});

export function stepOf(verdict: Verdict): Step {
  if (verdict.kind !== 'write') throw new Error(`not written: ${JSON.stringify(verdict)}`);
  return verdict;
}
export const written = (verdict: Verdict): EmailChange => stepOf(verdict).changes[0]!;

const NEW = 'ada@new.test';
const asked = written(request(askFor(NEW), NOBODY, undefined, TIMING, T0));
const invitedNew = written(invited(asked, ADA, T0 + SECOND));
const both: readonly Side[] = ['new', 'current'];
const invitedBoth = written(invited({ ...asked, requires: both }, ADA, T0 + SECOND));
const waiverMs = 7 * DAY;
const invitedWithWaiver: EmailChange = { ...invitedBoth, waiverMs };
const confirmed = written(agree(invitedNew, 'new', T0 + 2 * SECOND));
const writing = written(startWriting(confirmed, LANDS_BY));
const committed = written(settle(writing, NOBODY, AFTERMATH, T0 + 3 * SECOND));
const undoAsked = written(requestUndo(committed, T0 + 4 * SECOND));
const undoing = written(
  startUndoing(
    undoAsked,
    [],
    userOf(undoAsked),
    { landsBy: LANDS_BY, passwordSetAt: 0 },
    T0 + 5 * SECOND,
  ),
);
const newAgreed = written(agree(invitedBoth, 'new', T0 + 2 * SECOND));
const unasked = written(agree(invitedWithWaiver, 'new', T0 + 2 * SECOND));
const silent = written(mailSent(unasked, 'mail.approve.1', T0 + 3 * SECOND));
const waived = written(expire(silent, silent.expiresAt));
const waivedCommitted = written(settle(waived, NOBODY, AFTERMATH, silent.expiresAt + SECOND));
const waivedUndoAsked = written(requestUndo(waivedCommitted, silent.expiresAt + 2 * SECOND));

export const SITUATIONS = {
  asked,
  invited: invitedNew,
  'both invited': invitedBoth,
  'both, new agreed': newAgreed,
  'both, current agreed': written(agree(invitedBoth, 'current', T0 + 2 * SECOND)),
  'both, current silent': silent,
  'both, current not reached': unasked,
  confirmed,
  'both, all agreed': written(agree(newAgreed, 'current', T0 + 3 * SECOND)),
  waived,
  writing,
  committed,
  'waived, committed': waivedCommitted,
  'undo asked': undoAsked,
  undoing,
  'undo refused': written(refuseUndo(undoing, 'address-drifted', userOf(undoing), T0 + 6 * SECOND)),
  undone: written(settleUndo(undoing, [], userOf(undoing), AFTER_UNDO, T0 + 6 * SECOND)),
  'waived, undone': written(
    settleUndo(
      waivedUndoAsked,
      [],
      userOf(waivedUndoAsked),
      AFTER_UNDO,
      silent.expiresAt + 3 * SECOND,
    ),
  ),
  superseded: stepOf(
    request(askFor('ada@other.test'), userOf(invitedNew), invitedNew, TIMING, T0 + 2 * SECOND),
  ).changes[1]!,
  canceled: written(cancel(invitedNew, 'user', T0 + 2 * SECOND)),
  'canceled half-way': written(cancel(newAgreed, 'current-mailbox', T0 + 3 * SECOND)),
  'canceled instead of silence': written(cancel(silent, 'current-mailbox', T0 + 3 * SECOND)),
  'canceled after the click': written(cancel(confirmed, 'operator', T0 + 3 * SECOND)),
  expired: written(expire(invitedNew, invitedNew.expiresAt)),
  rejected: written(reject(confirmed, 'email-taken', T0 + 3 * SECOND)),
} as const satisfies Record<string, EmailChange>;
export type Situation = keyof typeof SITUATIONS;

/** What the user of this one change has going. */
export function userOf(change: EmailChange): UserChanges {
  return {
    latest: change.id,
    committed: change.status === 'committed' ? [change.id] : [],
    ...(change.status === 'committed' && change.writing ? { undoing: change.id } : {}),
  };
}

/**
 * A verdict in one line: `recorded`, `refused: <code>`, or the status of each written change and
 * the tasks that follow, those of a later moment in brackets.
 */
export function inWords(verdict: Verdict, now: number): string {
  if (verdict.kind === 'recorded') return 'recorded';
  if (verdict.kind === 'refused') return `refused: ${verdict.refusal.code}`;
  const statuses = verdict.changes.map((change) => change.status).join(' & ');
  const tasks = verdict.tasks.map((task) => (task.at > now ? `(${task.name})` : task.name));
  return tasks.length === 0 ? statuses : `${statuses} → ${tasks.join(' ')}`;
}
