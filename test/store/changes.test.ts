import { randomBytes, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import {
  close,
  recorded,
  taskOf,
  write,
  type EmailChange,
  type UserChanges,
} from '../../src/domain/email-change.ts';
import { createClock } from '../../src/clock.ts';
import { createSealer } from '../../src/seal.ts';
import { createChangeStore, StaleClaim, type Rule } from '../../src/store/changes.ts';
import { outboxArgs, outboxKeys } from '../../src/store/outbox.ts';
import { UnreadableRecord } from '../../src/store/records.ts';
import { StoreUnavailable } from '../../src/store/redis.ts';
import { DAY, HOUR, SITUATIONS, type Situation } from '../domain/stories.ts';
import { allKeys } from './all-keys.ts';

/** A store on keys of its own, and ever more connections to it. */
function openStore(wish = { events: false, auditLength: 100 }) {
  const prefix = `readdress:{s-${randomUUID()}}`;
  const time = { ahead: 0 };
  const options = { ...wish, clock: createClock(() => Date.now() + time.ahead) };
  const sealer = createSealer([randomBytes(32)], randomBytes);
  const connect = () => {
    const redis = new Redis(inject('redisUrl'));
    onTestFinished(() => redis.disconnect());
    return { redis, store: createChangeStore(redis, sealer, prefix, options) };
  };
  const { redis, store } = connect();
  const everything = () => allKeys(redis, prefix);
  onTestFinished(async () => {
    const keys = Object.keys(await everything());
    if (keys.length > 0) await redis.del(...keys);
  });
  return {
    redis,
    store,
    prefix,
    everything,
    connect,
    keys: store.keys,
    time,
    clock: options.clock,
  };
}
type Opened = ReturnType<typeof openStore>;

const NOW = Date.now();
const LEASE_MS = 25_000;
let count = 0;

/** Puts a change of a user of its own into the store, in this situation, with its tasks due now. */
async function put(
  { store }: Opened,
  situation: Situation = 'invited',
  tasks: string[] = ['commit'],
): Promise<EmailChange> {
  count += 1;
  const change: EmailChange = {
    ...SITUATIONS[situation],
    id: randomBytes(16).toString('base64url'),
    sub: `auth0|${count}`,
    expiresAt: NOW + HOUR,
  };
  await store.decideRequest(change.sub, (user) => ({
    kind: 'write',
    changes: [change],
    user: { ...user, latest: change.id },
    tasks: tasks.map((name) => taskOf(change, name, NOW)),
  }));
  return change;
}

/** Claims the next commit at this time, give or take what the machine takes to get there. */
async function claim(
  { store, time }: Opened,
  now = NOW,
  holder: string = randomUUID(),
  again = false,
) {
  time.ahead = now - Date.now();
  const { tasks } = await store.claim('write', 1, LEASE_MS, holder, again);
  return tasks[0]?.claim;
}

const dueOf = (opened: Opened, { id }: EmailChange, name = 'commit') =>
  opened.redis.zscore(opened.keys.due, `${id}:${name}`);

describe('compare and set', () => {
  test('fifty writers at once each build on what the one before wrote: none is lost, nor its task', async () => {
    const opened = openStore();
    const { id } = await put(opened);
    const writers = Array.from({ length: 5 }, () => opened.connect().store);
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        writers[i % 5]!.decide(id, (change) =>
          write(
            { ...change, codeTries: (change.codeTries ?? 0) + 1 },
            taskOf(change, `t.${change.codeTries ?? 0}`, NOW),
          ),
        ).catch((error: unknown) => {
          // Who loses fifty races in a row says so and has written nothing.
          if (!(error instanceof StoreUnavailable)) throw error;
        }),
      ),
    );
    const { value, version } = (await opened.store.findChange(id))!;
    expect(value.codeTries).toBe(version - 1);
    expect(await opened.redis.zcard(opened.keys.due)).toBe(version);
  });

  test('a write over an older version writes nothing at all: no record, no task, no audit line, no message', async () => {
    const opened = openStore();
    const change = await put(opened);
    const other = await put(opened);
    const heard: string[] = [];
    const listener = opened.connect().redis;
    await listener.subscribe(opened.keys.changed);
    listener.on('message', (_, ids: string) => heard.push(ids));

    const body = (await opened.redis.get(opened.keys.change(change.id)))!.replace(/^\d+ /, '');
    const held = await claim(opened);
    const before = await opened.everything();
    const plan = {
      now: NOW,
      claim: { ...held, fate: 'done' },
      writes: [
        { version: '1', body },
        { version: '7', body },
      ],
      tasks: [[NOW, `${change.id}:later`]],
      audit: ['line'],
      auditLength: 10,
      publish: [opened.keys.changed, change.id],
    };
    const keys = [
      ...outboxKeys(opened.keys),
      opened.keys.audit,
      opened.keys.pulse,
      opened.keys.change(change.id),
      opened.keys.change(other.id),
    ];
    expect(
      await opened.redis.swap(
        keys.length,
        ...keys,
        ...outboxArgs(opened.clock),
        JSON.stringify(plan),
      ),
    ).toBe('conflict');
    expect(await opened.everything()).toEqual(before);
    // Heard in order, so what a later write says came alone.
    await opened.store.decide(other.id, (latest) => write({ ...latest, muted: true }));
    await expect.poll(() => heard).toEqual([other.id]);
  });

  test('a record that must not exist yet is not overwritten', async () => {
    const opened = openStore();
    const change = await put(opened);
    const before = await opened.everything();
    const again = opened.store.decideRequest('auth0|somebody-else', () =>
      write({ ...change, email: 'mallory@example.com' }),
    );
    await expect(again).rejects.toThrow(StoreUnavailable);
    expect(await opened.everything()).toEqual(before);
  });

  test('a rule that refuses, throws, or only looks leaves everything as it is', async () => {
    const opened = openStore();
    const { id } = await put(opened);
    const before = await opened.everything();
    const code = 'commit-in-progress';
    await opened.store.decide(id, () => ({ kind: 'refused', refusal: { code } }));
    await opened.store.decide(id, recorded);
    const thrown = opened.store.decide(id, () => {
      throw new Error('no token of ours');
    });
    await expect(thrown).rejects.toThrow('no token of ours');
    expect(await opened.everything()).toEqual(before);
  });

  test('about what does not exist there is nothing to decide', async () => {
    const { store } = openStore();
    expect(await store.decide('nothing', recorded)).toBeUndefined();
    expect(await store.decideAmong('nothing', recorded)).toBeUndefined();
  });

  test('two requests of one user at once leave one open change, and the loser decided on what the winner wrote', async () => {
    const opened = openStore();
    const rules = Array.from({ length: 10 }, (_, i) =>
      opened.connect().store.decideRequest('auth0|twice', (user, latest) => {
        const change = { ...SITUATIONS.asked, id: `change-${i}`, sub: 'auth0|twice' };
        return {
          kind: 'write',
          changes: latest ? [change, close(latest, 'superseded', NOW)] : [change],
          user: { ...user, latest: change.id },
          tasks: [taskOf(change, 'invite', NOW)],
        };
      }),
    );
    await Promise.all(rules);
    const changes = await Promise.all(
      rules.map(async (_, i) => (await opened.store.findChange(`change-${i}`))!.value),
    );
    const open = changes.filter(({ status }) => status === 'pending');
    expect(open.map(({ id }) => id)).toEqual([
      (await opened.store.readUser('auth0|twice')).value.latest,
    ]);
  });
});

test('a user’s index that two sealing keys move to and fro never has a version that it had before', async () => {
  const { redis, prefix, clock } = openStore();
  const keys = [randomBytes(32), randomBytes(32)];
  const [first, second] = [keys, keys.toReversed()].map((order) =>
    createChangeStore(redis, createSealer(order, randomBytes), prefix, {
      events: false,
      auditLength: 0,
      clock,
    }),
  ) as [Opened['store'], Opened['store']];
  const sub = 'auth0|to-and-fro';
  let asked = 0;
  const rule = (user: UserChanges) => {
    asked += 1;
    const id = randomBytes(16).toString('base64url');
    const change: EmailChange = { ...SITUATIONS.invited, id, sub, expiresAt: NOW + HOUR };
    return { kind: 'write' as const, changes: [change], user: { ...user, latest: id }, tasks: [] };
  };
  await first.decideRequest(sub, rule);
  const old = await first.readGoing(sub);
  await second.decideRequest(sub, rule);
  await first.decideRequest(sub, rule);
  await first.decideRequest(sub, rule, {}, old);
  // The last one was asked of what is old, and then of what is there.
  expect(asked).toBe(5);
});

describe('a claim', () => {
  test('of a due task is given to one of fifty', async () => {
    const opened = openStore();
    await put(opened);
    const others = Array.from({ length: 5 }, () => opened.connect());
    const claims = await Promise.all(
      Array.from({ length: 50 }, (_, i) => claim({ ...opened, ...others[i % 5] })),
    );
    const held = claims.filter((each) => each !== undefined);
    expect(held).toMatchObject([{ attempts: 1, deaths: 0 }]);
    expect(held[0]!.until - (NOW + LEASE_MS)).toBeLessThan(1000);
    expect(held[0]!.leftMs()).toBeLessThanOrEqual(LEASE_MS);
  });

  test('is not given before the task is due, nor for a task that is not there', async () => {
    const opened = openStore();
    const change = await put(opened);
    expect(await claim(opened, NOW - 500)).toBeUndefined();
    await opened.redis.zrem(opened.keys.due, `${change.id}:commit`);
    expect(await claim(opened)).toBeUndefined();
    expect(await opened.redis.exists(opened.keys.leases)).toBe(0);
  });

  test('that was sent twice finds its own lease', async () => {
    const opened = openStore();
    await put(opened);
    const first = await claim(opened, NOW, 'me');
    expect(await claim(opened, NOW + 5, 'me', true)).toMatchObject({
      epoch: first?.epoch,
      attempts: 1,
    });
    expect(await claim(opened, NOW + 5, 'you', true)).toBeUndefined();
  });

  test('is for somebody else when its lease is over, under a new epoch and as the next attempt', async () => {
    const opened = openStore();
    await put(opened);
    const first = await claim(opened);
    expect(await claim(opened, NOW + LEASE_MS - 500)).toBeUndefined();
    const second = await claim(opened, NOW + LEASE_MS + 500);
    expect(second?.attempts).toBe(2);
    expect(Number(second?.epoch)).toBeGreaterThan(Number(first?.epoch));
  });

  test('never has an epoch that another one had, whatever became of the tasks', async () => {
    const opened = openStore();
    const changes = await Promise.all(Array.from({ length: 5 }, () => put(opened)));
    const epochs: number[] = [];
    for (let round = 0; round < 6; round += 1)
      for (let i = 0; i < changes.length; i += 1) {
        const held = (await claim(opened, NOW + 100 * round))!;
        epochs.push(Number(held.epoch));
        if (round % 3 === 0) await opened.store.release({ ...held, fate: 'later', ms: 0 });
        else {
          await opened.store.release({ ...held, fate: 'done' });
          await opened.store.decide(held.task.split(':')[0]!, (latest) =>
            write(latest, taskOf(latest, 'commit', NOW)),
          );
        }
      }
    expect(new Set(epochs).size).toBe(30);
    expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
  });

  test('that was lost is stale and writes nothing, whatever its holder wants', async () => {
    const opened = openStore();
    const change = await put(opened);
    const lost = (await claim(opened))!;
    const held = (await claim(opened, NOW + LEASE_MS + 500))!;
    const before = await opened.everything();
    const { store } = opened;
    const rule = (latest: EmailChange) => write({ ...latest, muted: true });
    for (const fate of ['done', 'hold'] as const)
      await expect(store.decide(change.id, rule, { claim: { ...lost, fate } })).rejects.toThrow(
        StaleClaim,
      );
    await expect(
      store.decideAmong(change.id, rule, { claim: { ...lost, fate: 'later', ms: 0 } }),
    ).rejects.toThrow(StaleClaim);
    await store.release({ ...lost, fate: 'done' });
    await store.release({ ...lost, fate: 'later', ms: 0 });
    expect(await opened.everything()).toEqual(before);
    await store.decide(change.id, rule, { claim: { ...held, fate: 'done' } });
    expect(await dueOf(opened, change)).toBeNull();
  });

  test('whose end was written and only the answer lost is told what it wrote; nobody else is', async () => {
    const opened = openStore();
    const change = await put(opened);
    const found = (await opened.store.findChange(change.id))!;
    const held = { ...(await claim(opened))!, fate: 'done' as const };
    const ended = (latest: EmailChange) => write(close(latest, 'canceled', opened.clock.now()));
    const first = await opened.store.decide(found, ended, { claim: held });
    expect(first).toMatchObject({ transitions: [{ from: 'pending' }] });
    // Asked again, with what was known before.
    const again = await opened.store.decide(found, ended, { claim: held, again: true });
    expect(again).toMatchObject({
      change: { status: 'canceled' },
      transitions: [{ from: 'pending' }],
    });
    const other = (latest: EmailChange) => write(close(latest, 'expired', opened.clock.now()));
    // Whoever has no lease any more can not tell whose end it was.
    const late = { ...held, leftMs: () => 0 };
    await expect(opened.store.decide(found, ended, { claim: late, again: true })).rejects.toThrow(
      StaleClaim,
    );
    for (const [rule, asked] of [
      [ended, false],
      [other, true],
    ] as const)
      await expect(opened.store.decide(found, rule, { claim: held, again: asked })).rejects.toThrow(
        StaleClaim,
      );
    expect((await opened.store.findChange(change.id))?.version).toBe(found.version + 1);
  });

  test.each<[string, Rule]>([
    ['moved no status', (latest) => write({ ...latest, muted: true })],
    ['had nothing to write', recorded],
  ])('whose end %s is told the same once more when the answer was lost', async (_, rule) => {
    const opened = openStore();
    const change = await put(opened);
    const found = (await opened.store.findChange(change.id))!;
    const held = { ...(await claim(opened))!, fate: 'done' as const };
    const first = await opened.store.decide(found, rule, { claim: held });
    const again = await opened.store.decide(found, rule, { claim: held, again: true });
    expect(again).toEqual(first);
    // The change may have moved on since, by a click.
    await opened.store.decide(change.id, (latest) => write({ ...latest, status: 'confirmed' }));
    const late = await opened.store.decide(found, rule, { claim: held, again: true });
    expect(late).toMatchObject({ transitions: [], acts: [] });
    expect(await dueOf(opened, change)).toBeNull();
  });

  test('is safe when Redis’ time jumps at a fail-over: ahead, the older holder is stale; back, nobody else takes it early', async () => {
    for (const jump of [HOUR, -HOUR]) {
      const opened = openStore();
      const change = await put(opened);
      const held = (await claim(opened))!;
      const taken = await claim(opened, NOW + jump);
      const rule = (latest: EmailChange) => write({ ...latest, muted: true });
      const end = (lease: typeof held) =>
        opened.store.decide(change.id, rule, { claim: { ...lease, fate: 'done' } });
      // Ahead, the lease is over by the new time, and whoever comes takes over under a later number. Back, it is
      // not over for a long time, and its holder may still end it in its own.
      expect(Number(taken?.epoch ?? Infinity)).toBeGreaterThan(Number(held.epoch));
      const how = await end(held).then(
        () => 'ended',
        (error: Error) => error.name,
      );
      expect([taken !== undefined, how]).toEqual(
        jump > 0 ? [true, StaleClaim.name] : [false, 'ended'],
      );
      if (taken) await end(taken);
      expect(await dueOf(opened, change)).toBeNull();
      // What comes next has a later number, whatever the time says.
      opened.time.ahead = Math.max(NOW, NOW + jump) - Date.now();
      const next = await put(opened);
      const later = (await claim(opened, Math.max(NOW, NOW + jump) + 1000))!;
      expect(Number(later.epoch)).toBeGreaterThan(Number((taken ?? held).epoch));
      await opened.store.release({ ...later, fate: 'done' });
      expect(await dueOf(opened, next)).toBeNull();
    }
  });

  test('that was lost parks nothing', async () => {
    const opened = openStore();
    await put(opened);
    const lost = (await claim(opened))!;
    await claim(opened, NOW + LEASE_MS + 500);
    const before = await opened.everything();
    await opened.store.park(lost, 'x');
    expect(await opened.everything()).toEqual(before);
  });
});

describe('a decision that begins with what was read', () => {
  test('reads nothing when it wins, and reads again when it lost a race or has nothing to write', async () => {
    const opened = openStore();
    const change = await put(opened);
    const found = (await opened.store.findChange(change.id))!;
    let reads = 0;
    const get = opened.redis.get.bind(opened.redis);
    opened.redis.get = (key) => {
      reads += 1;
      return get(key);
    };
    const mark = (latest: EmailChange) => write({ ...latest, muted: true });
    const won = await opened.store.decide(found, mark);
    expect(reads).toBe(0);
    expect(won).toMatchObject({ found: { version: found.version + 1, value: { muted: true } } });
    // What was known is old by now.
    await opened.store.decide(found, (latest) => write({ ...latest, locale: 'de' }));
    expect(reads).toBe(1);
    expect((await opened.store.findChange(change.id))?.value).toMatchObject({
      muted: true,
      locale: 'de',
    });
    const answered = await opened.store.decide(found, recorded);
    expect(answered).toMatchObject({ change: { muted: true, locale: 'de' } });
  });
});

describe('what becomes of a claimed task', () => {
  const marked = (change: EmailChange) => write({ ...change, muted: true });

  test('done: it leaves with the write that records its outcome, and so does its lease', async () => {
    const opened = openStore();
    const change = await put(opened);
    const held = (await claim(opened))!;
    await opened.store.decide(change.id, marked, { claim: { ...held, fate: 'done' } });
    expect(await dueOf(opened, change)).toBeNull();
    expect(await opened.redis.hlen(opened.keys.leases)).toBe(0);
  });

  test('done, with the same task to follow: the new one stays', async () => {
    const opened = openStore();
    const change = await put(opened);
    const held = (await claim(opened))!;
    const again = (latest: EmailChange) => write(latest, taskOf(latest, 'commit', NOW + 99));
    await opened.store.decide(change.id, again, { claim: { ...held, fate: 'done' } });
    expect(await dueOf(opened, change)).toBe(String(NOW + 99));
    expect(await claim(opened, NOW + 99)).toMatchObject({ attempts: 1 });
  });

  test('done, with nothing to write: it leaves all the same', async () => {
    const opened = openStore();
    const change = await put(opened);
    const held = (await claim(opened))!;
    await opened.store.decide(change.id, recorded, { claim: { ...held, fate: 'done' } });
    expect(await dueOf(opened, change)).toBeNull();
    expect((await opened.store.findChange(change.id))?.version).toBe(1);
  });

  test('hold: the write is recorded, and task and lease stay as they are', async () => {
    const opened = openStore();
    const change = await put(opened);
    const held = (await claim(opened))!;
    await opened.store.decide(change.id, marked, { claim: { ...held, fate: 'hold' } });
    expect(await dueOf(opened, change)).toBe(String(held.until));
    expect(await claim(opened, NOW + 1)).toBeUndefined();
    expect((await opened.store.findChange(change.id))?.value.muted).toBe(true);
  });

  test('later: it comes again at its time, for whoever, and the attempt counts', async () => {
    const opened = openStore();
    await put(opened);
    const held = (await claim(opened))!;
    await opened.store.release({ ...held, fate: 'later', ms: 500 });
    expect(await claim(opened, NOW + 400)).toBeUndefined();
    expect(await claim(opened, NOW + 1500)).toMatchObject({ attempts: 2 });
  });

  test('later, sent again because its answer was lost: once is enough', async () => {
    const opened = openStore();
    const change = await put(opened);
    const held = (await claim(opened))!;
    const end = { ...held, fate: 'later' as const, ms: 500, uncounted: true };
    for (let i = 0; i < 3; i += 1) await opened.store.release(end);
    await expect(opened.store.decide(change.id, marked, { claim: end })).rejects.toThrow(
      StaleClaim,
    );
    expect(await claim(opened, NOW + 1500)).toMatchObject({ attempts: 1 });
  });

  test('later, and then its holder wakes up: it has no say any more', async () => {
    const opened = openStore();
    const change = await put(opened);
    const held = (await claim(opened))!;
    await opened.store.release({ ...held, fate: 'later', ms: 500 });
    const late = opened.store.decide(change.id, marked, { claim: { ...held, fate: 'done' } });
    await expect(late).rejects.toThrow(StaleClaim);
    expect(await claim(opened, NOW + 1500)).toMatchObject({ attempts: 2 });
  });

  test('later: whoever comes back ends the count of those who did not', async () => {
    const opened = openStore();
    await put(opened);
    await claim(opened);
    const second = (await claim(opened, NOW + LEASE_MS + 1000))!;
    expect(second.deaths).toBe(1);
    await opened.store.release({ ...second, fate: 'later', ms: 0 });
    expect(await claim(opened, NOW + LEASE_MS + 2000)).toMatchObject({ deaths: 0, attempts: 3 });
  });

  test('later and uncounted: the attempt did not happen', async () => {
    const opened = openStore();
    await put(opened);
    for (let i = 0; i < 3; i += 1) {
      const held = (await claim(opened, NOW + 100 * i))!;
      expect(held.attempts).toBe(1);
      await opened.store.release({ ...held, fate: 'later', ms: 0, uncounted: true });
    }
  });

  test('parked: it leaves the due tasks for the parked ones, until it is replayed, once', async () => {
    const opened = openStore();
    const change = await put(opened);
    await opened.store.park((await claim(opened))!, 'x');
    const task = `${change.id}:commit`;
    expect(await opened.store.parked()).toEqual([{ task, why: 'x' }]);
    expect(await dueOf(opened, change)).toBeNull();
    expect(await opened.store.replay(task)).toBe(true);
    expect(await opened.store.replay(task)).toBe(false);
    expect(await opened.store.parked()).toEqual([]);
    expect(await claim(opened, NOW + 1000)).toMatchObject({ attempts: 1 });
  });
});

test('what is due by the clock of its writer is due at once, although that clock runs ahead', async () => {
  const opened = openStore();
  const change = await put(opened, 'invited', []);
  opened.clock.now = () => Date.now() + 5000;
  await opened.store.decide(change.id, (latest) =>
    write(latest, taskOf(latest, 'commit', opened.clock.now())),
  );
  expect(await claim(opened, Date.now())).toMatchObject({ attempts: 1 });
});

describe('how long a record is kept', () => {
  const ttlOf = (opened: Opened, { id }: EmailChange) => opened.redis.pttl(opened.keys.change(id));

  test.each<Situation>(['confirmed', 'writing', 'undo asked', 'undoing'])(
    '%s: for ever, until it is settled',
    async (situation) => {
      const opened = openStore();
      const pending = await put(opened, 'invited');
      expect(await ttlOf(opened, pending)).toBeGreaterThan(0);
      await opened.store.decide(pending.id, (change) =>
        write({ ...SITUATIONS[situation], id: change.id, sub: change.sub }),
      );
      expect(await ttlOf(opened, pending)).toBe(-1);
    },
  );

  test.each<Situation>(['canceled', 'expired', 'rejected', 'superseded', 'undone', 'committed'])(
    '%s: long enough to say what became of it, and not for ever',
    async (situation) => {
      const opened = openStore();
      const change = await put(opened, 'confirmed');
      expect(await ttlOf(opened, change)).toBe(-1);
      const now = Date.now();
      const { undo } = SITUATIONS[situation];
      await opened.store.decide(change.id, (latest) =>
        write({
          ...close(
            { ...SITUATIONS[situation], id: latest.id, sub: latest.sub },
            situation as 'canceled',
            now,
          ),
          ...(undo ? { undo: { until: now + 7 * DAY } } : {}),
        }),
      );
      const kept = undo ? 14 * DAY : 7 * DAY;
      const ttl = await ttlOf(opened, change);
      expect(ttl).toBeGreaterThan(kept - 60_000);
      expect(ttl).toBeLessThanOrEqual(kept);
    },
  );

  test("the user's index outlives every record it may point to", async () => {
    const opened = openStore();
    const change = await put(opened);
    const indexTtl = () => opened.redis.pttl(opened.keys.user(change.sub)[0]!);
    // The longest undo window there is, and the time for which a closed change is kept.
    expect(await indexTtl()).toBeGreaterThan((await ttlOf(opened, change)) + 29 * DAY);
    await opened.store.decideAmong(change.id, (latest, user) => ({
      kind: 'write',
      changes: [
        {
          ...SITUATIONS.committed,
          id: latest.id,
          sub: latest.sub,
          undo: { until: NOW + 30 * DAY },
        },
      ],
      user: { ...user, committed: [latest.id] },
      tasks: [],
    }));
    expect(await indexTtl()).toBeGreaterThan(await ttlOf(opened, change));
  });
});

describe('what stands in Redis', () => {
  test('is sealed: no address, no user, no secret in any key or value', async () => {
    const opened = openStore({ events: true, auditLength: 100 });
    const change = await put(opened, 'committed', ['mail.done']);
    await claim(opened);
    const all = JSON.stringify(await opened.everything());
    expect(all).toContain(change.id);
    for (const secret of [change.email, 'ada', 'new.test', change.sub, 'auth0|', 'secret'])
      expect(all).not.toContain(secret);
  });

  test.each<[string, (stored: string) => string]>([
    // Not its last character, of which base64 drops some bits.
    [
      'altered',
      (stored) => `${stored.slice(0, -8)}${stored.at(-8) === 'A' ? 'B' : 'A'}${stored.slice(-7)}`,
    ],
    ['of a newer schema', (stored) => stored.replace(/^(\d+) \d+ /, '$1 99 ')],
    ['no record at all', () => 'hello'],
    ['empty', () => ''],
  ])('a record that is %s is not read, not guessed at, and not touched', async (_, spoil) => {
    const opened = openStore();
    const change = await put(opened);
    const key = opened.keys.change(change.id);
    await opened.redis.set(key, spoil((await opened.redis.get(key))!));
    const before = await opened.everything();
    await expect(opened.store.findChange(change.id)).rejects.toThrow(UnreadableRecord);
    await expect(opened.store.decide(change.id, (latest) => write(latest))).rejects.toThrow(
      UnreadableRecord,
    );
    expect(await opened.everything()).toEqual(before);
  });

  test('a record that was put in the place of another does not open', async () => {
    const opened = openStore();
    const [mine, theirs] = [await put(opened), await put(opened)];
    const stolen = await opened.redis.get(opened.keys.change(theirs.id));
    await opened.redis.set(opened.keys.change(mine.id), stolen!);
    await expect(opened.store.findChange(mine.id)).rejects.toThrow(UnreadableRecord);
  });

  test('an audit trail holds each transition once, and about as many lines as it is told', async () => {
    const opened = openStore({ events: false, auditLength: 5 });
    const change = await put(opened, 'asked');
    await opened.store.decide(change.id, (latest) => write({ ...latest, muted: true }));
    await opened.store.decide(change.id, (latest) => write(close(latest, 'canceled', NOW + 1)), {
      cause: { actor: 'operator' },
    });
    expect((await opened.store.readAudit(10)).entries).toEqual([
      {
        actor: 'worker',
        at: change.requestedAt,
        change: change.id,
        sub: change.sub,
        status: 'pending',
      },
      {
        actor: 'operator',
        at: NOW + 1,
        change: change.id,
        sub: change.sub,
        status: 'canceled',
        before: 'pending',
      },
    ]);
    for (let i = 0; i < 300; i += 1) await put(opened, 'asked', []);
    expect(await opened.redis.xlen(opened.keys.audit)).toBeLessThan(200);
  });
});

describe('the due tasks', () => {
  test('come oldest first, as many as asked for, and none before its time', async () => {
    const opened = openStore();
    const change = await put(opened, 'invited', []);
    const tasks = ['c', 'a', 'b', 'd'].map((name, i) => taskOf(change, name, NOW + i * 10));
    await opened.store.decide(change.id, (latest) => write(latest, ...tasks));
    const names = async (now: number, most: number) => {
      opened.time.ahead = now - Date.now();
      const { tasks: claimed, more } = await opened.store.claim(
        'upkeep',
        most,
        LEASE_MS,
        'me',
        false,
      );
      return [...claimed.map(({ name }) => name), more];
    };
    expect(await names(NOW - 500, 10)).toEqual([false]);
    expect(await names(NOW + 99, 2)).toEqual(['c', 'a', true]);
    expect(await names(NOW + 99, 2)).toEqual(['b', 'd', false]);
  });

  test('a write that makes events due writes them with the transition itself, and with no other write', async () => {
    const opened = openStore({ events: true, auditLength: 0 });
    const change = await put(opened, 'asked', []);
    await opened.store.decide(change.id, (latest) => write({ ...latest, muted: true }));
    await opened.store.decide(change.id, (latest) => write(close(latest, 'canceled', NOW)));
    opened.time.ahead = DAY;
    const { tasks } = await opened.store.claim('event', 10, LEASE_MS, 'me', false);
    expect(tasks.map(({ name }) => name)).toEqual(['event.pending', 'event.canceled']);
    expect(await opened.redis.exists(opened.keys.audit)).toBe(0);
  });
});
