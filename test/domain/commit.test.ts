import { describe, expect, test } from 'vitest';
import { sameAddress, type DirectoryUser } from '../../src/domain/account.ts';
import {
  decideCommit,
  invited,
  reject,
  revoked,
  settle,
  startWriting,
} from '../../src/domain/commit.ts';
import { agree } from '../../src/domain/agree.ts';
import type { EmailChange } from '../../src/domain/email-change.ts';
import { KEEP_CLOSED_MS, keepUntil } from '../../src/domain/retention.ts';
import { revocationTask } from '../../src/domain/transitions.ts';
import {
  DAY,
  LANDS_BY,
  T0,
  ADA,
  inWords,
  NOBODY,
  SITUATIONS,
  SOON,
  stepOf,
  AFTERMATH,
  written,
} from './stories.ts';

const identity = ADA.identity!;
const withoutIdentity = ((): DirectoryUser => {
  const { identity: _, ...rest } = ADA;
  return rest;
})();
const ada = (more: Partial<DirectoryUser>): DirectoryUser => ({ ...ADA, ...more });
const withoutEmail = ((): DirectoryUser => {
  const { email: _, ...rest } = ADA;
  return rest;
})();

describe('the invitation', () => {
  const { asked } = SITUATIONS;

  test('takes a snapshot of the account as the tenant tells it', () => {
    expect(written(invited(asked, ADA, SOON)).account).toEqual({
      email: 'ada@old.test',
      emailVerified: true,
      name: 'Ada',
      connection: 'users',
      identity: '1',
      passwordResetAt: ADA.passwordResetAt,
    });
  });

  test.each([
    ['user-gone', undefined],
    ['user-blocked', ada({ blocked: true })],
    ['unsupported-identity', withoutIdentity],
    ['same-email', ada({ email: asked.email })],
    ['same-email', ada({ email: asked.email.toUpperCase() })],
    ['same-email', ada({ email: asked.email, emailVerified: false })],
    ['credentials-changed', ada({ passwordResetAt: asked.requestedAt + 2001 })],
    ['credentials-changed', ada({ passwordResetAt: asked.requestedAt + 90_001, aheadMs: 88_000 })],
  ])('says %s and mails nobody', (reason, user) => {
    const verdict = invited(asked, user, SOON);
    expect(inWords(verdict, SOON)).toBe('rejected');
    expect(written(verdict)).toMatchObject({ status: 'rejected', reason, closedAt: SOON });
  });

  test.each([
    ['a password reset before the request', ada({ passwordResetAt: asked.requestedAt })],
    [
      'a password reset before the request by a clock that is ahead of ours',
      ada({ passwordResetAt: asked.requestedAt + 88_000, aheadMs: 88_000 }),
    ],
    ['an address that differs by more than ASCII case', ada({ email: 'ada@NEW.tesT ' })],
  ])('goes out in spite of %s', (_, user) => {
    expect(inWords(invited(asked, user, SOON), SOON)).toBe('pending → mail.confirm.1 mail.notice');
  });

  test('only informs a current mailbox that never proved anything, and asks it for nothing', () => {
    const stranger = ada({ emailVerified: false });
    const both: EmailChange = { ...asked, requires: ['new', 'current'] };
    for (const change of [asked, both]) {
      const step = invited(change, stranger, SOON);
      expect(inWords(step, SOON)).toBe('pending → mail.confirm.1 mail.informed');
      const confirmed = written(agree(written(step), 'new', SOON));
      const committed = settle(confirmed, NOBODY, AFTERMATH, SOON);
      expect(inWords(committed, SOON)).toBe('committed → mail.done');
      expect(written(committed)).not.toHaveProperty('undo');
    }
    const trusted = invited(both, stranger, SOON, { trustsUnverified: true });
    expect(inWords(trusted, SOON)).toBe('pending → mail.confirm.1 mail.approve.1');
  });

  test('asks the current mailbox instead of only telling it, where its agreement is required', () => {
    const both: EmailChange = { ...asked, requires: ['new', 'current'] };
    expect(inWords(invited(both, ADA, SOON), SOON)).toBe('pending → mail.confirm.1 mail.approve.1');
  });

  test('mails the newest link after a resend that came before it', () => {
    expect(inWords(invited({ ...asked, generation: 3 }, ADA, SOON), SOON)).toContain(
      'mail.confirm.3',
    );
  });

  test('an account without an address has no mailbox to ask or tell', () => {
    const both: EmailChange = { ...asked, requires: ['new', 'current'] };
    const verdict = invited(both, withoutEmail, SOON);
    expect(inWords(verdict, SOON)).toBe('pending → mail.confirm.1');
    expect(written(verdict).requires).toEqual(['new']);
  });
});

describe('the drift guard', () => {
  const { confirmed } = SITUATIONS;
  const reset = ADA.passwordResetAt + 1;

  test.each<[string, DirectoryUser | undefined, string]>([
    ['the account is as it was', ADA, 'patch'],
    ['only the case of its address changed', ada({ email: 'Ada@OLD.test' }), 'patch'],
    ['the address was verified meanwhile', ada({ emailVerified: false }), 'patch'],
    [
      'it has the new address, unverified',
      ada({ email: confirmed.email, emailVerified: false }),
      'patch',
    ],
    ['it has the new address, verified', ada({ email: confirmed.email }), 'settled'],
    [
      'it has the new address in capitals',
      ada({ email: confirmed.email.toUpperCase() }),
      'settled',
    ],
    [
      'it has the new address and was blocked',
      ada({ email: confirmed.email, blocked: true }),
      'settled',
    ],
    [
      'it has the new address after a reset',
      ada({ email: confirmed.email, passwordResetAt: reset }),
      'settled',
    ],
    ['it is gone', undefined, 'user-gone'],
    ['it was blocked', ada({ blocked: true }), 'user-blocked'],
    ['it has another address', ada({ email: 'ada@elsewhere.test' }), 'address-drifted'],
    ['its address was removed', withoutEmail, 'address-drifted'],
    ['its password was reset', ada({ passwordResetAt: reset }), 'credentials-changed'],
    [
      'unverified new address, reset',
      ada({ email: confirmed.email, emailVerified: false, passwordResetAt: reset }),
      'credentials-changed',
    ],
    [
      'another identity is the primary one',
      ada({ identity: { ...identity, id: '2' } }),
      'unsupported-identity',
    ],
    [
      'it moved to another connection',
      ada({ identity: { ...identity, connection: 'staff' } }),
      'unsupported-identity',
    ],
    ['it has no identity', withoutIdentity, 'unsupported-identity'],
    [
      'the new address stands in another connection',
      ada({ email: confirmed.email, identity: { ...identity, connection: 'staff' } }),
      'unsupported-identity',
    ],
  ])('%s', (_, user, expected) => {
    const decision = decideCommit(confirmed, user);
    expect(decision.kind === 'reject' ? decision.reason : decision.kind).toBe(expected);
  });

  test('an account that had no address must still have none', () => {
    const account = {
      emailVerified: false,
      connection: 'users',
      identity: '1',
      passwordResetAt: 0,
    };
    const change: EmailChange = { ...confirmed, account };
    const now = { ...withoutEmail, passwordResetAt: 0 };
    expect(decideCommit(change, now)).toEqual({ kind: 'patch' });
    expect(decideCommit(change, { ...now, email: 'x@y.test' })).toEqual({
      kind: 'reject',
      reason: 'address-drifted',
    });
  });

  test('without a snapshot nothing is written', () => {
    expect(decideCommit(SITUATIONS.asked, ADA)).toEqual({ kind: 'reject', reason: 'user-gone' });
  });
});

test('the mark that a PATCH may be on its way is set once and gone when the change is closed', () => {
  const { confirmed } = SITUATIONS;
  const writing = written(startWriting(confirmed, LANDS_BY));
  expect(writing).toEqual({ ...confirmed, writing: true, landsBy: LANDS_BY });
  expect(written(startWriting(writing, LANDS_BY))).toEqual(writing);
  const committed = written(settle(writing, { committed: [] }, AFTERMATH, SOON));
  expect(committed).not.toHaveProperty('writing');
  expect(written(reject(writing, 'email-taken', SOON))).not.toHaveProperty('writing');
});

describe('a committed change', () => {
  test('is the last of those that can be undone, for as long as the window says', () => {
    const { confirmed } = SITUATIONS;
    const step = stepOf(
      settle(confirmed, { latest: confirmed.id, committed: ['a'] }, AFTERMATH, SOON),
    );
    const until = SOON + AFTERMATH.undoWindowMs;
    // What an older version committed may still be undone for as long as any window can be.
    const longest = SOON + 30 * DAY;
    expect(step.user).toEqual({
      latest: confirmed.id,
      committed: ['a', confirmed.id],
      written: {
        a: { at: SOON, undoUntil: longest },
        [confirmed.id]: { at: SOON, undoUntil: until },
      },
    });
    expect(step.changes).toEqual([
      {
        ...confirmed,
        status: 'committed',
        closedAt: SOON,
        committedAt: SOON,
        undo: { until },
        chainUntil: longest,
      },
    ]);
  });

  test('leaves the index when nobody may undo it any more and no limit counts it, and not before', () => {
    const { confirmed } = SITUATIONS;
    const entry = (days: number, undoDays: number) => ({
      at: SOON - days * DAY,
      undoUntil: SOON + undoDays * DAY,
    });
    const keeps = (...written: { at: number; undoUntil: number }[]) => {
      const committed = written.map((_, i) => `earlier-${i}`);
      const notes = Object.fromEntries(written.map((each, i) => [`earlier-${i}`, each]));
      const step = stepOf(settle(confirmed, { committed, written: notes }, AFTERMATH, SOON));
      expect(Object.keys(step.user!.written!).toSorted()).toEqual(step.user!.committed.toSorted());
      return step.user!.committed.length - 1;
    };
    // An undo that was asked for in time may still be waiting.
    expect(keeps(entry(38, -31))).toBe(0);
    expect(keeps(entry(36, -29))).toBe(1);
    expect(keeps(entry(6, -31))).toBe(1);
    // The undo of an older one has to know of all that followed.
    expect(keeps(entry(50, -31), entry(40, 1), entry(39, -31), entry(38, -31))).toBe(3);
    expect(keeps(...Array.from({ length: 60 }, () => entry(1, 6)))).toBe(60);
  });

  test('is kept for as long as an earlier one may be undone, if that is longer', () => {
    const { confirmed } = SITUATIONS;
    const user = { committed: ['a'], written: { a: { at: T0, undoUntil: SOON + 20 * DAY } } };
    const approved = { ...confirmed, agreed: { new: T0, current: T0 } };
    for (const change of [confirmed, approved])
      expect(keepUntil(written(settle(change, user, AFTERMATH, SOON)))).toBe(
        SOON + 20 * DAY + KEEP_CLOSED_MS,
      );
  });

  test('that its previous mailbox approved can not be undone from there, and it is told so', () => {
    const { confirmed } = SITUATIONS;
    const approved = { ...confirmed, agreed: { new: T0, current: T0 } };
    const verdict = settle(approved, { committed: [] }, AFTERMATH, SOON);
    expect(inWords(verdict, SOON)).toBe('committed → mail.done mail.approved');
    expect(written(verdict)).not.toHaveProperty('undo');
  });

  test('of an account that had no address promises no undo and tells nobody of it', () => {
    const { confirmed } = SITUATIONS;
    const { email: _, ...account } = confirmed.account!;
    const verdict = settle({ ...confirmed, account }, { committed: [] }, AFTERMATH, SOON);
    expect(inWords(verdict, SOON)).toBe('committed → mail.done');
    expect(written(verdict)).not.toHaveProperty('undo');
  });

  test('has sessions to end only where that is wanted, and says what came of it', () => {
    const { confirmed } = SITUATIONS;
    const verdict = settle(confirmed, { committed: [] }, { ...AFTERMATH, revoke: true }, SOON);
    expect(inWords(verdict, SOON)).toBe('committed → mail.done mail.changed revoke');
    expect(written(verdict).revocation).toBe('pending');
    expect(written(revoked(written(verdict), 'unsupported'))).toEqual({
      ...written(verdict),
      revocation: 'unsupported',
      revocations: { committed: 'unsupported' },
    });
  });
});

test('what came of the sessions is told once for the commit and once for the undo', () => {
  const { committed, undone } = SITUATIONS;
  const told = [revocationTask(committed, 'failed', SOON), revocationTask(undone, 'done', SOON)];
  expect(told).toEqual([
    { change: committed.id, name: 'event.revocation.committed.failed', at: SOON },
    { change: undone.id, name: 'event.revocation.undone.done', at: SOON },
  ]);
  expect(stepOf(revoked(undone, 'done', told[1]!)).tasks).toEqual([told[1]]);
});

test.each<[string | undefined, string | undefined, boolean]>([
  ['ada@x.test', 'ADA@X.test', true],
  ['mike@x.test', 'mıke@x.test', false],
  ['kim@x.test', '\u212aim@x.test', false],
  ['sam@x.test', 'ſam@x.test', false],
  ['a@x.test', 'a@x.test ', false],
  ['', '', true],
  [undefined, undefined, false],
  ['a@x.test', undefined, false],
])('%j and %j are one address: %s', (a, b, same) => {
  expect(sameAddress(a, b)).toBe(same);
  expect(sameAddress(b, a)).toBe(same);
});
