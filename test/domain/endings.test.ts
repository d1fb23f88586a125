/** Who is told by mail when a change came to nothing, by whatever road. */
import { describe, expect, test } from 'vitest';
import { reject } from '../../src/domain/commit.ts';
import {
  agree,
  cancel,
  expire,
  request,
  resend,
  type CanceledBy,
  type EmailChange,
  type Verdict,
} from '../../src/domain/email-change.ts';
import { farewells } from '../../src/domain/endings.ts';
import { refuseUndo, settleUndo, startUndoing } from '../../src/domain/undo.ts';
import {
  askFor,
  LANDS_BY,
  AFTER_UNDO,
  SITUATIONS,
  SOON,
  stepOf,
  TIMING,
  userOf,
  type Situation,
} from './stories.ts';

/** The mails that follow when this is written over what was recorded. */
const told = (verdict: Verdict, ...before: EmailChange[]): string[] =>
  farewells(before, stepOf(verdict).changes).map(({ name }) => name);

const CLICKED: readonly Situation[] = ['both, new agreed', 'both, current silent', 'confirmed'];
const NOT_CLICKED: readonly Situation[] = ['invited', 'both invited'];

describe('the new mailbox, if it has agreed and only then, hears that its change', () => {
  const ends: [string, readonly Situation[], (change: EmailChange) => Verdict][] = [
    ['was rejected', CLICKED, (change) => reject(change, 'email-taken', SOON)],
    ...(['user', 'current-mailbox', 'operator'] as const).map(
      (by: CanceledBy): (typeof ends)[number] => [
        `was canceled by the ${by}`,
        CLICKED,
        (change) => cancel(change, by, SOON),
      ],
    ),
    ['expired', ['both, new agreed'], (change) => expire(change, change.expiresAt)],
    [
      'expired, as a late click found',
      ['both, new agreed'],
      (change) => agree(change, 'current', change.expiresAt),
    ],
    [
      'expired, as a resend found',
      ['both, new agreed'],
      (change) => resend(change, false, TIMING, change.expiresAt),
    ],
    [
      'was superseded',
      ['both, new agreed', 'both, current silent'],
      (change) => request(askFor('ada@next.test'), userOf(change), change, TIMING, SOON),
    ],
  ];
  test.each(ends)('%s', (_, clicked, end) => {
    for (const situation of clicked) {
      const change = SITUATIONS[situation];
      expect(told(end(change), change), situation).toEqual(['mail.failed']);
    }
    for (const situation of NOT_CLICKED) {
      const change = SITUATIONS[situation];
      expect(told(end(change), change), situation).toEqual([]);
    }
  });

  test('gave way to the undo of an earlier one', () => {
    const earlier = SITUATIONS['undo asked'];
    const follower = { ...SITUATIONS.confirmed, id: 'follower' };
    const step = startUndoing(earlier, [follower], userOf(earlier), LANDS_BY, SOON);
    expect(stepOf(step).changes[1]).toMatchObject({ status: 'canceled', canceledBy: 'undo' });
    expect(told(step, earlier, follower)).toEqual(['mail.failed']);
  });
});

describe('the current mailbox', () => {
  const agreed = SITUATIONS['both, current agreed'];

  test('hears of the end of what it approved, unless it ended it itself', () => {
    for (const verdict of [
      reject(agreed, 'undeliverable', SOON),
      cancel(agreed, 'user', SOON),
      cancel(agreed, 'operator', SOON),
      expire(agreed, agreed.expiresAt),
      request(askFor('ada@next.test'), userOf(agreed), agreed, TIMING, SOON),
    ])
      expect(told(verdict, agreed)).toEqual(['mail.stopped']);
    expect(told(cancel(agreed, 'current-mailbox', SOON), agreed)).toEqual([]);
  });

  test('hears, also without a part in it, that a reset of the password stopped a confirmed change', () => {
    const { confirmed, invited } = SITUATIONS;
    const stopped = reject(confirmed, 'credentials-changed', SOON);
    expect(told(stopped, confirmed)).toEqual(['mail.failed', 'mail.stopped']);
    // Nobody was told of a change that the invitation already refused.
    expect(told(reject(invited, 'credentials-changed', SOON), invited)).toEqual([]);
    const { account: _, ...bare } = confirmed;
    expect(told(reject(bare, 'credentials-changed', SOON), bare)).toEqual(['mail.failed']);
  });

  test('hears that its undo could not be, once, and nobody else does', () => {
    const { undoing } = SITUATIONS;
    const step = refuseUndo(undoing, 'email-taken', userOf(undoing), SOON);
    expect(told(step, undoing)).toEqual(['mail.refused']);
    const refused = stepOf(step).changes[0]!;
    expect(refused.undo).toMatchObject({ refused: 'email-taken', refusedAt: SOON });
    expect(farewells([refused], [{ ...refused, mails: { 'mail.refused': 'sent' } }])).toEqual([]);
  });
});

test('what took effect, and what did not end, needs no farewell', () => {
  const { undoing, 'both invited': invited, confirmed } = SITUATIONS;
  expect(told(settleUndo(undoing, [], userOf(undoing), AFTER_UNDO, SOON), undoing)).toEqual([]);
  expect(told(agree(invited, 'new', SOON), invited)).toEqual([]);
  expect(farewells([confirmed], [confirmed])).toEqual([]);
});
