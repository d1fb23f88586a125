import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import type { TenantFault } from '../../workers/directory/auth0/faults.ts';
import {
  createTenantBudget,
  pauseMs,
  type TenantBudget,
} from '../../workers/directory/auth0/tenant-budget.ts';

describe('the budget', () => {
  /** Two processes on one budget of this many calls a second. */
  function openBudgets(callsPerSecond: number) {
    const prefix = `readdress:{b-${randomUUID()}}`;
    const open = () => {
      const redis = new Redis(inject('redisUrl'));
      onTestFinished(() => redis.disconnect());
      const deps = { redis, prefix, config: { callsPerSecond }, now: Date.now };
      return createTenantBudget(deps as unknown as Parameters<typeof createTenantBudget>[0]);
    };
    return [open(), open()] as const;
  }
  const headers = (remaining: number) =>
    new Headers({ 'x-ratelimit-remaining': String(remaining) });
  const tooMany = (seconds: number) => new Headers({ 'retry-after': String(seconds) });
  const refusal = (budget: TenantBudget, maxWaitMs = 0) =>
    budget.take(maxWaitMs).then(
      () => undefined,
      (error: TenantFault) => error.retryAfterMs,
    );

  test('is one for all: what one process took the other has not', async () => {
    const [one, other] = openBudgets(4);
    for (const budget of [one, other, one]) expect(await refusal(budget)).toBeUndefined();
    expect(await refusal(other)).toBeGreaterThan(150);
    expect(await refusal(other)).toBeLessThan(270);
  });

  test('is no longer waited for when Redis’ clock was set back, and is a budget all the same', async () => {
    const prefix = `readdress:{b-${randomUUID()}}`;
    const redis = new Redis(inject('redisUrl'));
    onTestFinished(() => redis.disconnect());
    const deps = { redis, prefix, config: { callsPerSecond: 2 }, now: Date.now };
    const budget = createTenantBudget(deps as never);
    // As it was left by a clock that was an hour ahead, with one call taken and a pause of a second.
    const ahead = Date.now() + 3_600_000;
    const left = { full: ahead + 515, closed: ahead + 1000, seen: ahead };
    await redis.hset(`${prefix}:budget`, left);
    expect(await refusal(budget)).toBeGreaterThan(500);
    expect(await refusal(budget)).toBeLessThanOrEqual(1000);
    await budget.take(1100);
    expect(await refusal(budget)).toBeLessThanOrEqual(600);
  });

  test('is what the tenant says is left, where that is less', async () => {
    const [one, other] = openBudgets(10);
    await one.learn(200, headers(0));
    expect(await refusal(other)).toBeGreaterThan(50);
    const [rich, same] = openBudgets(10);
    await rich.learn(200, headers(1));
    expect(await refusal(same)).toBeUndefined();
    expect(await refusal(same)).toBeGreaterThan(50);
  });

  test('is never more than AUTH0_RATE, whatever the tenant says is left', async () => {
    const [one, other] = openBudgets(2);
    await one.take(0);
    for (const text of ['1000', '-5', 'many', '']) {
      await one.learn(200, new Headers({ 'x-ratelimit-remaining': text }));
      expect(await refusal(other)).toBeGreaterThan(300);
    }
  });

  test('is closed by a 429 for everybody until the reset, and opens for one at a time', async () => {
    const [one, other] = openBudgets(10);
    await one.learn(429, tooMany(1));
    expect(await refusal(other)).toBeGreaterThan(900);
    const from = Date.now();
    await Promise.all([one.take(3000), other.take(3000), one.take(3000)]);
    // The third turn is two intervals after the opening.
    expect(Date.now() - from).toBeGreaterThan(950 + 200);
    expect(Date.now() - from).toBeLessThan(2500);
  });

  test('a turn that somebody waits for is void when a 429 comes first', async () => {
    const [one, other] = openBudgets(2);
    await one.take(0);
    const from = Date.now();
    const patient = one.take(5000).then(() => Date.now() - from);
    const hasty = refusal(other, 1100);
    await one.learn(429, tooMany(2));
    expect(await patient).toBeGreaterThan(1900);
    expect(await hasty).toBeGreaterThan(500);
  });

  test('a shorter pause does not shorten a longer one', async () => {
    const [one, other] = openBudgets(10);
    await one.learn(429, tooMany(5));
    await other.learn(429, tooMany(1));
    expect(await refusal(one)).toBeGreaterThan(4500);
  });
});

describe('how long a 429 asks to wait', () => {
  const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);
  const wait = (headers: Record<string, string>) => pauseMs(new Headers(headers), NOW);
  const seconds = NOW / 1000;
  test.each<[string, Record<string, string>, number]>([
    ['until the reset', { 'x-ratelimit-reset': String(seconds + 3) }, 3000],
    [
      "until the reset, by the tenant's own clock where it shows it",
      {
        'x-ratelimit-reset': String(seconds + 3600 + 3),
        date: new Date(NOW + 3_600_000).toUTCString(),
      },
      3000,
    ],
    ['Retry-After, where there is one', { 'retry-after': '7', 'x-ratelimit-reset': '1' }, 7000],
    ['a moment, when the reset is past', { 'x-ratelimit-reset': String(seconds - 100) }, 250],
    ['a minute at most', { 'x-ratelimit-reset': String(seconds + 99_999) }, 60_000],
    ['a second, when it does not say', {}, 1000],
    ['a second, when it says nonsense', { 'x-ratelimit-reset': 'soon', 'retry-after': 'x' }, 1000],
    [
      'a second, when Retry-After is a date we do not read',
      { 'retry-after': new Date(NOW).toUTCString() },
      1000,
    ],
  ])('%s', (_, headers, ms) => {
    expect(wait(headers)).toBe(ms);
  });
});
