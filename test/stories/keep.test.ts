/** The signed-in owner ends the previous mailbox's right to undo; a thief who tries it is found out. */
import { describe, expect, test } from 'vitest';
import { expectProblem } from '../support/wire.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { readdress } from './operator.ts';
import {
  addPerson,
  ask,
  change,
  HOUR,
  linkIn,
  mail,
  MINUTE,
  until,
  use,
  view,
  type Change,
} from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';
const AMR = 'https://readdress/amr';

const loggedIn = (world: World, sub: string, amr: string[] = ['pwd', 'mfa']) =>
  world.token(sub, {
    claims: { 'https://readdress/auth_time': Math.floor(world.now() / 1000), [AMR]: amr },
  });
const askToKeep = async (world: World, { id, sub }: Change, token?: string) =>
  world.call('POST', `/v1/email-changes/${id}/keep`, {
    token: token ?? (await loggedIn(world, sub)),
  });
const addressOf = (world: World, { sub }: Change) => world.tenant.user(sub).email;

describe('the owner who wants to keep the new address', () => {
  test('ends the undo right 72 hours after the previous mailbox was told, and both mailboxes are', async () => {
    const world = await startWorld();
    const committed = await change(world, addPerson(world, OLD), NEW);
    const undo = await linkIn(world, committed, 'changed', 'undo');
    const answer = await askToKeep(world, committed);
    expect(answer).toMatchObject({ status: 202, body: { status: 'committed' } });
    const told = await mail(world, committed, 'keep');
    expect(told.to).toEqual([OLD]);
    expect(told.text).toMatch(/72\s+hours/);
    expect((await mail(world, committed, 'keeping')).to).toEqual([NEW]);
    const { undoUntil } = await until(world, committed, { keep: 'waiting' });
    expect(Date.parse(undoUntil) - world.now()).toBeGreaterThan(71.9 * HOUR);

    world.pass(71 * HOUR);
    expect(await view(world, committed)).toMatchObject({ keep: 'waiting' });
    world.pass(HOUR + MINUTE);
    await until(world, { ...committed, token: await world.token(committed.sub) }, { keep: 'kept' });
    await use(world, 'undo', undo);
    await eventually(async () => (await world.redis.zcard(`${world.prefix}:due`)) === 0);
    expect(addressOf(world, committed)).toBe(NEW);
  });

  test('is stopped by the undo link itself, old or new, for as long as there is time', async () => {
    for (const template of ['changed', 'keep'] as const) {
      const world = await startWorld();
      const committed = await change(world, addPerson(world, OLD), NEW);
      await askToKeep(world, committed);
      const undo = await linkIn(world, committed, template, 'undo');
      world.pass(71 * HOUR);
      await use(world, 'undo', undo);
      const token = await world.token(committed.sub);
      await until(world, { ...committed, token }, { status: 'undone' });
      expect(addressOf(world, committed)).toBe(OLD);
      world.pass(2 * HOUR);
      expect(await view(world, { ...committed, token })).toMatchObject({ status: 'undone' });
    }
  });

  test('waits for a mailbox that is slow, and a mailbox that was not told keeps its right', async () => {
    const world = await startWorld();
    const committed = await change(world, addPerson(world, OLD), NEW);
    await mail(world, committed, 'changed');
    world.inbox.fault({ stage: 'rcpt', match: /old/, action: { code: 550, message: '5.1.1 no' } });
    await askToKeep(world, committed);
    const { undoUntil } = await until(world, committed, { keep: 'unreachable' });
    expect(Date.parse(undoUntil) - world.now()).toBeGreaterThan(6 * 24 * HOUR);
    world.pass(73 * HOUR);
    const token = await loggedIn(world, committed.sub);
    expect(await view(world, { ...committed, token })).toMatchObject({ keep: 'unreachable' });
  });

  test('needs a fresh login with a second factor, and asks the app for one in the words of RFC 9470', async () => {
    const world = await startWorld();
    const committed = await change(world, addPerson(world, OLD), NEW);
    const weak = await askToKeep(world, committed, await loggedIn(world, committed.sub, ['pwd']));
    expectProblem(weak, 'insufficient-user-authentication');
    expect(weak.headers.get('www-authenticate')).toContain('acr_values="http');
    expect(world.logs).toContainEqual(
      expect.objectContaining({ event: 'request.done', why: 'no-second-factor' }),
    );
    const strong = await loggedIn(world, committed.sub);
    world.pass(6 * MINUTE);
    const stale = await askToKeep(world, committed, strong);
    expectProblem(stale, 'insufficient-user-authentication');
    expect(stale.headers.get('www-authenticate')).toContain('max_age="300"');
    const stranger = addPerson(world, 'eve@old.example');
    const foreign = await askToKeep(world, committed, await loggedIn(world, stranger.sub));
    expectProblem(foreign, 'not-found');
    expect(await view(world, committed)).not.toHaveProperty('keep');
  });

  test('asks twice and is told once; without an undo right there is nothing to keep', async () => {
    const world = await startWorld();
    const committed = await change(world, addPerson(world, OLD), NEW);
    await askToKeep(world, committed);
    await until(world, committed, { keep: 'waiting' });
    expect(await askToKeep(world, committed)).toMatchObject({ status: 202 });
    await eventually(() => mail(world, committed, 'keeping'));
    expect(
      world.inbox.messages.filter(({ messageId }) => messageId.includes('mail.keep')),
    ).toHaveLength(2);

    const late = await change(world, addPerson(world, 'bob@old.example'), 'bob@new.example');
    world.pass(8 * 24 * HOUR);
    expectProblem(await askToKeep(world, late), 'nothing-to-keep');
  });

  test('can ask support, whose command does the same and is on record', async () => {
    const world = await startWorld();
    const committed = await change(world, addPerson(world, OLD), NEW);
    const { code, lines } = await readdress(world, ['keep', committed.id]);
    expect({ code, lines }).toMatchObject({
      code: 0,
      lines: [{ id: committed.id, keep: 'asked' }],
    });
    expect((await mail(world, committed, 'keep')).to).toEqual([OLD]);
    const { lines: trail } = await readdress(world, ['audit']);
    expect(trail).toContainEqual(
      expect.objectContaining({ change: committed.id, actor: 'operator', act: 'keep-requested' }),
    );
  });
});

test('a mailbox that approved this very change has nothing to undo, and is told so', async () => {
  const world = await startWorld({ env: { CONFIRMATION: 'both' } });
  const ada = addPerson(world, OLD);
  const asked = await ask(world, ada, NEW);
  await use(world, 'approve', await linkIn(world, asked, 'approve', 'approve'));
  await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
  const committed = await until(world, asked, { status: 'committed' });
  expect(committed).not.toHaveProperty('undoUntil');
  const told = await mail(world, asked, 'approved');
  expect(told.to).toEqual([OLD]);
  expect(told.text).not.toMatch(/#[\w-]{64}/);
});
