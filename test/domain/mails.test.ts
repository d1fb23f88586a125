import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EmailChange } from '../../src/domain/email-change.ts';
import {
  mailDeferred,
  mailRefused,
  MAILS,
  mailSent,
  parseMailTask,
  startMail,
  thread,
} from '../../src/domain/mails.ts';
import { SITUATIONS, SOON, written } from './stories.ts';

const CONFIRM = 'mail.confirm.1';
const stateOf = (change: EmailChange, name = CONFIRM) => change.mails[name];

test.each([
  ['mail.confirm.2', { template: 'confirm', count: 2 }],
  ['mail.approve.1', { template: 'approve', count: 1 }],
  ['mail.notice', { template: 'notice' }],
  ['mail.undone', { template: 'undone' }],
  ['mail.nothing', undefined],
  ['mail.constructor', undefined],
  ['mail.toString', undefined],
  ['mail.confirm.', undefined],
  ['mail.confirm.x', undefined],
  ['mail.confirm.1.2', undefined],
  ['mail.confirm.1\n', undefined],
  ['xmail.confirm.1', undefined],
  ['invite', undefined],
  ['', undefined],
])('the task %j is the mail %j', (name, task) => {
  expect(parseMailTask(name)).toEqual(task);
});

test('every template has a task, a mailbox, and links that belong to that mailbox', () => {
  const mailboxOf = { confirm: 'new', approve: 'current', cancel: 'current', undo: 'current' };
  for (const [template, { to, links }] of Object.entries(MAILS)) {
    expect(parseMailTask(`mail.${template}`)).toEqual({ template });
    for (const purpose of links) expect(mailboxOf[purpose]).toBe(to);
  }
});

describe('one mail', () => {
  const { invited } = SITUATIONS;
  const first = written(startMail(invited, CONFIRM));

  test('is marked before its first byte', () => {
    expect(first).toEqual({ ...invited, mails: { [CONFIRM]: 'sending' } });
  });

  test('goes out once more when its end is in doubt, and never a third time', () => {
    const second = written(startMail(first, CONFIRM));
    expect(stateOf(second)).toBe('doubt');
    expect(startMail(second, CONFIRM)).toEqual({ kind: 'recorded', change: second });
  });

  test('that was put off may go out again as if nothing had been', () => {
    expect(written(mailDeferred(first, CONFIRM))).toEqual(invited);
  });

  test('that was put off after a doubt still has its one more attempt, and no other', () => {
    const putOff = written(mailDeferred(written(startMail(first, CONFIRM)), CONFIRM));
    const again = written(startMail(putOff, CONFIRM));
    expect(stateOf(again)).toBe('doubt');
    expect(startMail(again, CONFIRM).kind).toBe('recorded');
  });

  test('that was sent or refused never goes out again', () => {
    for (const end of [mailSent(first, CONFIRM, SOON), mailRefused(first, CONFIRM, SOON)])
      expect(startMail(written(end), CONFIRM).kind).toBe('recorded');
  });

  test('does not stand in the way of another', () => {
    const sent = written(mailSent(first, CONFIRM, SOON));
    expect(written(startMail(sent, 'mail.notice')).mails).toEqual({
      [CONFIRM]: 'sent',
      'mail.notice': 'sending',
    });
  });
});

describe('when the invitation was mailed', () => {
  const { invited } = SITUATIONS;

  test('the change says so', () => {
    expect(written(mailSent(invited, CONFIRM, SOON)).mailedAt).toBe(SOON);
  });

  test('the notice does not count, nor does a mail that a resend replaced', () => {
    expect(written(mailSent(invited, 'mail.notice', SOON))).not.toHaveProperty('mailedAt');
    const resent = { ...invited, generation: 2 };
    expect(written(mailSent(resent, CONFIRM, SOON))).not.toHaveProperty('mailedAt');
  });
});

describe('a server that refuses for good', () => {
  test('ends a change whose new address was not confirmed yet', () => {
    const refused = written(mailRefused(SITUATIONS.invited, CONFIRM, SOON));
    expect(refused).toMatchObject({ status: 'rejected', reason: 'undeliverable', closedAt: SOON });
    expect(stateOf(refused)).toBe('failed');
  });

  test('can not take back that the new mailbox has agreed', () => {
    const refused = written(mailRefused(SITUATIONS['both, new agreed'], CONFIRM, SOON));
    expect(refused.status).toBe('pending');
  });

  test.each(['mail.notice', 'mail.approve.1'])('does not end a change by refusing %s', (name) => {
    const refused = written(mailRefused(SITUATIONS['both invited'], name, SOON));
    expect(refused.status).toBe('pending');
    expect(stateOf(refused, name)).toBe('failed');
  });
});

/** What an SMTP server and a worker can do to one mail. `crash`: nobody learns how it ended. */
const fate = fc.constantFrom('accepted', 'accepted, crash', 'crash', 'deferred', 'refused');

test('whatever happens, a mail is accepted at most twice, and twice only after a doubt', () => {
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 12 }), (fates) => {
      let change: EmailChange = SITUATIONS['undone'];
      let accepted = 0;
      let doubts = 0;
      for (const end of fates) {
        const started = startMail(change, 'mail.restored');
        if (started.kind !== 'write') break;
        change = started.changes[0]!;
        accepted += end.startsWith('accepted') ? 1 : 0;
        doubts += end.endsWith('crash') ? 1 : 0;
        if (end === 'accepted') change = written(mailSent(change, 'mail.restored', SOON));
        if (end === 'deferred') change = written(mailDeferred(change, 'mail.restored'));
        if (end === 'refused') change = written(mailRefused(change, 'mail.restored', SOON));
      }
      expect(doubts).toBeLessThanOrEqual(2);
      expect(accepted).toBeLessThanOrEqual(doubts === 0 ? 1 : 2);
    }),
  );
});

test('all mails of a story are in one thread, which an invitation begins', () => {
  const { invited } = SITUATIONS;
  const after = (...names: string[]): EmailChange => ({
    ...invited,
    mails: Object.fromEntries(names.map((name) => [name, 'sent'])),
  });
  const told = after(
    'mail.notice',
    'mail.confirm.1',
    'mail.confirm.2',
    'mail.done',
    'mail.changed',
  );
  expect(thread(told, 'done')).toEqual(['mail.confirm.2', 'mail.done']);
  expect(thread(told, 'restored')).toEqual(['mail.notice', 'mail.changed']);
  expect(thread(told, 'confirm')).toEqual([]);
  expect(thread(after('mail.approve.1', 'mail.reminder.1'), 'stopped')).toEqual([
    'mail.approve.1',
    'mail.reminder.1',
  ]);
  expect(thread(after('mail.done'), 'undone')).toEqual(['mail.done']);
  // What did not arrive is in no thread.
  expect(thread({ ...invited, mails: { 'mail.notice': 'failed' } }, 'stopped')).toEqual([]);
});
