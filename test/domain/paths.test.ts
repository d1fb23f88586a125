/**
 * Whole lives, exhaustively: every policy, every order of agreement, against every way to cancel,
 * to undo and to run out of time. What must come out is said without looking at how it is decided.
 */
import { describe, expect, test } from 'vitest';
import { invited, settle, startWriting } from '../../src/domain/commit.ts';
import { agree, expire } from '../../src/domain/agree.ts';
import { request } from '../../src/domain/request.ts';
import {
  awaiting,
  cancel,
  type CanceledBy,
  type EmailChange,
  type Side,
  type Status,
  type Verdict,
} from '../../src/domain/email-change.ts';
import { mailSent } from '../../src/domain/mails.ts';
import { eventTask, transitionsOf } from '../../src/domain/transitions.ts';
import { refuseUndo, settleUndo, startUndoing, requestUndo } from '../../src/domain/undo.ts';
import {
  ADA,
  AFTERMATH,
  askFor,
  DAY,
  HOUR,
  LANDS_BY,
  AFTER_UNDO,
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

/** What can be seen of a life from outside. */
type Seen = {
  status: Status;
  canceledBy: CanceledBy | undefined;
  /** What `cancel` said, if it was tried. */
  canceling: Verdict['kind'] | undefined;
  /** The account was written, and before it the new mailbox agreed and the current one had its say. */
  wrote: boolean;
  consent: boolean;
  /** The last event is about the last status, and none came twice. */
  told: boolean;
};

/** Walks a path through the core. Every step is allowed to be too late; none may throw. */
function walk(path: Path): Seen {
  const { requires, waits } = POLICIES[path.policy];
  const asked = askFor('ada@new.test', { requires, ...(waits ? { waiverMs: WAIT_MS } : {}) });
  const events: string[] = [];
  let now = T0;
  let canceling: Verdict['kind'] | undefined;
  let change = written(request(asked, NOBODY, undefined, TIMING, now));
  const tell = (before: readonly EmailChange[], after: EmailChange) =>
    events.push(...transitionsOf(before, [after]).map((each) => eventTask(each).name));
  tell([], change);
  const take = (verdict: Verdict): Verdict['kind'] => {
    const after = verdict.kind === 'write' ? verdict.changes[0]! : change;
    tell([change], after);
    change = after;
    return verdict.kind;
  };
  const tick = (ms: number = SECOND) => {
    now += ms;
  };
  const cancelIf = (moment: Cancel) => {
    tick();
    if (path.cancel === moment) canceling = take(cancel(change, path.by, now));
  };

  take(invited(change, ADA, now));
  if (waits) take(mailSent(change, 'mail.approve.1', now));
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
  if (take(startWriting(change, LANDS_BY)) === 'write') {
    cancelIf('while the PATCH is on its way');
    take(settle(change, NOBODY, AFTERMATH, now));
  }
  cancelIf('after the commit');

  if (path.undo === 'too late' && change.undo) tick(AFTERMATH.undoWindowMs);
  if (path.undo !== 'never') take(requestUndo(change, now));
  if (path.undo === 'twice') take(requestUndo(change, now));
  if (change.undo?.requestedAt !== undefined) {
    const { changes, user } = stepOf(
      startUndoing(change, [], userOf(change), { landsBy: LANDS_BY, passwordSetAt: 0 }, now),
    );
    change = changes[0]!;
    const drifted = path.undo === 'refused by drift';
    take(
      drifted
        ? refuseUndo(change, 'address-drifted', user!, now)
        : settleUndo(change, [], user!, AFTER_UNDO, now),
    );
  }
  cancelIf('after the undo');

  const silence = change.waivesAt !== undefined && change.waivesAt <= (change.confirmedAt ?? 0);
  return {
    status: change.status,
    canceledBy: change.canceledBy,
    canceling,
    wrote: change.committedAt !== undefined,
    consent: change.agreed.new !== undefined && (awaiting(change).length === 0 || silence),
    told: events.at(-1) === `event.${change.status}` && new Set(events).size === events.length,
  };
}

/** What must come of it: the same, by the words of the contract alone. */
function fate({ policy, agreements, cancel: canceled, by, undo, expiry }: Path): Seen {
  const { requires, waits } = POLICIES[policy];
  const all = requires.every((side) => agreements.includes(side));
  const silence = waits && expiry === 'after the last agreement' && agreements.includes('new');
  const early =
    canceled === 'before anyone agreed' ||
    canceled === 'after the last agreement' ||
    (canceled === 'after the first agreement' && agreements.length > 0);
  const missed = canceled === 'after the first agreement' && agreements.length === 0;
  const status = ((): Status => {
    if (expiry === 'before anyone agreed') return 'expired';
    if (early) return 'canceled';
    // Who approved this very change has nothing to undo.
    const undoable = requires.length === 1 || !agreements.includes('current');
    if (all || silence)
      return undoable && (undo === 'in time' || undo === 'twice') ? 'undone' : 'committed';
    if (expiry === 'after the last agreement') return 'expired';
    return canceled === 'after the commit' || canceled === 'after the undo'
      ? 'canceled'
      : 'pending';
  })();
  const wrote = status === 'committed' || status === 'undone';
  const tried =
    canceled !== 'never' && !missed && (canceled !== 'while the PATCH is on its way' || wrote);
  const canceling = (): Verdict['kind'] => {
    if (status === 'canceled') return 'write';
    return wrote && !(canceled === 'after the undo' && status === 'undone')
      ? 'refused'
      : 'recorded';
  };
  return {
    status,
    canceledBy: status === 'canceled' ? by : undefined,
    canceling: tried ? canceling() : undefined,
    wrote,
    consent:
      wrote || (status === 'canceled' && expiry !== 'before anyone agreed' && agreedInTime()),
    told: true,
  };

  /** Confirmed by everyone, and withdrawn before the PATCH. */
  function agreedInTime(): boolean {
    const heard =
      canceled === 'before anyone agreed'
        ? []
        : canceled === 'after the first agreement'
          ? agreements.slice(0, 1)
          : agreements;
    return requires.every((side) => heard.includes(side));
  }
}

const BY: readonly CanceledBy[] = ['user', 'current-mailbox', 'operator'];

describe.each(Object.keys(POLICIES) as Policy[])('CONFIRMATION=%s', (policy) => {
  const cells = CANCELS.flatMap((canceled) =>
    UNDOS.flatMap((undo) => EXPIRIES.map((expiry) => [canceled, undo, expiry] as const)),
  );

  test.each(cells)('cancel %s, undo %s, links over %s', (canceled, undo, expiry) => {
    const paths = AGREEMENTS.flatMap((agreements) =>
      BY.map((by): Path => ({ policy, agreements, cancel: canceled, by, undo, expiry })),
    );
    const named = (seen: (path: Path) => Seen) =>
      paths.map((path) => ({ agreed: path.agreements, by: path.by, ...seen(path) }));
    expect(named(walk)).toEqual(named(fate));
  });
});
