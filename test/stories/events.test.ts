/** The operator's systems are told of every transition: signed, at least once, and never in the way. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { freePort } from '../../demo/ports.ts';
import { dump, quiet } from '../support/wire.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { startDeployment } from '../workers/steps.ts';
import { essentials, readdress } from './operator.ts';
import { isSignedWith, startReceiver } from './receiver.ts';
import {
  addPerson,
  ask,
  change,
  DAY,
  HOUR,
  linkIn,
  mail,
  MINUTE,
  SECOND,
  until,
  use,
  view,
  type Change,
} from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';
const secret = () => `whsec_${randomBytes(32).toString('base64')}`;

/** A world whose events go to a receiver of our own. */
async function startWithReceiver(env: Record<string, string> = {}) {
  const receiver = await startReceiver();
  const webhook = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: secret() };
  const world = await startWorld({ env: { ...webhook, ...env } });
  return { world, receiver };
}

/** How often the delivery of a task was put off so far. */
const putOff = (world: World, { id }: Change, task: string): number =>
  world.logs.filter(
    (line) => line.event === 'task.later' && line['change'] === id && line['task'] === task,
  ).length;

/** Lets a delivery fail `times` times, each when its time has come. */
async function failing(world: World, asked: Change, task: string, times: number) {
  for (let attempt = 1; attempt <= times; attempt += 1) {
    await eventually(() => putOff(world, asked, task) === attempt, `${task} put off ${attempt}`);
    world.pass(2 * DAY);
  }
}

const parked = (world: World) =>
  eventually(() => world.logs.find(({ event }) => event === 'task.parked'), 'a parked task');

describe('what is told', () => {
  test('each way a change can go, each transition once, with who and why', async () => {
    const { world, receiver } = await startWithReceiver();
    const person = (name: string) => addPerson(world, `${name}@old.example`);
    const told = async (asked: Change, types: string[]) => {
      await eventually(() => receiver.typesOf(asked).length >= types.length, types.join());
      return { id: asked.id, types: receiver.typesOf(asked).toSorted() };
    };

    const undone = await change(world, person('undone'), 'undone@new.example');
    await use(world, 'undo', await linkIn(world, undone, 'changed', 'undo'));
    await until(world, undone, { status: 'undone', revocation: 'done' });

    const canceled = await ask(world, person('canceled'), 'canceled@new.example');
    await use(world, 'cancel', await linkIn(world, canceled, 'notice', 'cancel'));

    const superseded = await ask(world, person('twice'), 'first@new.example');
    const { sub, from: email } = superseded;
    const expired = await ask(world, { sub, email }, 'second@new.example');

    world.tenant.addUser({ email: 'taken@new.example' });
    const rejected = await ask(world, person('rejected'), 'taken@new.example');
    await use(world, 'confirm', await linkIn(world, rejected, 'confirm', 'confirm'));
    await until(world, rejected, { status: 'rejected' });
    await quiet(world);
    world.pass(HOUR);

    const stories: [Change, string[]][] = [
      [undone, ['committed', 'confirmed', 'requested', 'revocation', 'undone']],
      [canceled, ['canceled', 'requested']],
      [superseded, ['requested', 'superseded']],
      [expired, ['expired', 'requested']],
      [rejected, ['confirmed', 'rejected', 'requested']],
    ];
    for (const [asked, types] of stories)
      expect(await told(asked, types)).toEqual({ id: asked.id, types });
    await quiet(world);
    const ids = receiver.deliveries.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(stories.flatMap(([, types]) => types).length);

    const data = async (asked: Change, type: string) =>
      (await receiver.received(asked, type)).event.data;
    const userId = undone.sub;
    const { id } = undone;
    expect(await data(undone, 'requested')).toEqual({ id, userId, status: 'pending' });
    expect(await data(undone, 'confirmed')).toEqual({ id, userId, status: 'confirmed' });
    const signInAgain = true;
    const ended = { id, userId, signInAgain };
    expect(await data(undone, 'committed')).toEqual({ ...ended, status: 'committed' });
    expect(await data(undone, 'undone')).toEqual({ ...ended, status: 'undone' });
    expect(await data(canceled, 'canceled')).toMatchObject({ canceledBy: 'current-mailbox' });
    expect(await data(rejected, 'rejected')).toMatchObject({ reason: 'email-taken' });

    const committed = await receiver.received(undone, 'committed');
    expect(committed.event.timestamp).toBe((await view(world, undone)).committedAt);
    const requested = await receiver.received(undone, 'requested');
    expect(requested.event.timestamp).toBe((await view(world, undone)).requestedAt);
  });

  test('what an operator does by hand is told like everything else, from any shell', async () => {
    const { world, receiver } = await startWithReceiver();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    // The four settings that the command asks for, and no word of a webhook.
    await readdress({ env: essentials(world) }, ['cancel', asked.id]);
    const { event } = await receiver.received(asked, 'canceled');
    expect(event.data).toMatchObject({ status: 'canceled', canceledBy: 'operator' });
  });

  test('ids only: no address is in an event, in Redis or in the log of it, unless asked for', async () => {
    const { world, receiver } = await startWithReceiver();
    const committed = await change(world, addPerson(world, OLD), NEW);
    await receiver.received(committed, 'committed');
    await quiet(world);
    const everything = JSON.stringify([receiver.deliveries, await dump(world), world.logs]);
    expect(everything).not.toContain('@old.example');
    expect(everything).not.toContain('@new.example');
  });

  test('WEBHOOK_INCLUDE_ADDRESSES=1 adds the new address, and the previous one as soon as it is known', async () => {
    const { world, receiver } = await startWithReceiver({ WEBHOOK_INCLUDE_ADDRESSES: '1' });
    const committed = await change(world, addPerson(world, OLD), NEW);
    expect((await receiver.received(committed, 'requested')).event.data.email).toBe(NEW);
    expect((await receiver.received(committed, 'committed')).event.data).toMatchObject({
      email: NEW,
      previousEmail: OLD,
    });
  });

  test('without WEBHOOK_URL nothing is kept for a webhook', async () => {
    const world = await startWorld();
    await change(world, addPerson(world, OLD), NEW);
    await quiet(world);
    expect(world.logs.filter(({ task }) => String(task).startsWith('event.'))).toEqual([]);
  });
});

describe('how it is told', () => {
  test('by Standard Webhooks: id, time and a signature for each secret while one is replaced', async () => {
    const [fresh, old, stranger] = [secret(), secret(), secret()];
    const { world, receiver } = await startWithReceiver({ WEBHOOK_SECRETS: `${fresh}, ${old}` });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const delivery = await receiver.received(asked, 'requested');
    expect(delivery.headers['content-type']).toBe('application/json');
    expect(delivery.headers['webhook-id']).toBe(`${asked.id}.pending`);
    expect(delivery.headers['webhook-signature']).toMatch(/^v1,[\w+/]{43}= v1,[\w+/]{43}=$/);
    const age = world.now() / SECOND - Number(delivery.headers['webhook-timestamp']);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(60);

    for (const known of [fresh, old]) expect(isSignedWith(known, delivery)).toBe(true);
    expect(isSignedWith(stranger, delivery)).toBe(false);
    // Every part is signed: neither id, time nor body can be another one.
    for (const forged of [
      { ...delivery, id: `${delivery.id}x` },
      { ...delivery, body: delivery.body.replace('pending', 'undone') },
      { ...delivery, headers: { ...delivery.headers, 'webhook-timestamp': '0' } },
    ])
      expect(isSignedWith(fresh, forged)).toBe(false);
  });

  test('a secret may be written without its prefix', async () => {
    const bare = randomBytes(24).toString('base64');
    const { world, receiver } = await startWithReceiver({ WEBHOOK_SECRETS: bare });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    expect(isSignedWith(bare, await receiver.received(asked, 'requested'))).toBe(true);
  });
});

describe('a receiver in trouble', () => {
  test('that answers 500 is asked again, later each time, with the same id, body and a signature of its time', async () => {
    const key = secret();
    const { world, receiver } = await startWithReceiver({ WEBHOOK_SECRETS: key });
    receiver.react(() => 500);
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await eventually(() => putOff(world, asked, 'event.pending') === 1, 'the first attempt');
    // The pause is about five seconds, then about thirty.
    for (const [early, late] of [
      [1 * SECOND, 6 * SECOND],
      [15 * SECOND, 25 * SECOND],
    ] as const) {
      const before = receiver.deliveries.length;
      world.pass(early);
      await new Promise((resolve) => setTimeout(resolve, 1200));
      expect(receiver.deliveries).toHaveLength(before);
      world.pass(late);
      await eventually(() => receiver.deliveries.length === before + 1, 'the next attempt');
      await eventually(() => putOff(world, asked, 'event.pending') === before + 1, 'its end');
    }
    receiver.react(() => 204);
    world.pass(3 * MINUTE);
    const last = await receiver.received(asked, 'requested', 4);
    await quiet(world);

    const { deliveries } = receiver;
    expect(deliveries).toHaveLength(4);
    expect(new Set(deliveries.map(({ id }) => id))).toEqual(new Set([`${asked.id}.pending`]));
    expect(new Set(deliveries.map(({ body }) => body)).size).toBe(1);
    for (const delivery of deliveries) expect(isSignedWith(key, delivery)).toBe(true);
    const [first] = deliveries;
    const timeOf = ({ headers }: typeof last) => Number(headers['webhook-timestamp']);
    expect(timeOf(last) - timeOf(first!)).toBeGreaterThan(200);
  });

  test('every event arrives at least once through an outage, under one id each', async () => {
    const { world, receiver } = await startWithReceiver();
    let answers = 0;
    // Every second attempt fails, some of them after the receiver has taken the event.
    receiver.react(() => ((answers += 1) % 2 === 1 ? 503 : 200));
    const people = Array.from({ length: 4 }, (_, n) => addPerson(world, `u${n}@old.example`));
    const committed = await Promise.all(
      people.map((person, n) => change(world, person, `u${n}@new.example`)),
    );
    await eventually(
      () => {
        world.pass(10 * SECOND);
        return committed.every((each) => new Set(receiver.typesOf(each)).size === 3);
      },
      'all events',
      15_000,
    );
    for (const each of committed) {
      const ids = receiver.deliveries.filter(({ event }) => event.data.id === each.id);
      expect(new Set(ids.map(({ id }) => id)).size).toBe(3);
    }
  });

  test('that hangs is given up after ten seconds and asked again, and holds up nothing meanwhile', async () => {
    const { world, receiver } = await startWithReceiver();
    receiver.react(() => 'hang');
    const began = Date.now();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await receiver.received(asked, 'requested');
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'committed' });
    await mail(world, asked, 'changed');
    expect(Date.now() - began).toBeLessThan(5 * SECOND);

    await eventually(() => putOff(world, asked, 'event.pending') === 1, 'an end', 14 * SECOND);
    expect(Date.now() - began).toBeGreaterThan(9 * SECOND);
    receiver.react(() => 200);
    world.pass(10 * SECOND);
    await receiver.received(asked, 'requested', 2);
  }, 40_000);

  test('that redirects is not followed: what it was sent goes nowhere else', async () => {
    const elsewhere = await startReceiver();
    const { world, receiver } = await startWithReceiver();
    receiver.react(() => ({ location: elsewhere.url }));
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await eventually(() => putOff(world, asked, 'event.pending') === 1, 'the first attempt');
    expect(elsewhere.deliveries).toEqual([]);
  });

  test('that is not there at all delays no commit, and hears of all of it when it is back', async () => {
    const port = await freePort(0);
    const env = { WEBHOOK_URL: `http://127.0.0.1:${port}/hooks`, WEBHOOK_SECRETS: secret() };
    const world = await startWorld({ env });
    const began = Date.now();
    const committed = await change(world, addPerson(world, OLD), NEW);
    await mail(world, committed, 'changed');
    expect(Date.now() - began).toBeLessThan(5 * SECOND);
    for (const task of ['event.pending', 'event.confirmed', 'event.committed'])
      await eventually(() => putOff(world, committed, task) >= 1, task);
    expect((await readdress(world, ['parked'])).lines).toEqual(['nothing is parked']);

    const receiver = await startReceiver(port);
    world.pass(10 * SECOND);
    for (const type of ['requested', 'confirmed', 'committed'])
      await receiver.received(committed, type);
  });
});

describe('what can not be delivered', () => {
  test('is parked at once when the receiver says 410, and the operator brings it back', async () => {
    const { world, receiver } = await startWithReceiver();
    receiver.react(() => 410);
    const asked = await ask(world, addPerson(world, OLD), NEW);
    expect(await parked(world)).toMatchObject({
      level: 'error',
      change: asked.id,
      task: 'event.pending',
      why: 'webhook answered 410',
    });
    await quiet(world);
    world.pass(10 * DAY);
    await quiet(world);
    expect(receiver.typesOf(asked).filter((type) => type === 'requested')).toHaveLength(1);

    const task = `${asked.id}:event.pending`;
    const listed = await readdress(world, ['parked']);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.lines).toContainEqual({ task, why: 'webhook answered 410' });

    receiver.react(() => 200);
    expect(await readdress(world, ['replay', task])).toEqual({
      code: 0,
      lines: [{ task, replayed: true }],
      stderr: '',
    });
    const [first, second] = [
      await receiver.received(asked, 'requested'),
      await receiver.received(asked, 'requested', 2),
    ];
    expect(second.id).toBe(first.id);
    expect(second.body).toBe(first.body);
  });

  test('is parked when three days of attempts are over; replay all starts a new schedule', async () => {
    const { world, receiver } = await startWithReceiver();
    receiver.react(({ type }) => (type.endsWith('requested') ? 500 : 200));
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await failing(world, asked, 'event.pending', 12);
    const away = world.logs.filter(({ event }) => event === 'webhook.away');
    expect(away).toMatchObject([{ level: 'warn', change: asked.id, answered: 500 }]);
    await parked(world);
    expect(receiver.typesOf(asked).filter((type) => type === 'requested')).toHaveLength(13);
    expect((await readdress(world, ['parked'])).lines).toEqual([
      { task: `${asked.id}:event.pending`, why: 'webhook answered 500' },
    ]);

    const replayed = await readdress(world, ['replay', 'all']);
    expect(replayed).toMatchObject({ code: 0, lines: [{ replayed: true }] });
    // It fails once more, and is not parked again for that.
    await eventually(() => putOff(world, asked, 'event.pending') === 13, 'a new attempt');
    expect((await readdress(world, ['parked'])).lines).toEqual(['nothing is parked']);
    receiver.react(() => 200);
    world.pass(MINUTE);
    await receiver.received(asked, 'requested', 15);
    await quiet(world);
  }, 60_000);

  test('is not replayed when it is not parked, and nothing is made up', async () => {
    const { world, receiver } = await startWithReceiver();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await receiver.received(asked, 'requested');
    const answers = [
      await readdress(world, ['replay', `${asked.id}:event.pending`]),
      await readdress(world, ['replay', 'all']),
    ];
    for (const { code, lines } of answers) expect({ code, lines }).toEqual({ code: 1, lines: [] });
    await quiet(world);
    expect(receiver.deliveries).toHaveLength(1);
  });
});

test('what the API writes is told too where only the workers know of a webhook', async () => {
  const receiver = await startReceiver();
  const world = await startWorld({ workers: false });
  await startDeployment(world, { WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: secret() });
  // The API hears of it within two seconds. `requested` is the API's own write.
  let n = 0;
  const told = await eventually(async () => {
    n += 1;
    await ask(world, addPerson(world, `u${n}@old.example`), `u${n}@new.example`);
    return receiver.deliveries.find(({ type }) => type === 'email_change.requested');
  });
  expect(told.event.data).toMatchObject({ status: 'pending' });
});
