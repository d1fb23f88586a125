/**
 * Every PATCH is sent under a lease that Redis calls ours, up to the last moment: a worker that slept
 * through the end of its lease writes nothing over what came since.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { eventually, startWorld, tokenIn, type World } from '../support/world.ts';
import { click, commit, gate, invite, NEW, untilStatus, type Asked } from './steps.ts';

type Hold = () => void;

/** Each leads to a task that reads the account and then writes; `hold` holds up that reading. */
const WRITES = {
  async commit(world: World, hold: Hold) {
    const asked = await invite(world);
    hold();
    await click(world, asked.link);
    return asked;
  },
  async verify(world: World, hold: Hold) {
    const asked = await invite(world);
    const body = { ...world.tenant.user(asked.sub), email: NEW, email_verified: false };
    const patch = world.tenant.faults.add({
      kind: 'executeThenStatus',
      status: 200,
      body,
      match: { method: 'PATCH' },
      times: 1,
    });
    void patch.struck.then(hold);
    await click(world, asked.link);
    await untilStatus(world, asked, 'committed');
    world.tenant.updateUser(asked.sub, { email_verified: false });
    return asked;
  },
  async undo(world: World, hold: Hold) {
    const asked = await commit(world);
    const link = await undoLink(world, asked);
    hold();
    await click(world, link, 'undo');
    return asked;
  },
  async password(world: World, hold: Hold) {
    const asked = await commit(world);
    const link = await undoLink(world, asked);
    const last_password_reset = new Date(world.now() + 1000).toISOString();
    world.tenant.updateUser(asked.sub, { last_password_reset });
    const match = { method: 'PATCH' };
    const patch = world.tenant.faults.add({ kind: 'delay', ms: 1, match, times: 1 });
    void patch.struck.then(hold);
    await click(world, link, 'undo');
    return asked;
  },
};

async function undoLink(world: World, { id }: Asked): Promise<string> {
  const { text } = await world.inbox.waitFor(({ messageId }) =>
    messageId.startsWith(`<${id}.mail.changed`),
  );
  return tokenIn(text, 'undo');
}

test.each(Object.keys(WRITES) as (keyof typeof WRITES)[])(
  'the PATCH of a %s that lost its lease while it read is not sent, and whoever has the lease sends it once',
  async (name) => {
    const world = await startWorld();
    const { shut, open } = gate();
    const reading = gate();
    const { id, sub } = await WRITES[name](world, () => {
      const match = { method: 'GET', path: '/api/v2/users' };
      const placed = world.tenant.faults.add({ kind: 'hold', until: shut, match, times: 1 });
      void placed.struck.then(reading.open);
    });
    await reading.shut;
    const before = world.tenant.patches(sub).length;
    // Somebody else has it now.
    const epoch = String(world.now() + 1_000_000);
    await world.redis.hset(`${world.prefix}:leases`, `${id}:${name}`, `${epoch} 2 another 0 0`);
    open();
    await eventually(() =>
      world.logs.some(({ event, task }) => event === 'task.stale' && task === name),
    );
    expect(world.tenant.patches(sub)).toHaveLength(before);
    // Whose lease ends as well.
    world.pass(25_001);
    await eventually(() => world.tenant.patches(sub).length > before);
    await eventually(() =>
      world.logs.some(
        ({ event, task, outcome }) => event === 'task.done' && task === name && outcome === 'done',
      ),
    );
    expect(world.tenant.patches(sub)).toHaveLength(before + 1);
  },
);

test('a lease that is lost after the mark, in the last moment, holds the PATCH back all the same', async () => {
  const world = await startWorld();
  const asked = await invite(world);
  const lose = (message: unknown) => {
    if ((message as { point: string }).point !== 'commit.marked') return;
    unsubscribe('readdress.step', lose);
    const another = `${world.now() + 1_000_000} 2 another 0 0`;
    void world.redis.hset(`${world.prefix}:leases`, `${asked.id}:commit`, another);
  };
  subscribe('readdress.step', lose);
  await click(world, asked.link);
  await eventually(() => world.logs.some(({ event }) => event === 'task.stale'));
  expect(world.tenant.patches(asked.sub)).toEqual([]);
  world.pass(25_001);
  await untilStatus(world, asked, 'committed');
  expect(world.tenant.patches(asked.sub)).toHaveLength(1);
});
