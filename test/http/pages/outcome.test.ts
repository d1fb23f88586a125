/** What became of a change, as a table: every status under every link. */
import { describe, expect, test } from 'vitest';
import {
  PURPOSES,
  STATUSES,
  type EmailChange,
  type Purpose,
} from '../../../src/domain/email-change.ts';
import {
  closedOutcome,
  isPassing,
  outcomeOf,
  type Outcome,
} from '../../../src/http/pages/outcome.ts';

const NOW = 1_000_000;
const CHANGE: EmailChange = {
  id: 'AAAAAAAAAAAAAAAAAAAAAA',
  sub: 'auth0|1',
  email: 'new@example.org',
  status: 'pending',
  requestedAt: 0,
  expiresAt: NOW + 1,
  resendAfter: 0,
  secret: '',
  generation: 1,
  requires: ['new', 'current'],
  agreed: {},
  muted: false,
  locale: 'en',
  mails: {},
};
const outcome = (purpose: Purpose, change: Partial<EmailChange>): Outcome | undefined =>
  outcomeOf(purpose, { ...CHANGE, ...change }, NOW);
const undo = { until: NOW + 1 };

describe('a pending change', () => {
  test('has nothing to tell before anybody agreed', () => {
    for (const purpose of PURPOSES) expect(outcome(purpose, {})).toBeUndefined();
  });

  test('tells the mailbox that agreed whom it waits for', () => {
    expect(outcome('confirm', { agreed: { new: 1 } })).toEqual({ kind: 'waiting', for: 'current' });
    expect(outcome('approve', { agreed: { current: 1 } })).toEqual({ kind: 'waiting', for: 'new' });
    expect(outcome('approve', { agreed: { new: 1 } })).toBeUndefined();
    expect(outcome('cancel', { agreed: { new: 1 } })).toBeUndefined();
  });

  test('is expired after its time, unless silence is about to become consent', () => {
    for (const purpose of PURPOSES)
      expect(outcome(purpose, { expiresAt: NOW })).toEqual({ kind: 'expired' });
    const waiving = { expiresAt: NOW, waivesAt: NOW, agreed: { new: 1 } };
    expect(outcome('confirm', waiving)).toEqual({ kind: 'waiting', for: 'current' });
  });
});

test('a confirmed change is on its way, and can be cancelled until a PATCH may be', () => {
  expect(outcome('confirm', { status: 'confirmed' })).toEqual({ kind: 'processing' });
  expect(outcome('cancel', { status: 'confirmed' })).toBeUndefined();
  expect(outcome('cancel', { status: 'confirmed', writing: true })).toEqual({
    kind: 'cancel-refused',
  });
});

test('a committed change is done, too late to cancel, and can be undone once, in time', () => {
  const committed = { status: 'committed', undo } as const;
  expect(outcome('confirm', committed)).toEqual({ kind: 'done' });
  expect(outcome('cancel', committed)).toEqual({ kind: 'too-late-to-cancel' });
  expect(outcome('undo', committed)).toBeUndefined();
  expect(outcome('undo', { ...committed, undo: { until: NOW } })).toEqual({
    kind: 'undo-window-passed',
  });
  expect(outcome('undo', { ...committed, undo: { ...undo, requestedAt: NOW - 1 } })).toEqual({
    kind: 'undo-processing',
  });
  const refused = { ...undo, requestedAt: 1, refused: 'address-drifted' } as const;
  expect(outcome('undo', { ...committed, undo: refused })).toEqual({
    kind: 'undo-refused',
    reason: 'address-drifted',
  });
});

test('a closed change says how it ended, whoever asks', () => {
  for (const purpose of PURPOSES) {
    for (const status of ['undone', 'superseded', 'canceled', 'expired'] as const)
      expect(outcome(purpose, { status })).toEqual({ kind: status });
    expect(outcome(purpose, { status: 'rejected', reason: 'email-taken' })).toEqual({
      kind: 'rejected',
      reason: 'email-taken',
    });
  }
});

test('before a press, a status has the words it would have after one, or a button', () => {
  for (const purpose of PURPOSES) {
    for (const status of STATUSES) {
      const before = closedOutcome(purpose, status)?.kind;
      const after = outcome(purpose, { status, undo })?.kind;
      expect(before, `${purpose} ${status}`).toBe(after === 'done' ? 'already-done' : after);
    }
  }
});

test('only outcomes that will change by themselves are asked for again', () => {
  const kinds = ['processing', 'undo-processing', 'cancel-refused'] as const;
  for (const kind of kinds) expect(isPassing({ kind })).toBe(true);
  expect(isPassing({ kind: 'done' })).toBe(false);
  expect(isPassing({ kind: 'waiting', for: 'new' })).toBe(false);
});

test('what takes longer than a reader expects says so, for a commit and for an undo', () => {
  const since = NOW - 11_000;
  expect(outcome('confirm', { status: 'confirmed', confirmedAt: since })).toEqual({
    kind: 'processing',
    slow: true,
  });
  expect(outcome('confirm', { status: 'confirmed', confirmedAt: NOW - 1000 })).toEqual({
    kind: 'processing',
  });
  const pressed = { status: 'committed', undo: { ...undo, requestedAt: since } } as const;
  expect(outcome('undo', pressed)).toEqual({ kind: 'undo-processing', slow: true });
});
