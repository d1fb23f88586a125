import { expect, test } from 'vitest';
import type { Deps } from '../../src/deps.ts';
import { createTenantWatch } from '../../workers/directory/auth0/tenant-watch.ts';

const MINUTE = 60_000;

function watched() {
  let at = 0;
  const alarms: { why: string; unservedMs: number }[] = [];
  const log = { error: (line: (typeof alarms)[number]) => alarms.push(line) };
  const watch = createTenantWatch({ log, now: () => at } as unknown as Deps);
  return {
    alarms,
    fail: (minute: number, why = 'tenant: away (503)') => {
      at = minute * MINUTE;
      watch.failed(why);
    },
    serve: () => watch.served(),
  };
}

test('ten minutes without a served call are an alarm, and every ten minutes of it one more', () => {
  const { alarms, fail } = watched();
  for (let minute = 0; minute < 10; minute += 1) fail(minute);
  expect(alarms).toEqual([]);
  for (let minute = 10; minute < 30; minute += 1) fail(minute);
  expect(alarms).toMatchObject([{ unservedMs: 10 * MINUTE }, { unservedMs: 20 * MINUTE }]);
});

test('one served call, and the time begins anew', () => {
  const { alarms, fail, serve } = watched();
  fail(0);
  fail(9);
  serve();
  fail(11);
  fail(20);
  expect(alarms).toEqual([]);
  fail(21, 'tenant: busy (429)');
  expect(alarms).toMatchObject([{ why: 'tenant: busy (429)' }]);
});
