/**
 * Whole lives, exhaustively: every policy, every order of agreement, against every way to cancel,
 * to undo and to run out of time. What must come out is said without looking at how it is decided.
 */
import { describe, expect, test } from 'vitest';
import { invited, settle, startWriting } from '../../src/domain/commit.ts';
import {
  agree,
  awaiting,
  cancel,
  expire,
  request,
  requestUndo,
  type CanceledBy,
  type EmailChange,
  type Side,
  type Status,
  type Verdict,
} from '../../src/domain/email-change.ts';
import { mailSent } from '../../src/domain/mails.ts';
import { eventTask, transitionsOf } from '../../src/domain/transitions.ts';
import { refuseUndo, settleUndo, startUndoing } from '../../src/domain/undo.ts';
import {
  ADA,
  AFTERMATH,
  askFor,
  DAY,
  HOUR,
  LOCK_MS,
  NOBODY,
  SECOND,
  stepOf,
  T0,
  TIMING,
  userOf,
  written,
} from './stories.ts';

const WAIT_MS = 3 * DAY;

/** Who must agree, and whether the silence of the current mailbox is an answer in the end. */
const POLICIES = {
  new: { requires: ['new'], waits: false },
  both: { requires: ['new', 'current'], waits: false },
  'both, with OLD_MAILBOX_WAIT': { requires: ['new', 'current'], waits: true },
} as const satisfies Record<string, { requires: readonly Side[]; waits: boolean }>;
type Policy = keyof typeof POLICIES;

/** Every order in which none, one or both mailboxes press their button, one of them also twice. */
const AGREEMENTS: readonly (readonly Side[])[] = [
  [],
  ['new'],
  ['current'],
  ['new', 'new'],
  ['current', 'current'],
  ['new', 'current'],
  ['current', 'new'],
];

const CANCELS = [
  'never',
  'before anyone agreed',
  'after the first agreement',
  'after the last agreement',
  'while the PATCH is on its way',
  'after the commit',
  'after the undo',
] as const;
type Cancel = (typeof CANCELS)[number];

const UNDOS = ['never', 'in time', 'twice', 'too late', 'refused by drift'] as const;
type Undo = (typeof UNDOS)[number];

const EXPIRIES = ['in time', 'before anyone agreed', 'after the last agreement'] as const;
type Expiry = (typeof EXPIRIES)[number];

type Path = {
  policy: Policy;
  agreements: readonly Side[];
  cancel: Cancel;
  by: CanceledBy;
  undo: Undo;
  expiry: Expiry;
};

/** Walks a path through the core. Every step is allowed to be too late; none may throw. */
function walk(path: Path) {
  const { requires, waits } = POLICIES[path.policy];
  const asked = askFor('ada@new.test', { requires, ...(waits ? { waiverMs: WAIT_MS } : {}) });
  const events: string[] = [];
  let now = T0;
  let change = written(request(asked, NOBODY, undefined, TIMING, now));
  const told = (before: EmailChange | undefined, after: EmailChange) =>
    events.push(
      ...transitionsOf(before ? [before] : [], [after]).map((each) => eventTask(each).name),
    );
  told(undefined, change);
  const take = (verdict: Verdict): Verdict['kind'] => {
    if (verdict.kind === 'write') {
      const [after] = verdict.changes;
      told(change, after!);
      change = after!;
    }
    return verdict.kind;
  };
  const tick = (ms: number = SECOND) => {
    now += ms;
  };
  const cancelIf = (moment: Cancel) => {
    tick();
    return path.cancel === moment ? take(cancel(change, path.by, now)) : undefined;
  };

  take(invited(change, ADA, now));
  if (requires.some((side) => side === 'current')) take(mailSent(change, 'mail.approve.1', now));
  if (path.expiry === 'before anyone agreed') {
    tick(HOUR);
    take(expire(change, now));
  }
  cancelIf('before anyone agreed');
  for (const [number, side] of path.agreements.entries()) {
    tick();
    take(agree(change, side, now));
    if (number === 0) cancelIf('after the first agreement');
  }
  cancelIf('after the last agreement');
  if (path.expiry === 'after the last agreement') {
    // By then the links are over, and so is the patience with a silent mailbox.
    tick(WAIT_MS);
    take(expire(change, now));
  }
  const wasConfirmed = change.status === 'confirmed';
  if (wasConfirmed) {
    take(startWriting(change));
    const tried = cancelIf('while the PATCH is on its way');
    if (tried) expect(tried).toBe('refused');
    take(settle(change, NOBODY, AFTERMATH, now));
  }
  const late = cancelIf('after the commit');
  if (late && wasConfirmed) expect(late).toBe('refused');

  if (path.undo === 'too late' && change.undo) tick(AFTERMATH.undoWindowMs);
  if (path.undo !== 'never') take(requestUndo(change, now));
  if (path.undo === 'twice') expect(take(requestUndo(change, now))).toBe('recorded');
  if (change.undo?.requestedAt !== undefined) {
    const user = userOf(change);
    const started = stepOf(startUndoing(change, [], user, now));
    take(started);
    take(
      path.undo === 'refused by drift'
        ? refuseUndo(change, 'address-drifted', started.user!)
        : settleUndo(change, [], started.user!, LOCK_MS, now),
    );
  }
  const afterUndo = cancelIf('after the undo');
  if (afterUndo) expect(afterUndo).toBe(change.status === 'committed' ? 'refused' : afterUndo);
  return { change, events };
}

/** What must come of it. */
function fate({ policy, agreements, cancel: canceled, undo, expiry }: Path): Status {
  const { requires, waits } = POLICIES[policy];
  if (expiry === 'before anyone agreed') return 'expired';
  if (canceled === 'before anyone agreed') return 'canceled';
  if (canceled === 'after the first agreement' && agreements.length > 0) return 'canceled';
  if (canceled === 'after the last agreement') return 'canceled';
  const all = requires.every((side) => agreements.includes(side));
  const silence = waits && expiry === 'after the last agreement' && agreements.includes('new');
  if (!all && !silence) {
    if (expiry === 'after the last agreement') return 'expired';
    return canceled === 'after the commit' || canceled === 'after the undo'
      ? 'canceled'
      : 'pending';
  }
  return undo === 'in time' || undo === 'twice' ? 'undone' : 'committed';
}

const BY: readonly CanceledBy[] = ['user', 'current-mailbox', 'operator'];

describe.each(Object.keys(POLICIES) as Policy[])('CONFIRMATION=%s', (policy) => {
  const cells = CANCELS.flatMap((canceled) =>
    UNDOS.flatMap((undo) => EXPIRIES.map((expiry) => [canceled, undo, expiry] as const)),
  );

  test.each(cells)('cancel %s, undo %s, links over %s', (canceled, undo, expiry) => {
    for (const agreements of AGREEMENTS)
      for (const by of BY) {
        const path: Path = { policy, agreements, cancel: canceled, by, undo, expiry };
        const label = `${agreements.join(' then ') || 'nobody'} agreed, ${by} cancels`;
        const { change, events } = walk(path);
        expect(change.status, label).toBe(fate(path));
        expect(new Set(events).size, label).toBe(events.length);
        expect(events.at(-1), label).toBe(`event.${change.status}`);
        expect(change.canceledBy, label).toBe(change.status === 'canceled' ? by : undefined);

        const wrote = change.committedAt !== undefined;
        expect(wrote, label).toBe(change.status === 'committed' || change.status === 'undone');
        // Nothing is written without the new mailbox, nor against one that could still object.
        if (wrote) expect(change.agreed.new, label).toBeDefined();
        if (wrote && awaiting(change).length > 0)
          expect(change.confirmedAt, label).toBeGreaterThanOrEqual(change.waivesAt!);
      }
  });
});
