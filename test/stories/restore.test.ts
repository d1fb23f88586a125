/** An older state of Redis is put back: what had ended meanwhile is not committed. */
import { describe, expect, test } from 'vitest';
import { distrusts } from '../../src/domain/restore.ts';
import { SITUATIONS, SOON, T0 } from '../domain/stories.ts';
import { eventually, startWorld, tokenIn, type World } from '../support/world.ts';
import { quiet } from '../support/wire.ts';
import {
  click,
  effectivePatches,
  invite,
  mailsOf,
  NEW,
  startDeployment,
  untilDrained,
  untilMails,
  untilStatus,
} from '../workers/steps.ts';
import { readdress } from './operator.ts';

type Dump = [key: string, body: Buffer, ttl: number][];

const keysOf = ({ redis, prefix }: World) =>
  redis.keys(`${prefix.replaceAll(/[{}]/g, String.raw`\$&`)}:*`);

/** What an append-only file of this moment holds of this world. */
const backUp = async (world: World): Promise<Dump> =>
  Promise.all(
    (await keysOf(world)).map(async (key): Promise<Dump[number]> => {
      const [body, ttl] = await Promise.all([world.redis.dumpBuffer(key), world.redis.pttl(key)]);
      return [key, body, Math.max(ttl, 0)];
    }),
  );

async function putBack(world: World, dump: Dump): Promise<void> {
  const all = world.redis.multi().del(...(await keysOf(world)));
  for (const [key, body, ttl] of dump) all.restore(key, ttl, body, 'REPLACE');
  await all.exec();
}

const noticed = (world: World) =>
  eventually(() => world.logs.some(({ event }) => event === 'store.lost_writes'), 'the notice');

describe('an older file that is put back', () => {
  test('under running processes does not bring a canceled change to life', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await quiet(world);
    const backup = await backUp(world);
    const path = `/v1/email-changes/${invited.id}`;
    expect((await world.call('DELETE', path, { token: invited.token })).status).toBe(204);
    await quiet(world);
    await putBack(world, backup);
    await noticed(world);
    await click(world, invited.link);
    await untilStatus(world, invited, 'canceled');
    await untilDrained(world);
    expect(world.tenant.patches()).toEqual([]);
    // Whoever pressed the button hears that it came to nothing.
    expect(mailsOf(world, invited)).toContain(`failed → ${NEW}`);
  });

  test('does not commit again what the old mailbox has undone', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    const away = world.tenant.faults.add({ kind: 'status', status: 503, match: { method: 'GET' } });
    await click(world, invited.link);
    await away.struck;
    await eventually(() => world.logs.some(({ event }) => event === 'task.later'));
    const backup = await backUp(world);
    away.remove();
    world.pass(60_000);
    await untilStatus(world, invited, 'committed');
    const [changed] =
      (await untilMails(world, invited, 4)) && world.inbox.to(invited.from).slice(-1);
    await click(world, tokenIn(changed!.text, 'undo'), 'undo');
    await untilStatus(world, invited, 'undone');
    await quiet(world);
    const patches = effectivePatches(world).length;
    await world.workers!.close();
    await putBack(world, backup);
    // The API has lived through it; workers start anew.
    await noticed(world);
    world.pass(60_000);
    await startDeployment(world);
    await untilStatus(world, invited, 'canceled');
    expect(effectivePatches(world)).toHaveLength(patches);
    expect(world.tenant.user(invited.sub).email).toBe(invited.from);
  });

  test('and told by `readdress restored` ends every open change from before, and none from after', async () => {
    const world = await startWorld();
    const before = await invite(world);
    await quiet(world);
    const { code, lines } = await readdress(world, ['restored']);
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [{ closed: 1, leftToTheTenant: 0, unreadable: 0 }],
    });
    await untilStatus(world, before, 'canceled');
    const after = await invite(world, { email: 'b@example.com', to: 'b@example.org' });
    await click(world, after.link);
    await untilStatus(world, after, 'committed');
  });

  test.each(['yesterday', '2026-13-01'])(
    '`readdress restored %s` changes nothing',
    async (time) => {
      const world = await startWorld();
      const { code, stderr } = await readdress(world, ['restored', time]);
      expect([code, stderr]).toEqual([64, expect.stringContaining('takes a time like')]);
      expect(await world.redis.exists(`${world.prefix}:lost`)).toBe(0);
    },
  );
});

test('a login between the click and the commit, which moves updated_at, stops no honest change', async () => {
  const world = await startWorld({ workers: false });
  const first = await startDeployment(world);
  const invited = await invite(world);
  await quiet(world);
  await first.close();
  await click(world, invited.link);
  world.tenant.updateUser(invited.sub, { last_login: new Date(world.now()).toISOString() });
  await startDeployment(world);
  expect(await untilStatus(world, invited, 'committed')).toBeDefined();
});

describe('what is let go', () => {
  const { confirmed, writing } = SITUATIONS;
  const user = (updatedAt: number, lastLoginAt = 0) => ({
    emailVerified: true,
    blocked: false,
    passwordResetAt: 0,
    identities: [],
    updatedAt,
    lastLoginAt,
  });
  const at = confirmed.confirmedAt!;
  const NEVER = { lostAt: 0, gaps: [] };
  const GAP = { lostAt: 0, gaps: [{ from: at + 1000, to: at + 60_000 }] };
  test.each([
    ['nothing was ever lost', confirmed, user(at + 5000), NEVER, undefined],
    [
      'writes were lost: it may have been canceled',
      confirmed,
      user(0),
      { ...NEVER, lostAt: at + 9 },
      'canceled',
    ],
    [
      'writes were lost before it was asked for',
      confirmed,
      user(at + 9),
      { ...NEVER, lostAt: T0 - 9 },
      undefined,
    ],
    [
      'its PATCH was on its way and the account has moved',
      writing,
      user(SOON + 9000),
      { ...NEVER, lostAt: SOON + 9999 },
      'drifted',
    ],
    [
      'its PATCH was on its way and the account is as it was',
      writing,
      user(T0 - 9),
      { ...NEVER, lostAt: SOON + 9999 },
      undefined,
    ],
    ['the account moved while nobody was there', confirmed, user(at + 5000), GAP, 'drifted'],
    [
      'the account moved by a login while nobody was there',
      confirmed,
      user(at + 5000, at + 5010),
      GAP,
      undefined,
    ],
    ['the account moved before', confirmed, user(at + 500), GAP, undefined],
    ['the account moved after', confirmed, user(at + 70_000), GAP, undefined],
    [
      'it was confirmed after',
      { ...confirmed, confirmedAt: at + 2000 },
      user(at + 5000),
      GAP,
      undefined,
    ],
  ] as const)('%s', (_, change, account, restored, expected) => {
    expect(distrusts(change, account, restored)).toBe(expected);
  });
});
