/** A checker that can not fail proves nothing: each invariant has a history that breaks it. */
import { expect, test } from 'vitest';
import type { EmailChange } from '../../src/domain/email-change.ts';
import { check } from './checker.ts';
import type { History, Leeway, Told } from './history.ts';

const NONE: Leeway = { mails: 0, tokens: 0 };
const SUB = 'auth0|1';

const committed: EmailChange = {
  id: 'a',
  sub: SUB,
  email: 'new@new.example',
  status: 'committed',
  requestedAt: 10,
  expiresAt: 1000,
  resendAfter: 20,
  secret: '',
  generation: 1,
  requires: ['new'],
  agreed: { new: 30 },
  muted: false,
  locale: 'en',
  account: {
    email: 'old@old.example',
    emailVerified: true,
    connection: 'c',
    identity: '1',
    passwordResetAt: 0,
  },
  mails: { 'mail.confirm.1': 'sent', 'mail.done': 'sent', 'mail.changed': 'sent' },
  confirmedAt: 30,
  committedAt: 40,
  closedAt: 40,
};

const call = (op: Told['op'], at: number, more: Partial<Told> = {}): Told => ({
  at,
  until: at + 1,
  sub: SUB,
  op,
  change: 'a',
  status: 202,
  ...more,
});

/** One user who asked, clicked and was moved. */
const good = (): History => ({
  users: [{ sub: SUB, original: 'old@old.example' }],
  told: [call('request', 10, { said: 'pending' }), call('confirm', 30, { said: 'confirmed' })],
  patches: [{ at: 35, sub: SUB, email: 'new@new.example' }],
  mails: ['confirm.1', 'done', 'changed'].map((name) => ({
    at: 20,
    id: `a.mail.${name}`,
    to: 'new@new.example',
    links: '#x',
  })),
  tokens: 1,
  end: {
    accounts: new Map([[SUB, { email: 'new@new.example', verified: true }]]),
    records: [committed],
    views: new Map([['a', { status: 'committed' }]]),
    due: [],
    leases: [],
    parked: [],
    leaks: [],
    crashes: [],
  },
});

/** The end of a history in which the change came to another end. */
const endedAs = (history: History, change: Partial<EmailChange>, email: string): History => {
  const record = { ...committed, ...change };
  return {
    ...history,
    end: {
      ...history.end,
      accounts: new Map([[SUB, { email, verified: true }]]),
      records: [record],
      views: new Map([
        ['a', { status: record.status, ...(record.reason ? { reason: record.reason } : {}) }],
      ]),
    },
  };
};
const withEnd = (end: Partial<History['end']>): History => ({
  ...good(),
  end: { ...good().end, ...end },
});
const unpatched = (): History => ({ ...good(), patches: [] });

test('a history without a fault has no violation', () => {
  expect(check(good(), NONE)).toEqual([]);
});

test('a mailbox that the tenant did not call verified has nothing to undo, and no mail of it', () => {
  const account = { ...committed.account!, emailVerified: false };
  const history = endedAs(good(), { account, mails: { 'mail.done': 'sent' } }, NEW);
  expect(check(history, NONE)).toEqual([]);
});

const OLD = 'old@old.example';
const NEW = 'new@new.example';
const bad: [string, History, RegExp][] = [
  [
    'an acknowledged request that left no record',
    withEnd({ records: [], views: new Map() }),
    /^I1 request/,
  ],
  [
    'a click that expired',
    endedAs(unpatched(), { status: 'expired' }, OLD),
    /^I1 confirm of a was told confirmed and it is expired/,
  ],
  ['a click that is stuck', endedAs(unpatched(), { status: 'confirmed' }, OLD), /^I1 a is stuck/],
  [
    'a click that went back to pending',
    endedAs(unpatched(), { status: 'pending' }, OLD),
    /^I1 confirm of a was told confirmed/,
  ],
  [
    'a change that was canceled by nobody',
    endedAs(unpatched(), { status: 'canceled', canceledBy: 'user' }, OLD),
    /nobody asked for it/,
  ],
  [
    'a rejection that nobody was told of',
    endedAs(unpatched(), { status: 'rejected', reason: 'email-taken' }, OLD),
    /mail.failed was not mailed/,
  ],
  [
    'a commit whose old mailbox was not told',
    endedAs(good(), { mails: { 'mail.done': 'sent' } }, NEW),
    /mail.changed was not mailed/,
  ],
  [
    'a withdrawal that was acknowledged and committed all the same',
    { ...good(), told: [...good().told, call('withdraw', 31, { status: 204 })] },
    /was withdrawn/,
  ],
  [
    'an undo that was acknowledged and forgotten',
    { ...good(), told: [...good().told, call('undo', 50, { said: 'committed' })] },
    /^I1 undo/,
  ],
  [
    'two effective PATCHes of one change',
    { ...good(), patches: [...good().patches, { at: 36, sub: SUB, email: NEW }] },
    /^I2 2 effective/,
  ],
  [
    'an account that holds what no change says',
    withEnd({ accounts: new Map([[SUB, { email: OLD, verified: true }]]) }),
    /^I3/,
  ],
  [
    'an address that was written without its verification',
    withEnd({ accounts: new Map([[SUB, { email: NEW, verified: false }]]) }),
    /^I3 .* unverified/,
  ],
  ['a PATCH before the click', { ...good(), patches: [{ at: 29, sub: SUB, email: NEW }] }, /^I4/],
  [
    'a PATCH that one of two mailboxes confirmed',
    endedAs(good(), { requires: ['new', 'current'] }, NEW),
    /^I4/,
  ],
  [
    'a mail that came twice and was never in doubt',
    { ...good(), mails: [...good().mails, good().mails[0]!] },
    /^I5 1 repeated/,
  ],
  [
    'a mail that came twice with another link',
    { ...good(), mails: [...good().mails, { ...good().mails[0]!, links: '#y' }] },
    /not the same/,
  ],
  [
    'a withdrawn change that was written after an older file was put back',
    {
      ...good(),
      restored: { from: 20, at: 34 },
      told: [...good().told, call('withdraw', 31, { said: 'canceled' })],
    },
    /^I10/,
  ],
  ['two tokens in one lifetime', { ...good(), tokens: 2 }, /^I6/],
  ['an address in a log line', withEnd({ leaks: ['{"to":"new@new.example"}'] }), /^I7/],
  ['a task that is left', withEnd({ due: ['a:commit'] }), /^I8/],
  ['a lease that is left', withEnd({ leases: ['a:commit 1'] }), /^I8/],
  ['a task that was parked', withEnd({ parked: ['a:commit'] }), /^I8/],
  [
    'an owner who is shown something else',
    withEnd({ views: new Map([['a', { status: 'confirmed' }]]) }),
    /^I9/,
  ],
  [
    'a 500',
    {
      ...good(),
      told: [...good().told, call('poll', 50, { status: 500, code: 'internal-error' })],
    },
    /^a 500/,
  ],
  ['a crash', withEnd({ crashes: ['TypeError: x'] }), /^a process died/],
];

test.each(bad)('%s is found', (_, history, expected) => {
  expect(check(history, NONE)).toContainEqual(expect.stringMatching(expected));
});

test('a third copy of a mail is found whatever was in doubt', () => {
  const [mail] = good().mails;
  const history = { ...good(), mails: [...good().mails, mail!, mail!] };
  expect(check(history, { mails: 10, tokens: 0 })).toEqual([expect.stringMatching(/3 times/)]);
});

test('what was in doubt may have come twice', () => {
  const history = { ...good(), tokens: 2, mails: [...good().mails, good().mails[0]!] };
  expect(check(history, { mails: 1, tokens: 1 })).toEqual([]);
});
