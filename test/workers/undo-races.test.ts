import { describe, expect, test } from 'vitest';
import { eventually, startWorld, tokenIn, type World } from '../support/world.ts';
import {
  callsAbout,
  click,
  commit,
  effectivePatches,
  gate,
  invite,
  mailsOf,
  NEW,
  OLD,
  recordOf,
  storeOf,
  untilDrained,
  untilMails,
  untilStatus,
  type Asked,
} from './steps.ts';

type Committed = Asked & { undo: string };

/** From the request to the undo link in the previous mailbox. */
async function change(world: World, wish: Parameters<typeof commit>[1] = {}): Promise<Committed> {
  const asked = await commit(world, wish);
  const mail = await world.inbox.waitFor(({ messageId }) =>
    messageId.startsWith(`<${asked.id}.mail.changed`),
  );
  return { ...asked, undo: tokenIn(mail.text, 'undo') };
}

const press = (world: World, { undo }: Committed) => click(world, undo, 'undo');
const addressOf = (world: World, { sub }: Asked) => world.tenant.user(sub).email;
/** What was written at the tenant about this user, in order. */
const written = (world: World, { sub }: Asked) =>
  effectivePatches(world, sub).map(({ body }) => (body as { email: string }).email);
const tellings = (world: World, change_: { id: string }) =>
  mailsOf(world, change_).filter((mail) => /^(undone|restored)/.test(mail));

const MAILS_OF_AN_UNDO = [`restored → ${OLD}`, `undone → ${NEW}`];

describe('an undo meets a newer change of the same user', () => {
  test('that is pending: the newer one is over, and its link does nothing any more', async () => {
    const world = await startWorld();
    const committed = await change(world);
    const newer = await invite(world, { sub: committed.sub, to: 'third@example.org' });
    await press(world, committed);
    await untilStatus(world, committed, 'undone');
    expect(await untilStatus(world, newer, 'canceled')).toBeDefined();
    expect((await click(world, newer.link)).body).toMatchObject({ status: 'canceled' });
    await untilDrained(world);
    expect(written(world, committed)).toEqual([NEW, OLD]);
  });

  test('that is confirmed, its worker reading: the newer one is never written', async () => {
    const world = await startWorld();
    const committed = await change(world);
    const newer = await invite(world, { sub: committed.sub, to: 'third@example.org' });
    await untilMails(world, newer, 2);
    const { shut, open } = gate();
    const match = { method: 'GET', path: `/api/v2/users/${committed.sub}` };
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, match, times: 1 });
    await click(world, newer.link);
    await slow.struck;
    await press(world, committed);
    await untilStatus(world, committed, 'undone');
    open();
    await untilDrained(world);
    expect((await recordOf(world, newer.id)).status).toBe('canceled');
    expect(written(world, committed)).toEqual([NEW, OLD]);
  });

  test('whose PATCH is on its way: the undo waits until that is settled, and has the last word', async () => {
    const world = await startWorld();
    const committed = await change(world);
    const newer = await invite(world, { sub: committed.sub, to: 'third@example.org' });
    await untilMails(world, newer, 2);
    const { shut, open } = gate();
    const match = { method: 'PATCH', path: `/api/v2/users/${committed.sub}` };
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, match, times: 1 });
    await click(world, newer.link);
    await slow.struck;
    await press(world, committed);
    const waits = await eventually(() =>
      world.logs.find((l) => l['task'] === 'undo' && l.event === 'task.later'),
    );
    expect(waits['why']).toMatch(/another change/);
    expect(written(world, committed)).toEqual([NEW, 'third@example.org']);
    open();
    await untilStatus(world, newer, 'undone');
    await untilStatus(world, committed, 'undone');
    await untilDrained(world);
    expect(written(world, committed)).toEqual([NEW, 'third@example.org', OLD]);
    expect(tellings(world, newer)).toEqual(['undone → third@example.org']);
    expect(tellings(world, committed)).toEqual(MAILS_OF_AN_UNDO);
  });

  test('whose PATCH is in doubt: what became of it is found out before the undo writes', async () => {
    const world = await startWorld();
    const committed = await change(world);
    const newer = await invite(world, { sub: committed.sub, to: 'third@example.org' });
    await untilMails(world, newer, 2);
    const match = { method: 'PATCH', path: `/api/v2/users/${committed.sub}` };
    world.tenant.faults.add({ kind: 'executeThenReset', match, times: 1 });
    await click(world, newer.link);
    await eventually(() => written(world, committed).length === 2);
    await press(world, committed);
    await untilStatus(world, committed, 'undone');
    await untilDrained(world);
    expect(written(world, committed)).toEqual([NEW, 'third@example.org', OLD]);
    expect((await recordOf(world, newer.id)).status).toBe('undone');
  });

  test('that is being undone itself: the earlier one comes after it, soon, and restores the first address', async () => {
    const world = await startWorld();
    const first = await change(world);
    const second = await change(world, { sub: first.sub, to: 'third@example.org' });
    const { shut, open } = gate();
    const match = { method: 'PATCH', path: `/api/v2/users/${first.sub}` };
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, match, times: 1 });
    await press(world, second);
    await slow.struck;
    await press(world, first);
    await eventually(() =>
      world.logs.some((l) => l['change'] === first.id && l['task'] === 'undo'),
    );
    open();
    await untilStatus(world, first, 'undone');
    await untilDrained(world);
    expect(written(world, first)).toEqual([NEW, 'third@example.org', NEW, OLD]);
    expect((await recordOf(world, second.id)).status).toBe('undone');
    expect((await storeOf(world).readUser(first.sub)).value).toMatchObject({ committed: [] });
    expect((await storeOf(world).readUser(first.sub)).value).not.toHaveProperty('undoing');
  });

  test('put back already while another undo is being written: it settles as soon as that is done', async () => {
    const world = await startWorld();
    const first = await change(world);
    const second = await change(world, { sub: first.sub, to: 'third@example.org' });
    const { shut, open } = gate();
    const match = { method: 'PATCH', path: `/api/v2/users/${first.sub}` };
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, match, times: 1 });
    await press(world, second);
    await slow.struck;
    world.tenant.updateUser(first.sub, { email: OLD });
    await press(world, first);
    await eventually(() => callsAbout(world, first.sub).length >= 9);
    open();
    await untilStatus(world, first, 'undone', 4000);
    expect(addressOf(world, first)).toBe(OLD);
  });
});
