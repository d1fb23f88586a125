import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, mailRetryMs } from '../../workers/backoff.ts';

const attempts = fc.integer({ min: 1, max: 100_000 });
const always = (byte: number) => (bytes: number) => Buffer.alloc(bytes, byte);

describe('backoff', () => {
  test('is never shorter than a quarter of a second, nor longer than a minute and that', () => {
    fc.assert(
      fc.property(attempts, (attempt) => {
        const ms = backoffMs(attempt, randomBytes);
        expect(ms).toBeGreaterThanOrEqual(250);
        expect(ms).toBeLessThanOrEqual(60_250);
        expect(Number.isInteger(ms)).toBe(true);
      }),
    );
  });

  test('may be twice as long with every attempt, up to a minute', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => backoffMs(attempt, always(255)));
    expect(longest).toEqual([1250, 2250, 4250, 8250, 16_250, 32_250, 60_250, 60_250]);
  });

  test('is spread over all of its range, so that tasks that failed together do not come back together', () => {
    expect(backoffMs(7, always(0))).toBe(250);
    const all = Array.from({ length: 2000 }, () => backoffMs(7, randomBytes));
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const inside = all.filter((ms) => ms >= 250 + tenth * 6000 && ms < 250 + (tenth + 1) * 6000);
      expect(inside.length).toBeGreaterThan(100);
    }
  });
});

const MINUTE = 60_000;

test('greylisting is waited out by the minutes that mail servers ask for: the first within one, then 5, 15, then every 30', () => {
  const minutes = [1, 2, 3, 4, 5, 50].map((attempt) => mailRetryMs(attempt, Infinity)! / MINUTE);
  expect(minutes).toEqual([0.75, 5, 15, 30, 30, 30]);
});

test('a mail is not put off beyond its use: its last try is a minute before the end, and then it is given up', () => {
  expect(mailRetryMs(4, 30 * MINUTE + 1)).toBe(30 * MINUTE);
  expect(mailRetryMs(4, 30 * MINUTE)).toBe(29 * MINUTE);
  expect(mailRetryMs(2, 2 * MINUTE + 1)).toBe(MINUTE + 1);
  expect(mailRetryMs(2, 2 * MINUTE)).toBeUndefined();
  expect(mailRetryMs(1, 0)).toBeUndefined();
});
