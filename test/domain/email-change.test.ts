import { describe, expect, test } from 'vitest';
import {
  invited,
  notWritten,
  reject,
  revoked,
  settle,
  startWriting,
} from '../../src/domain/commit.ts';
import { CODE_TRIES, CODE_TTL_MS, tryCode } from '../../src/domain/code.ts';
import { agree, expire } from '../../src/domain/agree.ts';
import { request, resend } from '../../src/domain/request.ts';
import {
  awaiting,
  cancel,
  isOpen,
  STATUSES,
  type CanceledBy,
  type EmailChange,
  type Verdict,
} from '../../src/domain/email-change.ts';
import { KEEP_CLOSED_MS, keepUntil } from '../../src/domain/retention.ts';
import { mailDeferred, mailRefused, mailSent, startMail } from '../../src/domain/mails.ts';
import { refuseUndo, settleUndo, startUndoing, requestUndo } from '../../src/domain/undo.ts';
import {
  ADA,
  AFTER_COOLDOWN,
  AFTER_EXPIRY,
  AFTER_UNDO_WINDOW,
  askFor,
  HOUR,
  inWords,
  LANDS_BY,
  AFTER_UNDO,
  MINUTE,
  NOBODY,
  SITUATIONS,
  SOON,
  stepOf,
  T0,
  TIMING,
  AFTERMATH,
  DAY,
  userOf,
  written,
  type Situation,
  FREE,
} from './stories.ts';

type Row = {
  at: number;
  decide: (change: EmailChange, now: number) => Verdict;
  /** Outcome in words → the situations that have it. */
  outcomes: Record<string, readonly Situation[]>;
};

const ALL = Object.keys(SITUATIONS) as Situation[];
/** Pending for as long as the link lives. */
const TIMED = [
  'asked',
  'invited',
  'both invited',
  'both, new agreed',
  'both, current agreed',
] as const;
const SILENT = 'both, current silent';
const UNASKED = 'both, current not reached';
/** The new mailbox has agreed, and the silence of the current one is on its way to consent. */
const WAITING = [SILENT, UNASKED] as const;
const PENDING = [...TIMED, ...WAITING] as const;
/** The account has been read, so that somebody is known to be told. */
const READ = PENDING.filter((situation) => situation !== 'asked');
/** The current mailbox was asked and is free to answer. */
const ASKABLE = ['both invited', 'both, new agreed', 'both, current agreed', UNASKED] as const;
/** The new mailbox has agreed under a rule by which silence counts. */
const REMINDED = [SILENT, UNASKED] as const;
/** The new mailbox has still to agree. */
const UNPROVEN = ['asked', 'invited', 'both invited', 'both, current agreed'] as const;
/** Agreed by everyone who must, or by silence, and not on its way to the tenant yet. */
const AGREED = ['confirmed', 'both, all agreed', 'waived'] as const;
const CONFIRMED = [...AGREED, 'writing'] as const;
const OPEN = [...PENDING, ...CONFIRMED] as const;
const UNDOABLE = ['committed', 'waived, committed'] as const;
const UNDER_WAY = ['undo asked', 'undoing'] as const;
const COMMITTED = [...UNDOABLE, ...UNDER_WAY, 'undo refused'] as const;
const UNDONE = ['undone', 'waived, undone'] as const;
const CANCELED = [
  'canceled',
  'canceled half-way',
  'canceled instead of silence',
  'canceled after the click',
] as const;
const CANCELED_AFTER_A_CLICK = [
  'canceled half-way',
  'canceled instead of silence',
  'canceled after the click',
] as const;
const FAILED = ['superseded', ...CANCELED, 'expired', 'rejected'] as const;
/** Nothing stands in the way of a next request. */
const OVER = [...UNDOABLE, 'undo refused', ...UNDONE, ...FAILED] as const;
const except = (...these: readonly Situation[]): Situation[] =>
  ALL.filter((situation) => !these.includes(situation));

/** A user's request that finds this change as the newest. */
const ask = (email: string) => (change: EmailChange, now: number) =>
  request(askFor(email, { id: 'next' }), userOf(change), change, TIMING, now);
const SAME = SITUATIONS.invited.email;

const TABLE: Record<string, Row> = {
  'request of the same address within the cooldown': {
    at: SOON,
    decide: ask(SAME),
    outcomes: {
      recorded: PENDING,
      'refused: commit-in-progress': [...CONFIRMED, ...UNDER_WAY],
      'pending → invite (expire)': OVER,
    },
  },
  'request of the same address after the cooldown': {
    at: AFTER_COOLDOWN,
    decide: ask(SAME),
    outcomes: {
      'pending → (expire)': ['asked'],
      'pending → mail.confirm.2 (expire)': ['invited', 'both, current agreed'],
      'pending → mail.confirm.2 mail.approve.1 (expire)': ['both invited'],
      'pending → mail.approve.1 (expire)': ['both, new agreed', UNASKED],
      'pending → mail.approve.2 (expire)': [SILENT],
      'refused: commit-in-progress': [...CONFIRMED, ...UNDER_WAY],
      'pending → invite (expire)': OVER,
    },
  },
  'request of the same address after the link expired': {
    at: AFTER_EXPIRY,
    decide: ask(SAME),
    outcomes: {
      'pending & expired → invite (expire)': TIMED,
      'pending → mail.approve.1 (expire)': [UNASKED],
      'pending → mail.approve.2 (expire)': [SILENT],
      'refused: commit-in-progress': [...CONFIRMED, ...UNDER_WAY],
      'pending → invite (expire)': OVER,
    },
  },
  'request of another address': {
    at: SOON,
    decide: ask('ada@third.test'),
    outcomes: {
      'pending & superseded → invite (expire)': PENDING,
      'refused: commit-in-progress': [...CONFIRMED, ...UNDER_WAY],
      'pending → invite (expire)': OVER,
    },
  },
  'request of another address after the link expired': {
    at: AFTER_EXPIRY,
    decide: ask('ada@third.test'),
    outcomes: {
      'pending & expired → invite (expire)': TIMED,
      'pending & superseded → invite (expire)': WAITING,
      'refused: commit-in-progress': [...CONFIRMED, ...UNDER_WAY],
      'pending → invite (expire)': OVER,
    },
  },
  'request while changes are locked after an undo': {
    at: SOON,
    decide: (change, now) =>
      request(askFor(SAME), { ...userOf(change), lockedUntil: now + 1 }, change, TIMING, now),
    outcomes: { 'refused: changes-locked': ALL },
  },
  'request when the lock is over': {
    at: SOON,
    decide: (change, now) =>
      request(askFor(SAME), { ...userOf(change), lockedUntil: now }, change, TIMING, now),
    outcomes: {
      recorded: PENDING,
      'refused: commit-in-progress': [...CONFIRMED, ...UNDER_WAY],
      'pending → invite (expire)': OVER,
    },
  },
  'request while an earlier change is being undone': {
    at: SOON,
    decide: (change, now) =>
      request(askFor(SAME), { ...userOf(change), undoing: 'earlier' }, change, TIMING, now),
    outcomes: { 'refused: commit-in-progress': ALL },
  },
  'resend within the cooldown': {
    at: SOON,
    decide: (change, now) => resend(change, FREE, TIMING, now),
    outcomes: {
      'refused: too-many-requests': PENDING,
      'refused: commit-in-progress': CONFIRMED,
      recorded: except(...OPEN),
    },
  },
  'resend after the cooldown': {
    at: AFTER_COOLDOWN,
    decide: (change, now) => resend(change, FREE, TIMING, now),
    outcomes: {
      'pending → (expire)': ['asked'],
      'pending → mail.confirm.2 (expire)': ['invited', 'both, current agreed'],
      'pending → mail.confirm.2 mail.approve.1 (expire)': ['both invited'],
      'pending → mail.approve.1 (expire)': ['both, new agreed', UNASKED],
      'pending → mail.approve.2 (expire)': [SILENT],
      'refused: commit-in-progress': CONFIRMED,
      recorded: except(...OPEN),
    },
  },
  'resend after the link expired': {
    at: AFTER_EXPIRY,
    decide: (change, now) => resend(change, FREE, TIMING, now),
    outcomes: {
      expired: TIMED,
      'pending → mail.approve.1 (expire)': [UNASKED],
      'pending → mail.approve.2 (expire)': [SILENT],
      'refused: commit-in-progress': CONFIRMED,
      recorded: except(...OPEN),
    },
  },
  'agreement of the new mailbox': {
    at: SOON,
    decide: (change, now) => agree(change, 'new', now),
    outcomes: {
      'confirmed → commit': ['asked', 'invited', 'both, current agreed'],
      pending: ['both invited'],
      recorded: except('asked', 'invited', 'both, current agreed', 'both invited'),
    },
  },
  'agreement of the current mailbox': {
    at: SOON,
    decide: (change, now) => agree(change, 'current', now),
    outcomes: {
      'confirmed → commit': ['both, new agreed', ...WAITING],
      pending: ['both invited'],
      recorded: except('both, new agreed', ...WAITING, 'both invited'),
    },
  },
  'agreement of the new mailbox after the link expired': {
    at: AFTER_EXPIRY,
    decide: (change, now) => agree(change, 'new', now),
    outcomes: { expired: TIMED, recorded: except(...TIMED) },
  },
  'agreement of the current mailbox after the link expired': {
    at: AFTER_EXPIRY,
    decide: (change, now) => agree(change, 'current', now),
    outcomes: {
      expired: TIMED,
      'confirmed → commit': WAITING,
      recorded: except(...PENDING),
    },
  },
  'the right code': {
    at: SOON,
    decide: (change, now) => tryCode({ ...change, mailedAt: T0 }, true, now),
    outcomes: {
      'confirmed → commit': ['asked', 'invited', 'both, current agreed'],
      pending: ['both invited'],
      recorded: except(...UNPROVEN),
    },
  },
  'a wrong code': {
    at: SOON,
    decide: (change, now) => tryCode({ ...change, mailedAt: T0 }, false, now),
    outcomes: { pending: UNPROVEN, recorded: except(...UNPROVEN) },
  },
  'the right code after too many wrong ones': {
    at: SOON,
    decide: (change, now) => tryCode({ ...change, mailedAt: T0, codeTries: CODE_TRIES }, true, now),
    outcomes: { 'refused: invalid-code': UNPROVEN, recorded: except(...UNPROVEN) },
  },
  'the right code before it was mailed': {
    at: SOON,
    decide: (change, now) => tryCode(change, true, now),
    outcomes: { 'refused: invalid-code': UNPROVEN, recorded: except(...UNPROVEN) },
  },
  'the right code after its own short life': {
    at: T0 + CODE_TTL_MS,
    decide: (change, now) => tryCode({ ...change, mailedAt: T0 }, true, now),
    outcomes: { 'refused: invalid-code': UNPROVEN, recorded: except(...UNPROVEN) },
  },
  'the right code after the link expired': {
    at: AFTER_EXPIRY,
    decide: (change, now) => tryCode({ ...change, mailedAt: now }, true, now),
    outcomes: { expired: UNPROVEN, recorded: except(...UNPROVEN) },
  },
  ...Object.fromEntries(
    (['user', 'current-mailbox', 'operator'] as const).flatMap((by) => [
      [`cancel by the ${by}`, canceling(by, SOON, { canceled: [...PENDING, ...AGREED] })],
      [
        `cancel by the ${by} after the link expired`,
        canceling(by, AFTER_EXPIRY, { expired: TIMED, canceled: [...WAITING, ...AGREED] }),
      ],
    ]),
  ),
  'expire before the time': {
    at: SOON,
    decide: expire,
    outcomes: { 'pending → (expire)': PENDING, recorded: except(...PENDING) },
  },
  'expire at the time': {
    at: SITUATIONS.invited.expiresAt,
    decide: expire,
    outcomes: {
      expired: TIMED,
      'pending → (expire)': WAITING,
      recorded: except(...PENDING),
    },
  },
  'expire when silence has become consent': {
    at: AFTER_UNDO_WINDOW,
    decide: expire,
    outcomes: {
      expired: [...TIMED, UNASKED],
      'confirmed → commit': [SILENT],
      recorded: except(...PENDING),
    },
  },
  'the account was read': {
    at: SOON,
    decide: (change, now) => invited(change, ADA, now),
    outcomes: { 'pending → mail.confirm.1 mail.notice': ['asked'], recorded: except('asked') },
  },
  'the account is gone': {
    at: SOON,
    decide: (change, now) => invited(change, undefined, now),
    outcomes: { rejected: ['asked'], recorded: except('asked') },
  },
  'start of the PATCH': {
    at: SOON,
    decide: startWriting,
    outcomes: { confirmed: CONFIRMED, recorded: except(...CONFIRMED) },
  },
  'the PATCH was certainly not carried out': {
    at: SOON,
    decide: notWritten,
    outcomes: {
      confirmed: ['writing'],
      committed: ['undoing'],
      recorded: except('writing', 'undoing'),
    },
  },
  'the tenant has the new address': {
    at: SOON,
    decide: (change, now) => settle(change, userOf(change), AFTERMATH, now),
    outcomes: {
      'committed → mail.done mail.approved': ['both, all agreed'],
      'committed → mail.done mail.changed': CONFIRMED.filter((one) => one !== 'both, all agreed'),
      recorded: except(...CONFIRMED),
    },
  },
  'it can not be': {
    at: SOON,
    decide: (change, now) => reject(change, 'email-taken', now),
    outcomes: {
      rejected: OPEN,
      recorded: except(...OPEN),
    },
  },
  'undo within the window': {
    at: SOON,
    decide: requestUndo,
    outcomes: { 'committed → undo': UNDOABLE, recorded: except(...UNDOABLE) },
  },
  'undo after the window': {
    at: AFTER_UNDO_WINDOW,
    decide: requestUndo,
    outcomes: { recorded: ALL },
  },
  'start of putting the address back': {
    at: SOON,
    decide: (change, now) =>
      startUndoing(change, [], userOf(change), { landsBy: LANDS_BY, passwordSetAt: 0 }, now),
    outcomes: { committed: UNDER_WAY, recorded: except(...UNDER_WAY) },
  },
  'the tenant has the previous address': {
    at: SOON,
    decide: (change, now) => settleUndo(change, [], userOf(change), AFTER_UNDO, now),
    outcomes: {
      'undone → revoke.undo mail.restored mail.undone': UNDER_WAY,
      recorded: except(...UNDER_WAY),
    },
  },
  'the address can not be put back': {
    at: SOON,
    decide: (change, now) => refuseUndo(change, 'address-drifted', userOf(change), now),
    outcomes: { committed: UNDER_WAY, recorded: except(...UNDER_WAY) },
  },
  'start of the confirmation mail': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.confirm.1'),
    // Nobody is written to before the account was read.
    outcomes: { pending: READ, recorded: except(...READ) },
  },
  'start of a replaced confirmation mail': {
    at: SOON,
    decide: (change) => startMail({ ...change, generation: 2 }, 'mail.confirm.1'),
    outcomes: { recorded: ALL },
  },
  'start of the approval mail': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.approve.1'),
    outcomes: { pending: ASKABLE, recorded: except(...ASKABLE) },
  },
  'start of a second approval mail that nobody gave out': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.approve.2'),
    outcomes: { recorded: ALL },
  },
  'start of a reminder': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.reminder.1'),
    outcomes: { pending: REMINDED, recorded: except(...REMINDED) },
  },
  'start of the notice': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.notice'),
    // Whose current mailbox has to approve, it is asked and not only told.
    outcomes: {
      pending: ['invited'],
      confirmed: ['confirmed', 'writing'],
      recorded: except('invited', 'confirmed', 'writing'),
    },
  },
  'what became of the sessions is known': {
    at: SOON,
    decide: (change) => revoked(change, 'failed'),
    outcomes: statusKept(),
  },
  'start of the mail that it is done': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.done'),
    outcomes: { committed: COMMITTED, recorded: except(...COMMITTED) },
  },
  'start of the mail with the undo link': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.changed'),
    outcomes: { committed: COMMITTED, recorded: except(...COMMITTED) },
  },
  'start of the mail that it failed': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.failed'),
    outcomes: {
      rejected: ['rejected'],
      canceled: CANCELED_AFTER_A_CLICK,
      recorded: except('rejected', ...CANCELED_AFTER_A_CLICK),
    },
  },
  'start of the mail that it was stopped': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.stopped'),
    outcomes: { recorded: ALL },
  },
  'start of the mail that it can not be undone': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.refused'),
    outcomes: { committed: ['undo refused'], recorded: except('undo refused') },
  },
  'start of the mail that it was undone': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.undone'),
    outcomes: { undone: UNDONE, recorded: except(...UNDONE) },
  },
  'start of the mail that the address is back': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.restored'),
    outcomes: { undone: UNDONE, recorded: except(...UNDONE) },
  },
  'start of a mail that does not exist': {
    at: SOON,
    decide: (change) => startMail(change, 'mail.constructor'),
    outcomes: { recorded: ALL },
  },
  'the server took a mail': { at: SOON, decide: sent('mail.confirm.1'), outcomes: statusKept() },
  'the server put a mail off': {
    at: SOON,
    decide: (change) => mailDeferred(change, 'mail.confirm.1'),
    outcomes: statusKept(),
  },
  'the server refused the confirmation mail': {
    at: SOON,
    decide: (change, now) => mailRefused(change, 'mail.confirm.1', now),
    outcomes: statusKept('asked', 'invited', 'both invited', 'both, current agreed'),
  },
  'the server refused another mail': {
    at: SOON,
    decide: (change, now) => mailRefused(change, 'mail.approve.1', now),
    outcomes: statusKept(),
  },
};

function canceling(by: CanceledBy, at: number, outcomes: Row['outcomes']): Row {
  return {
    at,
    decide: (change, now) => cancel(change, by, now),
    outcomes: {
      ...outcomes,
      'refused: commit-in-progress': ['writing'],
      'refused: already-committed': COMMITTED,
      recorded: [...UNDONE, ...FAILED],
    },
  };
}

function sent(name: string) {
  return (change: EmailChange, now: number) => mailSent(change, name, now);
}

/** Every situation keeps its status, but for those that are rejected. */
function statusKept(...rejected: Situation[]): Row['outcomes'] {
  return Object.fromEntries(
    STATUSES.map((status) => [
      status,
      ALL.filter((situation) =>
        status === 'rejected'
          ? rejected.includes(situation) || situation === 'rejected'
          : SITUATIONS[situation].status === status && !rejected.includes(situation),
      ),
    ]),
  );
}

describe.each(Object.entries(TABLE))('%s', (_, { at, decide, outcomes }) => {
  test('is decided for every situation, once', () => {
    expect(Object.values(outcomes).flat().toSorted()).toEqual(ALL.toSorted());
  });

  const cells = Object.entries(outcomes).flatMap(([outcome, situations]) =>
    situations.map((situation) => [situation, outcome] as const),
  );
  test.each(cells)('%s: %s', (situation, outcome) => {
    const change = structuredClone(SITUATIONS[situation]);
    expect(inWords(decide(change, at), at)).toBe(outcome);
    expect(change).toEqual(SITUATIONS[situation]);
  });
});

test('the situations cover every status', () => {
  const covered = new Set(Object.values(SITUATIONS).map((change) => change.status));
  expect([...covered].toSorted()).toEqual([...STATUSES].toSorted());
});

describe('request', () => {
  test('a new change holds what was asked, once invited and not agreed by anyone', () => {
    const paid = { first: 1, more: 0 };
    const postage = { muted: false, paid };
    const more = { returnTo: 'https://app.test/', locale: 'de', postage };
    const { postage: _, ...asked } = askFor('a@g.test', more);
    const step = stepOf(
      request({ ...asked, postage }, { committed: ['old'] }, undefined, TIMING, T0),
    );
    expect(step).toEqual({
      kind: 'write',
      changes: [
        {
          ...asked,
          muted: false,
          paid,
          status: 'pending',
          requestedAt: T0,
          expiresAt: T0 + HOUR,
          resendAfter: T0 + MINUTE,
          generation: 1,
          agreed: {},
          mails: {},
        },
      ],
      user: { committed: ['old'], latest: asked.id },
      tasks: [
        { change: asked.id, name: 'invite', at: T0 },
        { change: asked.id, name: 'expire', at: T0 + HOUR },
      ],
    });
  });

  test('a superseded change keeps its address and its secret, and says when it ended', () => {
    const old = SITUATIONS.invited;
    const step = stepOf(ask('ada@third.test')(old, SOON));
    expect(step.changes[1]).toEqual({ ...old, status: 'superseded', closedAt: SOON });
    expect(step.user).toEqual({ ...userOf(old), latest: 'next' });
  });

  test('asked again later, the same address keeps the change, its link and when it was mailed first, but not the older code', () => {
    const mailed = mailSent(SITUATIONS.invited, 'mail.confirm.1', SOON).changes[0]!;
    const again = written(ask(SAME)(mailed, AFTER_COOLDOWN));
    const { codeMailedAt, ...kept } = mailed;
    expect(codeMailedAt).toBe(SOON);
    expect(again).toEqual({
      ...kept,
      generation: 2,
      expiresAt: AFTER_COOLDOWN + HOUR,
      resendAfter: AFTER_COOLDOWN + MINUTE,
    });
  });

  test('a link that expires one millisecond from now can still be used, one that expires now not', () => {
    const { expiresAt } = SITUATIONS.invited;
    expect(written(agree(SITUATIONS.invited, 'new', expiresAt - 1)).status).toBe('confirmed');
    expect(written(agree(SITUATIONS.invited, 'new', expiresAt)).status).toBe('expired');
  });

  test('whether others used up what an address may get changes nothing that the requester sees', () => {
    const open = request(askFor(SAME), NOBODY, undefined, TIMING, T0);
    const muted = request(
      askFor(SAME, { postage: { muted: true } }),
      NOBODY,
      undefined,
      TIMING,
      T0,
    );
    expect(stepOf(muted).tasks).toEqual(stepOf(open).tasks);
    expect({ ...written(muted), muted: false }).toEqual(written(open));
  });

  test('whose own mails were too many is told when there may be more, unless nothing would be sent anyway', () => {
    const late = AFTER_COOLDOWN + HOUR;
    const postage = { muted: false, notBefore: late };
    const askAt = (email: string, now: number) =>
      request(
        askFor(email, { postage }),
        userOf(SITUATIONS.invited),
        SITUATIONS.invited,
        TIMING,
        now,
      );
    const refusal = { code: 'too-many-requests', retryAt: late };
    expect(askAt('ada@third.test', SOON)).toEqual({ kind: 'refused', refusal });
    expect(askAt(SAME, AFTER_COOLDOWN)).toEqual({ kind: 'refused', refusal });
    expect(resend(SITUATIONS.invited, postage, TIMING, AFTER_COOLDOWN)).toEqual({
      kind: 'refused',
      refusal,
    });
    expect(askAt(SAME, SOON).kind).toBe('recorded');
    const locked = { ...NOBODY, lockedUntil: late };
    expect(request(askFor(SAME, { postage }), locked, undefined, TIMING, T0)).toMatchObject({
      refusal: { code: 'changes-locked' },
    });
  });
});

describe('resend', () => {
  const resent = (situation: Situation) =>
    written(resend(SITUATIONS[situation], FREE, TIMING, AFTER_COOLDOWN));

  test('who has agreed is not asked again, and the link of that mailbox stays as it was', () => {
    expect(resent('both, new agreed').generation).toBe(1);
    expect(resent('both, current agreed').generation).toBe(2);
    expect(awaiting(resent('both, new agreed'))).toEqual(['current']);
  });

  test('each resend asks the current mailbox with a mail of its own', () => {
    const first = written(startMail(SITUATIONS['both, new agreed'], 'mail.approve.1'));
    const done = mailSent(first, 'mail.approve.1', SOON).changes[0]!;
    const step = stepOf(resend(done, FREE, TIMING, AFTER_COOLDOWN));
    expect(step.tasks.map((task) => task.name)).toEqual(['mail.approve.2', 'expire']);
  });

  test('that others used up replaces nothing: link, code, tries and what was mailed stay', () => {
    const mailed = written(mailSent(SITUATIONS.invited, 'mail.confirm.1', SOON));
    const before = { ...mailed, codeTries: 2 };
    const step = stepOf(resend(before, { muted: true }, TIMING, AFTER_COOLDOWN));
    expect(step.changes).toEqual([
      {
        ...before,
        expiresAt: AFTER_COOLDOWN + HOUR,
        resendAfter: AFTER_COOLDOWN + MINUTE,
      },
    ]);
    expect(step.tasks.map(({ name }) => name)).toEqual(['expire']);
  });

  test('never keeps a confirmation alive beyond a day after the request', () => {
    let change: EmailChange = SITUATIONS.invited;
    const end = change.requestedAt + 24 * HOUR;
    for (let now = AFTER_COOLDOWN; now < end; now += 30 * MINUTE) {
      change = written(resend(change, FREE, TIMING, now));
      expect(change.expiresAt).toBe(Math.min(now + HOUR, end));
    }
    expect(written(agree(change, 'new', end)).status).toBe('expired');
    // Nor does it shorten a wait that has a term of its own.
    const unasked = SITUATIONS[UNASKED];
    const again = written(resend(unasked, FREE, TIMING, AFTER_COOLDOWN));
    expect(again.expiresAt).toBe(unasked.expiresAt);
  });

  test('adds up what its mails took from the budgets', () => {
    const first = { ...SITUATIONS.invited, paid: { first: 1, more: 0 } };
    const paid = { first: 0, more: 1 };
    const again = written(resend(first, { muted: false, paid }, TIMING, AFTER_COOLDOWN));
    expect(again.paid).toEqual({ first: 1, more: 1 });
  });

  test('says when the next one is possible', () => {
    expect(resend(SITUATIONS.invited, FREE, TIMING, SOON)).toEqual({
      kind: 'refused',
      refusal: { code: 'too-many-requests', retryAt: T0 + MINUTE },
    });
  });
});

describe('agree', () => {
  test('the commit is due at once, when the last one who must agree has', () => {
    const step = stepOf(agree(SITUATIONS['both, current agreed'], 'new', SOON));
    expect(step.changes[0]).toMatchObject({ status: 'confirmed', confirmedAt: SOON });
    expect(step.changes[0]!.agreed).toEqual({ current: T0 + 2000, new: SOON });
    expect(step.tasks).toEqual([{ change: step.changes[0]!.id, name: 'commit', at: SOON }]);
  });

  test('pressing the same button twice is not the agreement of both mailboxes', () => {
    const once = written(agree(SITUATIONS['both invited'], 'new', SOON));
    expect(agree(once, 'new', SOON + 1)).toEqual({ kind: 'recorded', change: once });
    expect(awaiting(once)).toEqual(['current']);
  });
});

describe('a current mailbox that stays silent', () => {
  const silent = SITUATIONS[SILENT];
  const waiverMs = silent.waiverMs!;
  const waivesAt = silent.waivesAt!;

  test('is reminded twice, and then the new address alone suffices', () => {
    const mails = { 'mail.approve.1': 'sent' } as const;
    const asked = { ...SITUATIONS['both invited'], waiverMs, mails };
    const step = stepOf(agree(asked, 'new', SOON));
    expect(step.changes[0]).toMatchObject({ status: 'pending', waivesAt: SOON + waiverMs });
    expect(step.tasks.map(({ name, at }) => [name, at])).toEqual([
      ['mail.reminder.1', SOON + waiverMs / 3],
      ['mail.reminder.2', SOON + (waiverMs * 2) / 3],
      ['expire', SOON + waiverMs],
    ]);
    expect(inWords(expire(silent, waivesAt - 1), waivesAt - 1)).toBe('pending → (expire)');
    expect(inWords(expire(silent, waivesAt), waivesAt)).toBe('confirmed → commit');
  });

  test('is silent only once its server took a question: until then no wait runs, and in the end all was in vain', () => {
    const unasked = SITUATIONS[UNASKED];
    expect(unasked).not.toHaveProperty('waivesAt');
    expect(unasked.expiresAt).toBe(T0 + 2000 + 2 * waiverMs);
    const before = unasked.expiresAt - 1;
    expect(inWords(expire(unasked, before), before)).toBe('pending → (expire)');
    for (const state of [undefined, 'sending', 'doubt', 'failed'] as const)
      for (const name of ['mail.approve.1', 'mail.reminder.2']) {
        const mails = { 'mail.confirm.1': 'sent', ...(state ? { [name]: state } : {}) } as const;
        const ended = written(expire({ ...unasked, mails }, unasked.expiresAt));
        expect(ended.status).toBe('expired');
        // A record of an earlier version may have a wait that nobody was asked in.
        const old = { ...unasked, mails, waivesAt: SOON, expiresAt: SOON };
        expect(written(expire(old, SOON)).status).toBe('expired');
      }
  });

  test.each(['mail.approve.1', 'mail.reminder.1'])(
    'the whole wait runs from the moment at which %s was taken',
    (name) => {
      const late = T0 + 10 * DAY;
      const step = stepOf(mailSent({ ...SITUATIONS[UNASKED], unreachableAt: SOON }, name, late));
      expect(step.changes[0]).toMatchObject({
        waivesAt: late + waiverMs,
        expiresAt: late + waiverMs,
      });
      expect(step.changes[0]).not.toHaveProperty('unreachableAt');
      expect(step.tasks).toContainEqual(
        expect.objectContaining({ name: 'expire', at: late + waiverMs }),
      );
      // And a later one does not begin it anew.
      const again = written(mailSent(step.changes[0]!, 'mail.reminder.2', late + DAY));
      expect(again.waivesAt).toBe(late + waiverMs);
    },
  );

  test.each(['mail.notice', 'mail.confirm.1'])('%s asks it nothing', (name) => {
    const told = written(mailSent(SITUATIONS[UNASKED], name, SOON));
    expect(told).not.toHaveProperty('waivesAt');
  });

  test('does not wait for a new mailbox that has not agreed', () => {
    const asked = { ...SITUATIONS['both invited'], waiverMs };
    const approved = written(agree(asked, 'current', SOON));
    expect(approved).not.toHaveProperty('waivesAt');
    expect(written(expire(asked, AFTER_EXPIRY)).status).toBe('expired');
  });

  test('has all of its time to object, however often the requester asks again', () => {
    for (const again of [
      resend(silent, FREE, TIMING, AFTER_COOLDOWN),
      ask(SAME)(silent, AFTER_COOLDOWN),
    ]) {
      const change = written(again);
      expect(change).toMatchObject({ waivesAt, expiresAt: waivesAt });
      const soon = AFTER_COOLDOWN + TIMING.linkTtlMs;
      expect(inWords(expire(change, soon), soon)).toBe('pending → (expire)');
      expect(written(cancel(change, 'current-mailbox', waivesAt - 1)).status).toBe('canceled');
    }
  });
});

describe('a code', () => {
  const mailed = { ...SITUATIONS.invited, mailedAt: T0 };

  test('can be guessed a few times, each of them counted, until the next resend', () => {
    let change: EmailChange = mailed;
    for (let tries = 1; tries <= CODE_TRIES; tries += 1) {
      change = written(tryCode(change, false, SOON));
      expect(change.codeTries).toBe(tries);
    }
    expect(tryCode(change, true, SOON).kind).toBe('refused');
    const again = written(resend(change, FREE, TIMING, AFTER_COOLDOWN));
    expect(again).not.toHaveProperty('codeTries');
    // The new code counts from its own mail.
    expect(tryCode(again, true, AFTER_COOLDOWN).kind).toBe('refused');
  });
});

describe('keepUntil', () => {
  test('a confirmed change and an undo under way never vanish', () => {
    const forever = ALL.filter((situation) => keepUntil(SITUATIONS[situation]) === undefined);
    expect(forever).toEqual([...CONFIRMED, ...UNDER_WAY]);
  });

  test('a pending change outlives its link by a week, so that the link can say what became of it', () => {
    expect(keepUntil(SITUATIONS.invited)).toBe(T0 + HOUR + KEEP_CLOSED_MS);
  });

  test('a committed change outlives its undo window, also after an undo was refused', () => {
    const { undo } = SITUATIONS.committed;
    expect(keepUntil(SITUATIONS.committed)).toBe(undo!.until + KEEP_CLOSED_MS);
    expect(keepUntil(SITUATIONS['undo refused'])).toBe(undo!.until + KEEP_CLOSED_MS);
  });

  test('every other closed change is kept for a week', () => {
    for (const situation of FAILED) {
      const change = SITUATIONS[situation];
      expect(keepUntil(change)).toBe(change.closedAt! + KEEP_CLOSED_MS);
    }
  });
});

test('open are the changes that can still be committed', () => {
  expect(ALL.filter((situation) => isOpen(SITUATIONS[situation]))).toEqual([...OPEN]);
});
