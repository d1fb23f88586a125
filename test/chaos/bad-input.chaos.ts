/** What nobody who means well sends, to real processes: through the door, into the queues, into Redis. */
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { callApi, eventually, type CallOptions } from '../support/world.ts';
import { PREFIX, startStage, type Stage } from './stage.ts';
import { ended, pressed, requested } from './steps.ts';
import { expectNoViolation } from './verdict.ts';

const QUEUES = ['tenant', 'mail', 'event', 'upkeep'];
const GARBAGE = [null, 7, 'commit', ['commit'], { task: 'commit' }, { change: {}, task: [] }];
const NO_TASKS = ['', 'commit', 'x:commit:y', ':'];

/** Records that no worker of this version can read, and how they come about. */
const SPOILT: readonly ((stored: string) => string)[] = [
  (stored) => stored.replace(/^(\d+) 1 /, '$1 2 '),
  (stored) => stored.replace(/ [\w-]{6}\./, ' AAAAAA.'),
  (stored) => `${stored.slice(0, -8)}AAAAAAAA`,
  () => 'no record at all',
];

async function addJobs({ redis }: Stage): Promise<void> {
  const connection = new Redis({ port: redis.options.port!, maxRetriesPerRequest: null });
  for (const name of QUEUES) {
    const queue = new Queue(name, { connection, prefix: PREFIX });
    for (const data of GARBAGE) await queue.add('garbage', data);
    await queue.close();
  }
  connection.disconnect();
}

test('foreign and corrupt jobs, unknown tasks, unreadable records and records of a newer version are reported and given back, the others go on, and what can be read again is done', async () => {
  const stage = await startStage({ workers: 2 });
  await stage.ready();
  const asked = [];
  for (const [i] of [...SPOILT, 'healthy'].entries()) {
    const user = stage.addUser();
    asked.push({ user, ...(await requested(stage, user, `u${i}.1@new.example`)) });
  }
  await stage.quiet();
  const healthy = asked.pop()!;
  const good: [key: string, stored: string][] = [];
  for (const [i, { change }] of asked.entries()) {
    const key = `${PREFIX}:change:${change}`;
    const stored = (await stage.redis.get(key))!;
    good.push([key, stored]);
    await stage.redis.set(key, SPOILT[i]!(stored));
  }
  const poison = asked.map(({ change }) => `${change}:commit`);
  const unknown = [`${healthy.change}:juggle`, `${healthy.change}:mail.juggle`, ...NO_TASKS];
  const members = [...poison, ...unknown];
  await stage.redis.zadd(`${PREFIX}:due`, ...members.flatMap((member) => [1, member]));
  await addJobs(stage);
  const parked = () => stage.redis.zrange(`${PREFIX}:parked`, '0', '-1');
  // What is no task in anybody's eyes is out of the way at once; the rest another build may know.
  await eventually(async () => (await parked()).length === NO_TASKS.length, 'parking', 30_000);
  expect((await parked()).toSorted()).toEqual(NO_TASKS.toSorted());
  const reported = () =>
    new Set(
      stage.fleet.alarms
        .filter(({ event }) => event === 'task.given_back')
        .map(({ change, task }) => `${String(change)}:${String(task)}`),
    );
  const strange = [...poison, ...unknown.slice(0, 2)];
  await eventually(() => reported().size === strange.length, 'every one reported', 30_000);
  expect([...reported()].toSorted()).toEqual(strange.toSorted());
  const refusedJobs = () =>
    stage.fleet.alarms.filter(({ event }) => event === 'queue.job_failed').length;
  await eventually(() => refusedJobs() === QUEUES.length * GARBAGE.length, 'every job reported');

  await pressed(stage, healthy.user, healthy.link);
  await eventually(() => stage.tenant.patches().length === 1, 'the healthy one', 20_000);
  // Nobody is told a lie about a record that nobody can read.
  const clicked = await callApi(stage.fleet.of('api')[0]!.url, 'POST', '/v1/confirm', {
    body: { token: asked[0]!.link.token },
  });
  expect(clicked.status).toBe(503);

  await Promise.all(good.map(([key, stored]) => stage.redis.set(key, stored)));
  await stage.redis.zrem(`${PREFIX}:parked`, ...NO_TASKS);
  await stage.redis.zrem(`${PREFIX}:due`, ...unknown);
  await stage.redis.hdel(`${PREFIX}:leases`, ...strange);
  for (const { user, link } of asked) await pressed(stage, user, link);
  await ended(stage, 30_000);
  await expectNoViolation(stage, {
    suite: 'bad-input',
    faults: {
      'corrupt jobs': QUEUES.length * GARBAGE.length,
      'unknown tasks': unknown.length,
      'unreadable records': SPOILT.length,
    },
  });
});

test('bad input gets a precise 4xx and changes nothing, too much of it a 429 with Retry-After', async () => {
  const stage = await startStage({ env: { LIMIT_USER: '5/1h' } });
  await stage.ready();
  const user = stage.addUser();
  const token = await stage.tokenOf(user);
  const json = (body: unknown): CallOptions => ({ token, body });
  const calls: [status: number, method: string, path: string, options: CallOptions][] = [
    [401, 'POST', '/v1/email-changes', { body: { email: 'a@new.example' } }],
    [401, 'POST', '/v1/email-changes', { token: `${token}x`, body: { email: 'a@new.example' } }],
    [400, 'POST', '/v1/email-changes', json({})],
    [400, 'POST', '/v1/email-changes', json([])],
    [400, 'POST', '/v1/email-changes', json({ email: 5 })],
    [400, 'POST', '/v1/email-changes', json({ email: 'a@new.example', admin: true })],
    [413, 'POST', '/v1/email-changes', json({ email: `${'a'.repeat(2_000_000)}@new.example` })],
    [404, 'GET', '/v1/email-changes/AAAAAAAAAAAAAAAAAAAAAA', { token }],
    [404, 'GET', '/v1/nothing', { token }],
    [405, 'PUT', '/v1/email-changes', json({})],
    [400, 'POST', '/v1/confirm', { body: { token: 'A'.repeat(64) } }],
    [400, 'POST', '/v1/confirm', { body: { token: 5 } }],
  ];
  // Counters of calls, and what BullMQ keeps for itself, come and go.
  const keys = async () =>
    (await stage.redis.keys(`${PREFIX}:*`)).filter(
      (key) => !/:(?:limit-\w+|tenant|mail|event|upkeep):|:(?:budget|pulse|epoch:clock)$/.test(key),
    );
  const before = (await keys()).toSorted();
  const { url } = stage.fleet.of('api')[0]!;
  for (let round = 0; round < 20; round += 1)
    await Promise.all(
      calls.map(async ([status, method, path, options]) => {
        const answer = await callApi(url, method, path, options);
        expect([method, path, answer.status]).toEqual([method, path, status]);
        expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(answer.body.code).toMatch(/^[a-z-]+$/);
      }),
    );
  expect((await keys()).toSorted()).toEqual(before);
  expect(await stage.records()).toEqual([]);

  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      stage.act(user, 'request', { email: `u0.${i}@new.example` }),
    ),
  );
  const refused = answers.filter((answer) => answer?.status === 429);
  expect(answers.filter((answer) => answer?.status === 202)).toHaveLength(5);
  expect(refused).toHaveLength(25);
  for (const answer of refused)
    expect(Number(answer!.headers.get('retry-after'))).toBeGreaterThan(0);
  await expectNoViolation(stage, {
    suite: 'bad-input',
    faults: { 'bad requests': 20 * calls.length + 25 },
  });
});
