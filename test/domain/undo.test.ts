import { describe, expect, test } from 'vitest';
import type { DirectoryUser } from '../../src/domain/account.ts';
import { invited, settle, startWriting } from '../../src/domain/commit.ts';
import { agree } from '../../src/domain/agree.ts';
import { request } from '../../src/domain/request.ts';
import type { EmailChange, UserChanges } from '../../src/domain/email-change.ts';
import {
  decideUndo,
  refuseUndo,
  requestUndo,
  settleUndo,
  startUndoing,
} from '../../src/domain/undo.ts';
import {
  ADA,
  askFor,
  inWords,
  LANDS_BY,
  AFTER_UNDO,
  LOCK_MS,
  NOBODY,
  SITUATIONS,
  SOON,
  stepOf,
  T0,
  TIMING,
  AFTERMATH,
  userOf,
  written,
} from './stories.ts';

const ada = (email: string, more: Partial<DirectoryUser> = {}): DirectoryUser => ({
  ...ADA,
  email,
  ...more,
});

/** One more committed change of the same user, and what the user has going then. */
function committedTo(email: string, from: string, user: UserChanges) {
  const asked = stepOf(request(askFor(email), user, undefined, TIMING, T0));
  const pending = written(invited(asked.changes[0]!, ada(from), T0));
  const confirmed = written(agree(pending, 'new', T0));
  const step = stepOf(settle(confirmed, asked.user!, AFTERMATH, T0));
  return { change: step.changes[0]!, user: step.user! };
}

// A → B → C: two changes of one user, the mailboxes of A and B hold an undo link each.
const aToB = committedTo('b@x.test', 'a@x.test', NOBODY);
const bToC = committedTo('c@x.test', 'b@x.test', aToB.user);
const user = bToC.user;
const first = written(requestUndo(aToB.change, SOON));
const second = written(requestUndo(bToC.change, SOON));

describe('what the account says about an undo', () => {
  test.each<[string, DirectoryUser | undefined, string]>([
    ['it holds what this change wrote', ada('b@x.test'), 'patch a@x.test'],
    ['the same in capitals', ada('B@X.TEST'), 'patch a@x.test'],
    ['it holds what a later change wrote', ada('c@x.test'), 'patch a@x.test'],
    ['it was blocked', ada('b@x.test', { blocked: true }), 'patch a@x.test'],
    ['its password was reset', ada('b@x.test', { passwordResetAt: T0 + 1 }), 'patch a@x.test'],
    ['the previous address is back already', ada('a@x.test'), 'settled'],
    ['somebody else gave it another address', ada('z@x.test'), 'address-drifted'],
    ['it is gone', undefined, 'user-gone'],
    [
      'another identity is the primary one',
      ada('b@x.test', { identity: { id: '2', connection: 'users' } }),
      'unsupported-identity',
    ],
  ])('%s', (_, tenantUser, expected) => {
    const decision = decideUndo(first, [bToC.change], tenantUser);
    const words = { patch: 'email', refuse: 'reason', settled: undefined } as const;
    const said =
      decision.kind === 'patch'
        ? `${decision.kind} ${decision[words.patch]}`
        : decision.kind === 'refuse'
          ? decision[words.refuse]
          : decision.kind;
    expect(said).toBe(expected);
  });

  test('an address comes back as verified as it was, and never more', () => {
    const { account } = first;
    for (const emailVerified of [true, false])
      expect(
        decideUndo(
          { ...first, account: { ...account!, emailVerified, trusted: true } },
          [bToC.change],
          ada('b@x.test'),
        ),
      ).toEqual({ kind: 'patch', email: 'a@x.test', emailVerified });
  });

  test('the address of a change that is not among the later ones is not ours to take away', () => {
    expect(decideUndo(first, [], ada('c@x.test'))).toEqual({
      kind: 'refuse',
      reason: 'address-drifted',
    });
  });

  test('a change of an account that had no address has nothing to put back', () => {
    const { email: _, ...account } = first.account!;
    expect(decideUndo({ ...first, account }, [], ada('b@x.test')).kind).toBe('refuse');
  });
});

describe('after A → B → C', () => {
  test("A's link restores A, ends both changes and tells all three mailboxes", () => {
    const step = stepOf(settleUndo(first, [bToC.change], user, AFTER_UNDO, SOON));
    expect(step.changes.map(({ id, status }) => [id, status])).toEqual([
      [first.id, 'undone'],
      [second.id, 'undone'],
    ]);
    expect(step.tasks.map((task) => [task.change, task.name])).toEqual([
      [first.id, 'revoke.undo'],
      [first.id, 'mail.restored'],
      [first.id, 'mail.undone'],
      [second.id, 'mail.undone'],
    ]);
    expect(step.user).toMatchObject({
      latest: second.id,
      committed: [],
      lockedUntil: SOON + LOCK_MS,
    });
  });

  test.each([
    ['pending', undefined],
    [undefined, undefined],
    ['done', 'done'],
    ['unsupported', 'unsupported'],
  ] as const)(
    "A's undo revokes for all that followed: what C's commit had %s is reported as %s",
    (was, is) => {
      const { revocation: _, ...plain } = bToC.change;
      const follower = was === undefined ? plain : { ...plain, revocation: was };
      const [undone, swept] = stepOf(settleUndo(first, [follower], user, AFTER_UNDO, SOON)).changes;
      expect(undone!.revocation).toBe('pending');
      expect(swept!.revocation).toBe(is);
    },
  );

  test("B's link can not undo what A's link did", () => {
    const [, ended] = stepOf(settleUndo(first, [bToC.change], user, AFTER_UNDO, SOON)).changes;
    expect(requestUndo(ended!, SOON + 1)).toEqual({ kind: 'recorded', change: ended });
    const [, endedAsked] = stepOf(settleUndo(first, [second], user, AFTER_UNDO, SOON)).changes;
    expect(
      startUndoing(endedAsked!, [], user, { landsBy: LANDS_BY, passwordSetAt: 0 }, SOON).kind,
    ).toBe('recorded');
    expect(settleUndo(endedAsked!, [], user, AFTER_UNDO, SOON).kind).toBe('recorded');
  });

  test("B's link restores B and leaves A the right to undo", () => {
    const step = stepOf(settleUndo(second, [], user, AFTER_UNDO, SOON));
    expect(step.changes.map((change) => change.id)).toEqual([second.id]);
    expect(step.user!.committed).toEqual([first.id]);
    expect(decideUndo(first, [], ada('b@x.test'))).toEqual({
      kind: 'patch',
      email: 'a@x.test',
      emailVerified: true,
    });
  });

  test('a mailbox that got its own address back is not told that it lost it', () => {
    const bToA = committedTo('a@x.test', 'b@x.test', aToB.user);
    const step = stepOf(settleUndo(first, [bToA.change], bToA.user, AFTER_UNDO, SOON));
    expect(step.tasks.map((task) => [task.change, task.name])).toEqual([
      [first.id, 'revoke.undo'],
      [first.id, 'mail.restored'],
      [first.id, 'mail.undone'],
    ]);
  });
});

describe('one PATCH of a user at a time', () => {
  const pending: EmailChange = { ...SITUATIONS.invited, id: 'later' };
  const confirmed: EmailChange = { ...SITUATIONS.confirmed, id: 'later' };

  test.each([pending, confirmed])('an undo that starts ends the open change after it', (open) => {
    const step = stepOf(
      startUndoing(first, [bToC.change, open], user, { landsBy: LANDS_BY, passwordSetAt: 0 }, SOON),
    );
    expect(step.changes).toEqual([
      {
        ...first,
        writing: true,
        landsBy: LANDS_BY,
        undo: { ...first.undo, passwordSetAt: 0 },
      },
      { ...open, status: 'canceled', closedAt: SOON, canceledBy: 'undo' },
    ]);
    expect(startWriting(step.changes[1]!, LANDS_BY).kind).toBe('recorded');
  });

  test('an undo waits for a commit that may be on its way', () => {
    const writing = { ...SITUATIONS.writing, id: 'later' };
    expect(
      inWords(
        startUndoing(first, [writing], user, { landsBy: LANDS_BY, passwordSetAt: 0 }, SOON),
        SOON,
      ),
    ).toBe('refused: commit-in-progress');
  });

  test('two undos of one user take turns, and the same one may start again after a crash', () => {
    const started = stepOf(
      startUndoing(second, [], user, { landsBy: LANDS_BY, passwordSetAt: 0 }, SOON),
    );
    expect(started.user).toEqual({ ...user, undoing: second.id });
    expect(
      startUndoing(
        first,
        [started.changes[0]!],
        started.user!,
        { landsBy: LANDS_BY, passwordSetAt: 0 },
        SOON,
      ).kind,
    ).toBe('refused');
    expect(
      startUndoing(
        started.changes[0]!,
        [],
        started.user!,
        { landsBy: LANDS_BY, passwordSetAt: 0 },
        SOON,
      ).kind,
    ).toBe('write');

    const earlier = stepOf(
      startUndoing(first, [second], user, { landsBy: LANDS_BY, passwordSetAt: 0 }, SOON),
    );
    expect(
      startUndoing(second, [], earlier.user!, { landsBy: LANDS_BY, passwordSetAt: 0 }, SOON).kind,
    ).toBe('refused');
  });

  test('the turn is over when the undo is settled or refused', () => {
    const started = stepOf(
      startUndoing(second, [], user, { landsBy: LANDS_BY, passwordSetAt: 0 }, SOON),
    );
    const settled = stepOf(settleUndo(started.changes[0]!, [], started.user!, AFTER_UNDO, SOON));
    const refused = stepOf(refuseUndo(started.changes[0]!, 'email-taken', started.user!, SOON));
    expect(settled.user).not.toHaveProperty('undoing');
    expect(refused.user).toEqual(user);
    expect(
      startUndoing(
        first,
        [refused.changes[0]!],
        refused.user!,
        { landsBy: LANDS_BY, passwordSetAt: 0 },
        SOON,
      ).kind,
    ).toBe('write');
  });

  test('an undo that finds its address back already waits for its turn as well', () => {
    const other = { ...user, undoing: 'another' };
    expect(settleUndo(second, [], other, AFTER_UNDO, SOON).kind).toBe('refused');
    const writing = { ...SITUATIONS.writing, id: 'later' };
    expect(settleUndo(second, [writing], user, AFTER_UNDO, SOON).kind).toBe('refused');
  });

  test("an undo that is refused does not end another's turn", () => {
    const other = { ...user, undoing: 'another' };
    expect(stepOf(refuseUndo(second, 'email-taken', other, SOON)).user!.undoing).toBe('another');
  });
});

test('settling cancels a change that is still open, and tells nobody twice', () => {
  const open: EmailChange = { ...SITUATIONS.confirmed, id: 'later' };
  const closed: EmailChange = { ...SITUATIONS.rejected, id: 'closed' };
  const step = stepOf(settleUndo(first, [closed, open], user, AFTER_UNDO, SOON));
  expect(step.changes.map(({ id, status }) => [id, status])).toEqual([
    [first.id, 'undone'],
    ['later', 'canceled'],
  ]);
});

test('a change that is not among the committed ones of the index ends without taking others along', () => {
  const step = stepOf(settleUndo(first, [], { committed: ['x', 'y'] }, AFTER_UNDO, SOON));
  expect(step.user!.committed).toEqual(['x', 'y']);
});

test.each([
  ['as long as before the change', 0, undefined],
  ['since the commit', 1, 'pending'],
])('a password that was set %s', (_, since, state) => {
  const passwordSetAt = first.account!.passwordResetAt + since;
  const step = stepOf(settleUndo(first, [], user, { ...AFTER_UNDO, passwordSetAt }, SOON));
  expect(step.changes[0]!.password?.state).toBe(state);
  expect(step.tasks.some(({ name }) => name === 'password')).toBe(state !== undefined);
});

test('a refused undo leaves the change committed, says why and can not be asked for again', () => {
  const { undoing } = SITUATIONS;
  const refused = written(refuseUndo(undoing, 'email-taken', userOf(undoing), SOON));
  const { writing: _, landsBy: __, ...rest } = undoing;
  expect(refused).toEqual({
    ...rest,
    undo: { ...undoing.undo, refused: 'email-taken', refusedAt: SOON },
  });
  expect(requestUndo(refused, SOON).kind).toBe('recorded');
});

test('after an undo no change can be asked for until the lock is over', () => {
  const step = stepOf(settleUndo(first, [bToC.change], user, AFTER_UNDO, SOON));
  const ask = (now: number) =>
    request(askFor('d@x.test'), step.user!, step.changes[1], TIMING, now);
  expect(ask(SOON + LOCK_MS - 1)).toEqual({
    kind: 'refused',
    refusal: { code: 'changes-locked', retryAt: SOON + LOCK_MS },
  });
  expect(inWords(ask(SOON + LOCK_MS), SOON + LOCK_MS)).toBe('pending → invite (expire)');
});

test('the undo is good until the last millisecond of its window', () => {
  const { until } = aToB.change.undo!;
  expect(inWords(requestUndo(aToB.change, until - 1), until - 1)).toBe('committed → undo');
  expect(requestUndo(aToB.change, until).kind).toBe('recorded');
});
