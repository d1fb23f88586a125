import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agree } from '../../src/domain/agree.ts';
import { write, type EmailChange } from '../../src/domain/email-change.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import {
  ask,
  claimOne,
  click,
  commit,
  effectivePatches,
  invite,
  mailsOf,
  MAILS_OF_A_COMMIT,
  recordOf,
  startDeployment,
  storeOf,
  untilDrained,
  untilMails,
  untilStatus,
} from './steps.ts';

const QUEUES = ['tenant', 'mail', 'event', 'upkeep'] as const;

/** Removes all that BullMQ keeps for this world, and nothing of ours. */
async function wipeQueues({ redis, prefix }: World): Promise<number> {
  const keys = await redis.keys(`${prefix.replaceAll(/[{}]/g, String.raw`\$&`)}:*`);
  const theirs = keys.filter((key) => QUEUES.some((name) => key.startsWith(`${prefix}:${name}:`)));
  if (theirs.length > 0) await redis.del(...theirs);
  return theirs.length;
}

/** A stranger's way into one of the queues. */
function openQueue(world: World, name: string): Queue {
  const connection = new Redis(world.env['REDIS_URL']!, { maxRetriesPerRequest: null });
  const queue = new Queue(name, { connection, prefix: world.prefix });
  onTestFinished(async () => {
    await queue.close();
    connection.disconnect();
  });
  return queue;
}

/** Puts a task among the due ones, and rings for it. */
async function addTask(world: World, { id }: { id: string }, name: string): Promise<void> {
  await world.redis.zadd(`${world.prefix}:due`, world.now(), `${id}:${name}`);
  ring(world, { id }, name);
}

const ring = (world: World, { id }: { id: string }, name: string): void =>
  world.workers?.deps.wakeUps.ring([{ change: id, name }]);

/** Writes over a record as if another version, or nobody who holds the key, had. */
async function spoil(world: World, id: string, how: (stored: string) => string): Promise<string> {
  const key = `${world.prefix}:change:${id}`;
  const spoilt = how((await world.redis.get(key))!);
  await world.redis.set(key, spoilt);
  return spoilt;
}

const parkedOf = ({ redis, prefix }: World) => redis.zrange(`${prefix}:parked`, '0', '-1');

describe('a wake-up that is lost', () => {
  test('between the write and the ring, as when the API dies there, costs two seconds at most', async () => {
    const world = await startWorld({ tickMs: 1000 });
    const invited = await invite(world);
    await storeOf(world).decide(invited.id, (change) => agree(change, 'new', world.now()));
    expect(await untilStatus(world, invited, 'committed', 2500)).toBeDefined();
  });

  test('with everything that BullMQ had stored, right after the click: it commits all the same', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world);
    const first = await startDeployment(world);
    await untilMails(world, asked, 2);
    await first.close();
    const [mail] = world.inbox.to(asked.to);
    await click(world, /confirm#([\w-]{64})/.exec(mail!.text)![1]!);
    expect(await wipeQueues(world)).toBeGreaterThan(0);
    await startDeployment(world);
    await untilStatus(world, asked, 'committed', 2500);
  });

  test('again and again, under the feet of the workers: everything is done once', async () => {
    const world = await startWorld();
    await startDeployment(world);
    let wiped = 0;
    const wipe = async () => {
      wiped += await wipeQueues(world);
    };
    let last = wipe();
    const wiper = setInterval(() => {
      last = Promise.all([last, wipe()]).then(() => undefined);
    }, 40);
    const stories = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        ask(world, { email: `u${i}@example.com`, to: `u${i}@example.org` }),
      ),
    );
    await eventually(() => wiped > 5);
    clearInterval(wiper);
    await last;
    // What was rung for in vain is rung for again after a while.
    world.pass(10_000);
    await Promise.all(stories.map((story) => untilMails(world, story, 2)));
    await untilDrained(world);
    expect(world.inbox.messages).toHaveLength(16);
  });

  test('does not stop a task that was put off: it is woken at its time', async () => {
    const world = await startWorld();
    const match = { method: 'GET', path: '/api/v2/' };
    const body = { errorCode: 'insufficient_scope' };
    const broken = world.tenant.faults.add({ kind: 'status', status: 403, body, match });
    const asked = await ask(world);
    await broken.struck;
    await eventually(() => world.logs.some(({ event }) => event === 'task.later'));
    broken.remove();
    await wipeQueues(world);
    world.pass(60_000);
    expect(await untilMails(world, asked, 2)).toHaveLength(2);
  });
});

describe('workers that die on a task', () => {
  test('ten times in a row: the eleventh commits it, once', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world);
    const first = await startDeployment(world);
    await untilMails(world, asked, 2);
    await untilDrained(world);
    await first.close();
    await storeOf(world).decide(asked.id, (change) => agree(change, 'new', world.now()));
    for (let died = 1; died <= 10; died += 1) {
      const claim = await claimOne(world, 'write', `worker-${died}`);
      expect(claim?.attempts).toBe(died);
      world.pass(25_001);
    }
    await startDeployment(world);
    await untilStatus(world, asked, 'committed');
    await untilMails(world, asked, 4);
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('with the PATCH carried out and unanswered: another one finds it out by reading', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world);
    const first = await startDeployment(world);
    await untilMails(world, asked, 2);
    await untilDrained(world);
    await first.close();
    const store = storeOf(world);
    await store.decide(asked.id, (change) => agree(change, 'new', world.now()));
    const claim = (await claimOne(world, 'write', 'dead'))!;
    await store.decide(asked.id, (change) => write({ ...change, writing: true }), {
      claim: { ...claim, fate: 'hold' },
    });
    world.tenant.updateUser(asked.sub, { email: asked.to, email_verified: true });
    world.pass(25_000);
    await startDeployment(world);
    await untilStatus(world, asked, 'committed');
    expect(await untilMails(world, asked, 4)).toEqual(MAILS_OF_A_COMMIT);
    expect(world.tenant.patches()).toEqual([]);
  });
});

/** Lets time pass, more than the longest delay of a task that was given back, until this is so. */
async function passUntil(world: World, id: string, check: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 30 && !(await check()); round += 1) {
    world.pass(300_000);
    await storeOf(world).file(-Infinity, 0, 1000);
    const before = world.logs.length;
    ring(world, { id }, 'juggle');
    await eventually(() => world.logs.length > before, 'the next try');
  }
}

const givenBack = (world: World) => world.logs.filter(({ event }) => event === 'task.given_back');

/** Names that no build of ours gave to a task, and that might mislead one that looks them up. */
const UNKNOWN = [
  'juggle',
  'juggle.1',
  'mail.juggle',
  'mail.confirm.next',
  'mail',
  'event.juggled',
  'commit.2',
  'revoke.all',
  'constructor',
  '__proto__.x',
  'toString',
];

describe('a task that nobody here can do', () => {
  test('is given back with an alarm and ever more slowly, whatever its name, and the others go on', async () => {
    const world = await startWorld({
      env: { WEBHOOK_URL: 'http://localhost:9/', WEBHOOK_SECRETS: SECRET },
    });
    const asked = await ask(world);
    for (const name of UNKNOWN) await addTask(world, asked, name);
    const reports = (name: string) => givenBack(world).filter(({ task }) => task === name);
    const untilEachIs = (times: number) =>
      eventually(() => UNKNOWN.every((name) => reports(name).length === times), 'the reports');
    await untilEachIs(1);
    world.pass(10_000);
    await untilEachIs(2);
    for (const name of UNKNOWN)
      expect(reports(name)).toMatchObject(
        [10_000, 20_000].map((againInMs) => ({ level: 'error', change: asked.id, againInMs })),
      );
    expect(await parkedOf(world)).toEqual([]);
    await commit(world, { email: 'other@example.com', to: 'other@example.org' });
    expect((await recordOf(world, asked.id)).status).toBe('pending');
  });

  test('for more than an hour: parked in sight', async () => {
    const world = await startWorld({ env: { LINK_TTL: '24h' } });
    const asked = await ask(world);
    const from = world.now();
    await addTask(world, asked, 'juggle');
    await passUntil(world, asked.id, async () => (await parkedOf(world)).length > 0);
    expect(world.now() - from).toBeGreaterThan(3_600_000);
    expect(await parkedOf(world)).toEqual([`${asked.id}:juggle`]);
    expect(world.logs.filter(({ event }) => event === 'task.parked')).toMatchObject([
      { level: 'error', change: asked.id, task: 'juggle', why: 'unknown task' },
    ]);
  });

  test('what is no task at all is parked in sight, and the others go on', async () => {
    const world = await startWorld();
    const members = ['', 'commit', 'no colon', ':', ':commit', 'x:', 'x:commit:y', 'a:b:c:d'];
    await world.redis.zadd(`${world.prefix}:due`, ...members.flatMap((each) => [1, each]));
    await eventually(async () => (await parkedOf(world)).length === members.length, 'parking');
    expect((await parkedOf(world)).toSorted()).toEqual(members.toSorted());
    const reported = world.logs.filter(({ event }) => event === 'task.parked');
    expect(reported.map(({ level, task }) => `${level} ${String(task)}`).toSorted()).toEqual(
      members.map((each) => `error ${each}`).toSorted(),
    );
    await commit(world);
  });

  test('a task of a change that is no more is dropped', async () => {
    const world = await startWorld();
    await addTask(world, { id: 'AAAAAAAAAAAAAAAAAAAAAA' }, 'commit');
    await untilDrained(world);
    expect(await parkedOf(world)).toEqual([]);
  });
});

describe('what BullMQ still holds', () => {
  test('a job of a due task that stands in no list stops nothing: the click is committed', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await untilDrained(world);
    // What a half-wiped queue, a restore or an older build leaves behind: hashes whose ids are taken.
    for (const id of [`${invited.id}.commit.${world.now()}`, 'tenant', 'ring', 'write', '1', '2'])
      await world.redis.hset(`${world.prefix}:tenant:${id}`, { name: 'commit', data: '{}' });
    await world.redis.set(`${world.prefix}:tenant:id`, '0');
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed', 5000);
    expect(effectivePatches(world)).toHaveLength(1);
  });

  test('a queue that is paused, or that is no queue at all, stops nothing', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await openQueue(world, 'tenant').pause();
    await world.redis.del(`${world.prefix}:mail:wait`, `${world.prefix}:mail:marker`);
    await world.redis.set(`${world.prefix}:mail:wait`, 'no list');
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed', 5000);
    expect(await untilMails(world, invited, 4)).toEqual(MAILS_OF_A_COMMIT);
  });
});

describe('a backlog', () => {
  test('of 1,100 waiting invitations keeps neither a click, a late mail nor the task of a dead worker waiting', async () => {
    const world = await startWorld({ workers: false, env: { AUTH0_RATE: '4' } });
    const first = await startDeployment(world);
    const clicked = await invite(world);
    const orphaned = await invite(world, { email: 'o@example.com', to: 'o@example.org' });
    await untilDrained(world);
    await first.close();
    const waiting = Array.from({ length: 1100 }, (_, i) => [
      world.now() - 60_000,
      `${String(i).padStart(22, 'A')}:invite`,
    ]);
    for (const [, member] of waiting)
      await world.redis.set(`${world.prefix}:change:${String(member).split(':')[0]}`, 'busy');
    await world.redis.zadd(`${world.prefix}:due`, ...waiting.flat());
    await storeOf(world).decide(orphaned.id, (change) => agree(change, 'new', world.now()));
    await claimOne(world, 'write', 'dead');
    const late = `${clicked.id}:mail.reminder.1`;
    await world.redis.zadd(`${world.prefix}:due`, world.now() + 1500, late);
    // Nobody gets on with the invitations: the tenant has no time for them.
    world.tenant.rateLimit.set({ burst: 10_000, perSecond: 10_000 });
    await startDeployment(world);
    await click(world, clicked.link);
    await untilStatus(world, clicked, 'committed', 3000);
    world.pass(25_000);
    await untilStatus(world, orphaned, 'committed', 3000);
    await eventually(async () => (await world.redis.zscore(`${world.prefix}:due`, late)) === null);
    expect(await world.redis.zcard(`${world.prefix}:due`)).toBeGreaterThan(1100);
  });
});

describe('a job that is not ours', () => {
  const wakeUps: unknown[] = [
    { change: 'x', task: 'commit', at: 0 },
    { change: 'x'.repeat(5_000_000), task: 'commit', at: 0 },
  ];
  const garbage: unknown[] = [
    null,
    7,
    'commit',
    ['commit'],
    { task: 'commit' },
    { change: 'x', task: 5, at: 0 },
    { change: { $gt: '' }, task: 'commit', at: 0 },
  ];

  test('does no harm in any queue, and is reported where it can be no wake-up', async () => {
    const world = await startWorld();
    const before = await world.redis.zcard(`${world.prefix}:due`);
    const queues = QUEUES.map((name) => openQueue(world, name));
    const jobs = [...wakeUps, ...garbage].map((data, i) => ({
      name: 'garbage',
      data,
      opts: { jobId: `garbage${i}`, attempts: 5 },
    }));
    for (const queue of queues) await queue.addBulk(jobs);
    await commit(world);
    await untilDrained(world);
    await eventually(async () => {
      const counts = queues.map((queue) => queue.getJobCounts('wait', 'active', 'delayed'));
      return (await Promise.all(counts)).every((count) =>
        Object.values(count).every((n) => n === 0),
      );
    }, 'the queues to be empty');
    expect(await parkedOf(world)).toEqual([]);
    // What is left is the expiry of the link.
    expect(await world.redis.zcard(`${world.prefix}:due`)).toBe(before + 1);
    const reported = world.logs.filter(({ event }) => event === 'queue.job_failed');
    expect(reported.map(({ queue, level }) => `${String(queue)} ${level}`).toSorted()).toEqual(
      QUEUES.flatMap((name) => garbage.map(() => `${name} error`)).toSorted(),
    );
  });
});

describe('a record that nobody here can read', () => {
  test.each<[string, (stored: string) => string]>([
    ['of a newer schema', (stored) => stored.replace(/^(\d+) 1 /, '$1 2 ')],
    ['sealed with another key', (stored) => stored.replace(/ [\w-]{6}\./, ' AAAAAA.')],
    ['altered', (stored) => `${stored.slice(0, -4)}AAAA`],
  ])(
    '%s: its task is given back in sight, it is left alone, and the others go on',
    async (_, how) => {
      const world = await startWorld({ workers: false });
      const asked = await ask(world);
      const spoilt = await spoil(world, asked.id, how);
      await startDeployment(world);
      await eventually(() => givenBack(world).length === 1, 'the report');
      expect(givenBack(world)).toMatchObject([
        { level: 'error', change: asked.id, task: 'invite', kind: 'UnreadableRecord' },
      ]);
      expect(await world.redis.get(`${world.prefix}:change:${asked.id}`)).toBe(spoilt);
      await commit(world, { email: 'other@example.com', to: 'other@example.org' });
      expect(await parkedOf(world)).toEqual([]);
    },
  );

  test('is done after all as soon as somebody can read it', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world);
    const key = `${world.prefix}:change:${asked.id}`;
    const good = (await world.redis.get(key))!;
    await spoil(world, asked.id, (stored) => stored.replace(/^(\d+) 1 /, '$1 2 '));
    await startDeployment(world);
    await eventually(() => givenBack(world).length === 1, 'the report');
    await world.redis.set(key, good);
    world.pass(10_000);
    await untilMails(world, asked, 2);
    expect(mailsOf(world, asked)).toHaveLength(2);
  });

  test('that drives its worker mad, time and again, is parked at last', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await untilMails(world, invited, 2);
    await untilDrained(world);
    // Sealed by us, of our schema, and yet not what any of our versions wrote.
    const { mails: _, ...broken } = await recordOf(world, invited.id);
    await storeOf(world).decide(invited.id, () => write(broken as unknown as EmailChange));
    await addTask(world, invited, 'mail.approve.1');
    await eventually(
      async () => {
        world.pass(60_000);
        ring(world, invited, 'mail.approve.1');
        return (await parkedOf(world)).length > 0;
      },
      'parking',
      12_000,
    );
    const failed = world.logs.filter(({ event }) => event === 'task.failed');
    expect(failed).toHaveLength(19);
    expect(failed.every(({ level, kind }) => level === 'error' && kind === 'TypeError')).toBe(true);
  });
});

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
