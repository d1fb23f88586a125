/** Who is told by mail when a change came to nothing, by whatever road. */
import { describe, expect, test } from 'vitest';
import { reject } from '../../src/domain/commit.ts';
import { agree, expire } from '../../src/domain/agree.ts';
import { request, resend } from '../../src/domain/request.ts';
import {
  cancel,
  type CanceledBy,
  type EmailChange,
  type Verdict,
} from '../../src/domain/email-change.ts';
import { mailSent, startMail } from '../../src/domain/mails.ts';
import { farewells } from '../../src/domain/endings.ts';
import { refuseUndo, settleUndo, startUndoing } from '../../src/domain/undo.ts';
import {
  askFor,
  LANDS_BY,
  AFTER_UNDO,
  SITUATIONS,
  SOON,
  stepOf,
  written,
  TIMING,
  userOf,
  type Situation,
  FREE,
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
      (change) => resend(change, FREE, TIMING, change.expiresAt),
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
      expect(told(end(change), change), situation).toContain('mail.failed');
    }
    for (const situation of NOT_CLICKED) {
      const change = SITUATIONS[situation];
      expect(told(end(change), change), situation).toEqual([]);
    }
  });

  test('gave way to the undo of an earlier one', () => {
    const earlier = SITUATIONS['undo asked'];
    const follower = { ...SITUATIONS.confirmed, id: 'follower' };
    const step = startUndoing(
      earlier,
      [follower],
      userOf(earlier),
      { landsBy: LANDS_BY, passwordSetAt: 0 },
      SOON,
    );
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
    ])
      expect(told(verdict, agreed)).toEqual(['mail.stopped']);
    expect(told(cancel(agreed, 'current-mailbox', SOON), agreed)).toEqual([]);
  });

  test.each(['mail.notice', 'mail.approve.1', 'mail.reminder.2'])(
    'hears of every end of what %s warned it of, unless it ended it itself or a newer notice comes',
    (name) => {
      const { invited, confirmed } = SITUATIONS;
      for (const state of ['sent', 'doubt', 'last-doubt'] as const) {
        const warned = { ...invited, mails: { [name]: state } };
        for (const verdict of [
          cancel(warned, 'user', SOON),
          cancel(warned, 'operator', SOON),
          reject(warned, 'undeliverable', SOON),
          expire(warned, warned.expiresAt),
        ])
          expect(told(verdict, warned)).toEqual(['mail.stopped']);
        const clicked = { ...confirmed, mails: { [name]: state } };
        expect(told(reject(clicked, 'email-taken', SOON), clicked)).toEqual([
          'mail.failed',
          'mail.stopped',
        ]);
        expect(told(cancel(warned, 'current-mailbox', SOON), warned)).toEqual([]);
        const next = request(askFor('ada@next.test'), userOf(warned), warned, TIMING, SOON);
        expect(told(next, warned)).toEqual([]);
      }
      // It never got the warning: then there is nothing to take back.
      for (const state of ['failed', 'sending', 'muted'] as const) {
        const unwarned = { ...invited, mails: { [name]: state } };
        expect(told(cancel(unwarned, 'user', SOON), unwarned)).toEqual([]);
      }
    },
  );

  test('hears of the end also when the warning was taken only after it', () => {
    const sending = { ...SITUATIONS.invited, mails: { 'mail.notice': 'sending' } as const };
    const ended = written(cancel(sending, 'user', SOON));
    const late = mailSent(ended, 'mail.notice', SOON);
    expect(late.tasks.map(({ name }) => name)).toEqual(['mail.stopped']);
    expect(startMail(late.changes[0]!, 'mail.stopped').kind).toBe('write');
    const again = mailSent(late.changes[0]!, 'mail.stopped', SOON);
    expect(again.tasks).toEqual([]);
  });

  test('that never proved anything hears of no end', () => {
    const account = { ...SITUATIONS.invited.account!, emailVerified: false };
    const informed = {
      ...SITUATIONS.invited,
      account,
      mails: { 'mail.informed': 'sent' } as const,
    };
    expect(told(cancel(informed, 'user', SOON), informed)).toEqual([]);
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
