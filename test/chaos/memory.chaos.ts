/** Whatever is away: nothing piles up in memory, neither of those who are asked nor of those who wait. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { callApi } from '../support/world.ts';
import type { Member } from './deployment.ts';
import { startStage } from './stage.ts';
import { ended, pressed, requested } from './steps.ts';
import { expectNoViolation } from './verdict.ts';

/** A heap that grows beyond this ends the process, and with it the test. */
const HEAP_MB = 64;
const ENV = { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`, TASK_LEASE: '5s' };
/** What a garbage collector may leave lying about. */
const SLACK_MB = 40;

const residentMb = ({ pid }: Member): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

test('while Redis is away, ten thousand refused calls leave an API no larger than two thousand did, and workers wait as they are', async () => {
  const stage = await startStage({ env: ENV });
  await stage.ready();
  const user = stage.addUser();
  const { link } = await requested(stage, user, 'u0.1@new.example');
  await stage.quiet();
  const [api] = stage.fleet.of('api') as [Member];
  const [worker] = stage.fleet.of('workers') as [Member];
  const pids = [api.pid, worker.pid];
  const back = stage.restartRedis('SIGKILL', 45_000);
  let refused = 0;
  const ask = async () => {
    const { status } = await callApi(api.url, 'POST', '/v1/confirm', {
      body: { token: link.token },
    });
    if (status === 503) refused += 1;
  };
  const askTimes = async (times: number) => {
    for (let i = 0; i < times; i += 50) await Promise.all(Array.from({ length: 50 }, ask));
  };
  // The first may meet a Redis that is still there.
  await sleep(500);
  await askTimes(2000);
  const before = [residentMb(api), residentMb(worker)] as const;
  await askTimes(8000);
  expect(refused).toBe(10_000);
  expect(residentMb(api) - before[0]).toBeLessThan(SLACK_MB);
  expect(residentMb(worker) - before[1]).toBeLessThan(SLACK_MB);
  await back;
  await pressed(stage, user, link);
  await ended(stage, 60_000);
  expect([api.pid, worker.pid]).toEqual(pids);
  await expectNoViolation(stage, { suite: 'memory', faults: { 'Redis SIGKILL': 1 } });
});

test('while tenant and mail server hang, what workers have to wait for stays in Redis', async () => {
  const CHANGES = 150;
  const stage = await startStage({ env: ENV });
  await stage.ready();
  const [worker] = stage.fleet.of('workers') as [Member];
  const { pid } = worker;
  const before = residentMb(worker);
  const hanging = stage.tenant.faults.add({ kind: 'hang', match: { path: '/api/v2' } });
  const silent = stage.inbox.fault({ stage: 'connect', action: 'hang' });
  const users = Array.from({ length: CHANGES }, () => stage.addUser());
  await Promise.all(
    users.map((user, i) => stage.act(user, 'request', { email: `u${i}.1@new.example` })),
  );
  // Long enough for every task to have been tried, and put off, more than once.
  for (const until = Date.now() + 20_000; Date.now() < until; await sleep(500)) await stage.hurry();
  expect(hanging.hits).toBeGreaterThan(CHANGES / 10);
  expect(residentMb(worker) - before).toBeLessThan(SLACK_MB);
  hanging.remove();
  silent.remove();
  expect(await stage.quiet()).toBe(true);
  expect(stage.inbox.messages).toHaveLength(2 * CHANGES);
  expect(worker.pid).toBe(pid);
  await expectNoViolation(stage, { suite: 'memory', faults: { 'tenant hang': hanging.hits } });
});
