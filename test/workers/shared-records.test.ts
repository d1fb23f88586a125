import { describe, expect, test } from 'vitest';
import type { EmailChange } from '../../src/domain/email-change.ts';
import type { Found } from '../../src/store/records.ts';
import { createSharedRecords } from '../../workers/shared-records.ts';

const at = (version: number, id = 'one'): Found<EmailChange> => ({
  value: { id } as EmailChange,
  version,
});

describe('what tasks of one change know of its record', () => {
  test('is the newest that any of them read or wrote', () => {
    const records = createSharedRecords();
    const first = records.join(at(3));
    const second = records.join(at(2));
    expect(second.newest().version).toBe(3);
    second.learn(at(4));
    first.learn(at(3));
    expect(first.newest().version).toBe(4);
    first.learn(at(9, 'another'));
    expect(first.newest()).toEqual(at(4));
  });

  test('is forgotten when the last of them is over, and not before', () => {
    const records = createSharedRecords();
    const [first, second] = [records.join(at(5)), records.join(at(5))];
    first.leave();
    const third = records.join(at(1));
    expect(third.newest().version).toBe(5);
    second.leave();
    third.leave();
    expect(records.join(at(1)).newest().version).toBe(1);
  });

  test('is written in turn, also after a write that failed', async () => {
    const records = createSharedRecords();
    const [first, second] = [records.join(at(1)), records.join(at(1))];
    const order: string[] = [];
    const slow = first.inTurn(async () => {
      order.push('first begins');
      await new Promise((resolve) => setTimeout(resolve, 20));
      order.push('first ends');
      throw new Error('lost');
    });
    const next = second.inTurn(async () => {
      order.push('second');
      return second.newest().version;
    });
    await expect(slow).rejects.toThrow('lost');
    expect(await next).toBe(1);
    expect(order).toEqual(['first begins', 'first ends', 'second']);
  });
});
