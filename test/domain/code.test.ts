/** Guessing a code: whatever the order in which parallel guesses read, decide and write. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { CODE_TRIES, tryCode } from '../../src/domain/code.ts';
import { resend } from '../../src/domain/request.ts';
import { type EmailChange } from '../../src/domain/email-change.ts';
import { mailSent } from '../../src/domain/mails.ts';
import { AFTER_COOLDOWN, SITUATIONS, T0, TIMING, written, FREE } from './stories.ts';

const GUESSERS = 8;
/** Guesser by guesser: who makes the next step, and whether the code typed is the right one. */
const steps = fc.array(
  fc.record({ who: fc.nat(GUESSERS - 1), right: fc.nat(30).map((luck) => luck === 0) }),
  { maxLength: 120 },
);

/** One record under compare-and-set, as the store keeps it. */
function createRecord(first: EmailChange) {
  let version = 1;
  let change = first;
  return {
    read: () => ({ version, change }),
    swap: (from: number, next: EmailChange) => {
      if (from !== version) return false;
      version += 1;
      change = next;
      return true;
    },
  };
}

test('at most five wrong codes are heard, and none after them, however parallel guesses interleave', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const record = createRecord({ ...SITUATIONS.invited, mailedAt: T0 });
      const held = new Map<number, ReturnType<typeof record.read>>();
      let wrong = 0;
      let late = 0;
      for (const { who, right } of all) {
        const read = held.get(who);
        if (!read) {
          held.set(who, record.read());
          continue;
        }
        held.delete(who);
        const verdict = tryCode(read.change, right, T0 + 1);
        // Who loses a race reads again, as every door does.
        if (verdict.kind !== 'write' || !record.swap(read.version, written(verdict))) continue;
        if (!right) wrong += 1;
        else if (wrong >= CODE_TRIES) late += 1;
      }
      expect(late).toBe(0);
      const { change } = record.read();
      expect(wrong).toBe(change.codeTries ?? 0);
      expect(wrong).toBeLessThanOrEqual(CODE_TRIES);
    }),
  );
});

test('a code counts its own tries and its own ten minutes: a resend takes both away', () => {
  let change: EmailChange = { ...SITUATIONS.invited, mailedAt: T0 };
  for (let guess = 0; guess < CODE_TRIES; guess += 1)
    change = written(tryCode(change, false, T0 + 1));
  const resent = written(resend(change, FREE, TIMING, AFTER_COOLDOWN));
  expect(tryCode(resent, true, AFTER_COOLDOWN).kind).toBe('refused');
  const mailed = written(mailSent(resent, 'mail.confirm.2', AFTER_COOLDOWN));
  expect(written(tryCode(mailed, true, AFTER_COOLDOWN + 599_999)).status).toBe('confirmed');
  expect(tryCode(mailed, true, AFTER_COOLDOWN + 600_000).kind).toBe('refused');
});
