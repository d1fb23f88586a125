/** Whoever can write to Redis can put tasks there. A task is only a bell: the record says what is to be done. */
import { expect, test } from 'vitest';
import { taskOf, write } from '../../src/domain/email-change.ts';
import { startReceiver } from '../stories/receiver.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import {
  ask,
  click,
  commit,
  effectivePatches,
  invite,
  mailsOf,
  startDeployment,
  managementCalls,
  MAILS_OF_A_COMMIT,
  storeOf,
  untilDrained,
  untilMails,
  untilStatus,
} from './steps.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const FORGED = [
  ...['confirmed', 'committed', 'undone', 'canceled', 'expired', 'rejected', 'superseded'].map(
    (status) => `event.${status}`,
  ),
  'event.undo-refused',
  'event.unreachable',
  'event.revocation.committed.done',
  'event.revocation.undone.failed',
  'revoke',
  'revoke.undo',
  'commit',
  'undo',
  'verify',
  'password',
  'keep',
  'expire',
  'invite',
  'mail.done',
  'mail.changed',
  'mail.failed',
  'mail.stopped',
  'mail.refused',
  'mail.undone',
  'mail.restored',
  'mail.approve.1',
  'mail.reminder.1',
  'mail.informed',
  'mail.approved',
  'mail.keep',
  'mail.keeping',
  ...Array.from({ length: 20 }, (_, i) => `mail.notice.${i + 100}`),
  ...Array.from({ length: 20 }, (_, i) => `mail.confirm.${i + 2}`),
];

/** Puts all of these among the due tasks at once, and waits until nothing is left of them but what comes later. */
async function forge(world: World, id: string, names: readonly string[]): Promise<void> {
  const at = world.now();
  await world.redis.zadd(`${world.prefix}:due`, ...names.flatMap((name) => [at, `${id}:${name}`]));
  await untilDrained(world, 15_000);
}

test('on a pending change: no event of what never happened, nobody signed out, no mail that was not given out', async () => {
  const receiver = await startReceiver();
  const world = await startWorld({
    env: { WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: SECRET, REVOKE: 'all' },
  });
  const invited = await invite(world);
  await untilMails(world, invited, 2);
  await untilDrained(world);
  const [mails, calls] = [mailsOf(world, invited), managementCalls(world).length];
  await forge(world, invited.id, FORGED);
  expect(mailsOf(world, invited)).toEqual(mails);
  expect(managementCalls(world)).toHaveLength(calls);
  expect(receiver.typesOf(invited)).toEqual(['requested']);
  await click(world, invited.link);
  await untilStatus(world, invited, 'committed');
  expect(effectivePatches(world)).toHaveLength(1);
});

test('on a committed change: nothing of what an undo would do, and each mail once', async () => {
  const receiver = await startReceiver();
  const world = await startWorld({
    env: { WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: SECRET, REVOKE: 'sessions' },
  });
  const done = await commit(world);
  await untilMails(world, done, 4);
  await eventually(() => receiver.typesOf(done).length >= 4, 'the events');
  await untilDrained(world);
  const calls = managementCalls(world).length;
  await forge(
    world,
    done.id,
    FORGED.filter((name) => !/^event\.(confirmed|committed|revocation\.committed)/.test(name)),
  );
  expect(mailsOf(world, done)).toEqual(MAILS_OF_A_COMMIT);
  // `verify` may read, and finds nothing to write.
  expect(
    managementCalls(world)
      .slice(calls)
      .every(({ method }) => method === 'GET'),
  ).toBe(true);
  expect(new Set(receiver.typesOf(done)).size).toBe(4);
});

test('of any name and at any time: no worker falls, nothing is flooded, and everybody else goes on', async () => {
  const world = await startWorld();
  const asked = await ask(world);
  const odd = [
    'x'.repeat(200_000),
    `${asked.id}:${'y'.repeat(100_000)}`,
    `${asked.id}:mail.confirm.${'9'.repeat(400)}`,
    `${asked.id}:mail.confirm.01`,
    `${asked.id}:mail.confirm.1.1`,
    `${asked.id}:commit `,
    `${asked.id}:commit\u0000`,
    `${asked.id}:ｃｏｍｍｉｔ`,
    `${asked.id}:event.committed.again`,
    `${asked.id}:revoke.undo.undo`,
    `${asked.id}:💥`,
    `\u202e${asked.id}:commit`,
    `../${asked.id}:commit`,
    `*:commit`,
    '\n',
    '{"change":1}',
  ];
  const due = `${world.prefix}:due`;
  await world.redis.zadd(due, ...odd.flatMap((member) => ['-inf', member]));
  await world.redis.zadd(due, '+inf', `${asked.id}:undo`, '1e308', `${asked.id}:revoke`);
  await world.redis.lpush(`${world.prefix}:change:list`, 'no record');
  await world.redis.zadd(due, '1', 'list:commit');
  await commit(world, { email: 'other@example.com', to: 'other@example.org' });
  await untilMails(world, asked, 2);
  await eventually(
    async () => (await world.redis.zcount(due, '-inf', world.now())) === 0,
    'every one of them to be looked at',
  );
  const lines = world.logs.filter(({ event }) => String(event).startsWith('task.'));
  expect(Math.max(...lines.map((line) => JSON.stringify(line).length))).toBeLessThan(1500);
  expect(world.logs.filter(({ event }) => event === 'task.failed')).toEqual([]);
  expect(mailsOf(world, asked)).toHaveLength(2);
});

test('that ends its worker again and again is recognised and parked, and is no later task’s fate', async () => {
  const world = await startWorld({ workers: false });
  const asked = await ask(world);
  for (let died = 0; died < 12; died += 1) {
    const { tasks } = await storeOf(world).claim('tenant', 1, 25_000, `worker-${died}`, false);
    expect(tasks).toHaveLength(1);
    world.pass(25_001);
  }
  await startDeployment(world);
  await eventually(() => world.logs.some(({ event }) => event === 'task.parked'));
  expect(world.logs.filter(({ event }) => event === 'task.parked')).toMatchObject([
    { level: 'error', change: asked.id, task: 'invite', why: 'ends its workers' },
  ]);
  await commit(world, { email: 'other@example.com', to: 'other@example.org' });
});

test('that was parked by a build that did not know it is done by one that does', async () => {
  const world = await startWorld({ workers: false });
  const asked = await ask(world);
  const member = `${asked.id}:invite`;
  const { redis, prefix } = world;
  await redis.multi().del(`${prefix}:lane:tenant`).zrem(`${prefix}:due`, member).exec();
  await redis.zadd(`${prefix}:parked`, world.now(), member, 1, `${asked.id}:juggle`, 2, 'x');
  await startDeployment(world);
  await untilMails(world, asked, 2);
  expect(await redis.zrange(`${prefix}:parked`, '0', '-1')).toEqual([`${asked.id}:juggle`, 'x']);
});

test('rings once for all that is due in a lane, however much that is', async () => {
  // Nobody else looks.
  const world = await startWorld({ tickMs: 3_600_000 });
  const asked = await ask(world);
  await untilMails(world, asked, 2);
  const { changes, wakeUps, now } = world.workers!.deps;
  const names = Array.from({ length: 45 }, (_, i) => `unknown.${i}`);
  await changes.decide(asked.id, (latest) =>
    write(latest, ...names.map((name) => taskOf(latest, name, now()))),
  );
  wakeUps.ring([{ change: asked.id, name: names[0]! }]);
  const tried = () => world.logs.filter(({ event }) => event === 'task.given_back').length;
  await eventually(() => tried() >= names.length, 'all to be tried');
  expect(tried()).toBe(names.length);
});
