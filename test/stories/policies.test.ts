/** Whose agreement a change needs: CONFIRMATION=both, auto, and the wait for a mailbox that was lost. */
import { describe, expect, test } from 'vitest';
import type { Side } from '../../src/domain/email-change.ts';
import { expectProblem, quiet } from '../support/wire.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import {
  addPerson,
  ask,
  DAY,
  HOUR,
  inspect,
  linkIn,
  mail,
  mailsOf,
  MINUTE,
  oneLine,
  press,
  tryToAsk,
  until,
  use,
  view,
  words,
  type Change,
} from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';
const BOTH = { CONFIRMATION: 'both' };

/** A change under `both`, and the link of each mailbox. */
async function askBoth(world: World) {
  const asked = await ask(world, addPerson(world, OLD), NEW);
  const links = {
    new: await linkIn(world, asked, 'confirm', 'confirm'),
    current: await linkIn(world, asked, 'approve', 'approve'),
    cancel: await linkIn(world, asked, 'approve', 'cancel'),
  };
  const agree = (side: Side) =>
    side === 'new' ? use(world, 'confirm', links.new) : use(world, 'approve', links.current);
  return { asked, links, agree };
}

const addressOf = (world: World, { sub }: Change) => world.tenant.user(sub).email;

describe('CONFIRMATION=both', () => {
  test.each<[first: Side, then: Side]>([
    ['new', 'current'],
    ['current', 'new'],
  ])(
    'commits when %s and then %s have agreed, and the status says who is missing',
    async (...order) => {
      const world = await startWorld({ env: BOTH });
      const { asked, agree, links } = await askBoth(world);
      expect((await view(world, asked)).awaiting).toEqual(['new', 'current']);
      // The current mailbox is asked, not only told: one mail, with both of its links.
      await quiet(world);
      expect(mailsOf(world, asked)).toEqual([`approve → ${OLD}`, `confirm → ${NEW}`]);

      const [first, second] = order;
      expect((await agree(first)).body).toEqual({ status: 'pending', awaiting: [second] });
      expect(await view(world, asked)).toMatchObject({ status: 'pending', awaiting: [second] });
      expect((await inspect(world, links[second])).body.awaiting).toEqual([second]);
      await quiet(world);
      expect(world.tenant.patches()).toEqual([]);

      expect((await agree(second)).body).toMatchObject({ status: 'confirmed' });
      const committed = await until(world, asked, { status: 'committed' });
      expect(committed).not.toHaveProperty('awaiting');
      expect(addressOf(world, asked)).toBe(NEW);
      expect(world.tenant.patches()).toHaveLength(1);
    },
  );

  test('a page tells each mailbox which one is still missing', async () => {
    const world = await startWorld({ env: BOTH });
    const { asked, links } = await askBoth(world);
    const first = await press(world, 'approve', links.current);
    expect(await first()).toContain(words('page.outcome.waiting.new.title'));
    const second = await press(world, 'confirm', links.new);
    await until(world, asked, { status: 'committed' });
    expect(await first()).toContain(words('page.outcome.done.title'));
    expect(await second()).toContain(words('page.outcome.done.title'));
  });

  test.each<Side>(['new', 'current'])(
    'the link of the %s mailbox used twenty times is one agreement, not two',
    async (side) => {
      const world = await startWorld({ env: BOTH });
      const { asked, agree } = await askBoth(world);
      const missing = side === 'new' ? 'current' : 'new';
      const answers = await Promise.all(Array.from({ length: 20 }, () => agree(side)));
      for (const { body } of answers)
        expect(body).toEqual({ status: 'pending', awaiting: [missing] });
      await quiet(world);
      expect(await view(world, asked)).toMatchObject({ status: 'pending', awaiting: [missing] });
      expect(world.tenant.patches()).toEqual([]);
    },
  );

  test('both links at once are one commit', async () => {
    const world = await startWorld({ env: BOTH });
    const { asked, agree } = await askBoth(world);
    const clicks = Array.from({ length: 10 }, (_, n) => agree(n % 2 === 0 ? 'new' : 'current'));
    await Promise.all(clicks);
    await until(world, asked, { status: 'committed' });
    await quiet(world);
    expect(world.tenant.patches()).toHaveLength(1);
  });

  test("no mailbox's token works at the other's door, nor does any of another change", async () => {
    const world = await startWorld({ env: BOTH });
    const { asked, links } = await askBoth(world);
    expectProblem(await use(world, 'confirm', links.current), 'invalid-link');
    expectProblem(await use(world, 'approve', links.new), 'invalid-link');
    for (const purpose of ['confirm', 'approve', 'undo'] as const)
      expectProblem(await use(world, purpose, links.cancel), 'invalid-link');

    const eve = await ask(world, addPerson(world, 'eve@old.example'), 'eve@new.example');
    const hers = await linkIn(world, eve, 'approve', 'approve');
    const mixed = links.current.slice(0, 22) + hers.slice(22);
    expectProblem(await use(world, 'approve', mixed), 'invalid-link');
    // Her own approval is hers alone.
    await use(world, 'approve', hers);
    expect((await view(world, asked)).awaiting).toEqual(['new', 'current']);
    expect((await view(world, eve)).awaiting).toEqual(['new']);
  });

  test.each<[agreed: Side, by: 'user' | 'current-mailbox']>([
    ['new', 'user'],
    ['new', 'current-mailbox'],
    ['current', 'user'],
    ['current', 'current-mailbox'],
  ])(
    'half agreed (%s), it can still be canceled by the %s, and the other half comes too late',
    async (agreed, by) => {
      const world = await startWorld({ env: BOTH });
      const { asked, agree, links } = await askBoth(world);
      await agree(agreed);
      if (by === 'user')
        await world.call('DELETE', `/v1/email-changes/${asked.id}`, { token: asked.token });
      else await use(world, 'cancel', links.cancel);
      expect(await view(world, asked)).toMatchObject({ status: 'canceled', canceledBy: by });

      expect((await agree(agreed === 'new' ? 'current' : 'new')).body).toEqual({
        status: 'canceled',
      });
      expect((await agree(agreed)).body).toEqual({ status: 'canceled' });
      await quiet(world);
      expect(world.tenant.patches()).toEqual([]);
    },
  );

  test('half agreed, it expires like any other', async () => {
    const world = await startWorld({ env: BOTH });
    const { asked, agree } = await askBoth(world);
    await agree('new');
    world.pass(HOUR);
    expect((await agree('current')).body).toEqual({ status: 'expired' });
    expect(await view(world, asked)).toMatchObject({ status: 'expired' });
    await quiet(world);
    expect(world.tenant.patches()).toEqual([]);
  });

  test('a resend asks only who has not agreed, and the old link of who has still answers', async () => {
    const world = await startWorld({ env: BOTH });
    const { asked, agree, links } = await askBoth(world);
    await agree('current');
    world.pass(MINUTE);
    const resent = await world.call('POST', `/v1/email-changes/${asked.id}/resend`, {
      token: asked.token,
    });
    expect(resent.status).toBe(202);
    const fresh = await linkIn(world, asked, 'confirm', 'confirm', 2);
    await quiet(world);
    expect(mailsOf(world, asked)).toEqual([
      `approve → ${OLD}`,
      `confirm → ${NEW}`,
      `confirm → ${NEW}`,
    ]);
    expect(fresh).toBe(links.new);
    expect((await agree('current')).body).toEqual({ status: 'pending', awaiting: ['new'] });
    await use(world, 'confirm', fresh);
    await until(world, asked, { status: 'committed' });
  });

  test('an account without an address has nobody else to ask', async () => {
    const world = await startWorld({ env: BOTH });
    const { user_id: sub } = world.tenant.addUser({ username: 'ada', password: 'x' });
    const asked = await ask(world, { sub, email: '' }, NEW);
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'committed' });
    expect(mailsOf(world, asked)).toEqual(expect.arrayContaining([`confirm → ${NEW}`]));
    expect(mailsOf(world, asked).filter((line) => !line.endsWith(NEW))).toEqual([]);
  });
});

describe('CONFIRMATION=auto', () => {
  test.each<[evidence: string, claims: object, awaiting: Side[]]>([
    ['a second factor', { 'https://readdress/amr': ['pwd', 'mfa'] }, ['new']],
    ['a password alone', { 'https://readdress/amr': ['pwd'] }, ['new', 'current']],
    ['no methods', { 'https://readdress/amr': [] }, ['new', 'current']],
    ['no claim', {}, ['new', 'current']],
    ['a claim that is text', { 'https://readdress/amr': 'mfa' }, ['new', 'current']],
    ['a claim that is an object', { 'https://readdress/amr': { mfa: true } }, ['new', 'current']],
    ['another word', { 'https://readdress/amr': ['MFA', 'mfa '] }, ['new', 'current']],
    ['the claim of somebody else', { 'https://example/amr': ['mfa'] }, ['new', 'current']],
  ])('a login with %s decides whom the change awaits', async (_, claims, awaiting) => {
    const world = await startWorld({ env: { CONFIRMATION: 'auto' } });
    const asked = await ask(world, addPerson(world, OLD), NEW, claims);
    expect((await view(world, asked)).awaiting).toEqual(awaiting);
    await quiet(world);
    const other = awaiting.length === 1 ? 'notice' : 'approve';
    expect(mailsOf(world, asked)).toEqual([`confirm → ${NEW}`, `${other} → ${OLD}`].toSorted());
  });

  test('a second factor later does not lower what was required, nor does its lack raise it', async () => {
    const world = await startWorld({ env: { CONFIRMATION: 'auto' } });
    const ada = addPerson(world, OLD);
    const mfa = { 'https://readdress/amr': ['mfa'] };
    const weak = await ask(world, ada, NEW);
    world.pass(MINUTE);
    expect((await tryToAsk(world, ada, NEW, mfa)).body).toMatchObject({
      id: weak.id,
      awaiting: ['new', 'current'],
    });
  });
});

/** All that is due is done, or put off again. */
const nothingDue = (world: World) =>
  eventually(
    async () => (await world.redis.zcount(`${world.prefix}:due`, '-inf', world.now())) === 0,
  );

describe('OLD_MAILBOX_WAIT, for who lost the current mailbox', () => {
  const WAIT = { CONFIRMATION: 'both', OLD_MAILBOX_WAIT: '9d' };

  test('after reminders and silence the new address alone suffices', async () => {
    const world = await startWorld({ env: WAIT });
    const { asked, agree } = await askBoth(world);
    const before = world.now();
    expect((await agree('new')).body).toEqual({ status: 'pending', awaiting: ['current'] });
    const waiting = await view(world, asked);
    expect(waiting.expiresAt).toBe(waiting.waivesAt);
    expect(Date.parse(waiting.waivesAt)).toBeGreaterThanOrEqual(before + 9 * DAY);

    for (const n of [1, 2]) {
      await quiet(world);
      expect(mailsOf(world, asked).filter((line) => line.startsWith('reminder'))).toHaveLength(
        n - 1,
      );
      world.pass(3 * DAY);
      const reminder = await mail(world, asked, 'reminder', n);
      expect(reminder.to).toEqual([OLD]);
      expect(oneLine(reminder.text)).toContain(words('mail.reminder.effect'));
      expect(reminder.text).not.toContain(NEW);
    }
    await quiet(world);
    expect((await view(world, asked)).status).toBe('pending');
    expect(world.tenant.patches()).toEqual([]);

    world.pass(3 * DAY);
    const committed = await until(world, asked, { status: 'committed' });
    expect(Date.parse(committed.confirmedAt)).toBeGreaterThanOrEqual(Date.parse(waiting.waivesAt));
    expect(addressOf(world, asked)).toBe(NEW);
    // The mailbox that was silent is told, and can still take it back.
    await use(world, 'undo', await linkIn(world, asked, 'changed', 'undo'));
    await until(world, asked, { status: 'undone' });
    expect(addressOf(world, asked)).toBe(OLD);
  });

  test('one objection from a reminder, days later, ends it', async () => {
    const world = await startWorld({ env: WAIT });
    const { asked, agree } = await askBoth(world);
    await agree('new');
    await quiet(world);
    world.pass(6 * DAY);
    const objection = await linkIn(world, asked, 'reminder', 'cancel');
    expect((await use(world, 'cancel', objection)).body).toEqual({ status: 'canceled' });
    await quiet(world);
    world.pass(30 * DAY);
    await quiet(world);
    expect(await view(world, asked)).toMatchObject({
      status: 'canceled',
      canceledBy: 'current-mailbox',
    });
    expect(addressOf(world, asked)).toBe(OLD);
  });

  test('the current mailbox need not wait: its approval commits at once, and no reminder follows', async () => {
    const world = await startWorld({ env: WAIT });
    const { asked, agree } = await askBoth(world);
    await agree('new');
    await quiet(world);
    world.pass(2 * DAY);
    await agree('current');
    await until(world, asked, { status: 'committed' });
    world.pass(10 * DAY);
    await quiet(world);
    expect(mailsOf(world, asked).filter((line) => line.startsWith('reminder'))).toEqual([]);
  });

  test('silence of both is no consent: without the new mailbox it expires with its links', async () => {
    const world = await startWorld({ env: WAIT });
    const { asked, agree } = await askBoth(world);
    await agree('current');
    await quiet(world);
    world.pass(HOUR);
    await quiet(world);
    expect((await view(world, asked)).status).toBe('expired');
    world.pass(30 * DAY);
    await quiet(world);
    expect(world.tenant.patches()).toEqual([]);
  });

  test('asking again and again does not shorten the time to object', async () => {
    const world = await startWorld({ env: WAIT });
    const { asked, agree } = await askBoth(world);
    await agree('new');
    const { waivesAt } = await view(world, asked);
    for (let day = 1; day < 9; day += 1) {
      await quiet(world);
      world.pass(DAY);
      const again = await tryToAsk(world, { sub: asked.sub, email: OLD }, NEW);
      expect(again.body).toMatchObject({ id: asked.id, status: 'pending', waivesAt });
    }
    await quiet(world);
    expect(world.tenant.patches()).toEqual([]);
  });

  test.each([
    ['is full', { code: 552, message: '5.2.2 Mailbox full' }],
    ['is not there just now', { code: 451, message: 'not now' }],
  ])(
    'a mailbox that %s was not asked: the wait runs from the mail that it takes',
    async (_, action) => {
      const world = await startWorld({ env: WAIT });
      world.inbox.fault({ stage: 'rcpt', action, match: /ada@old/ });
      const asked = await ask(world, addPerson(world, OLD), NEW);
      await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
      await eventually(() =>
        world.logs.some(({ event, task }) => event === 'task.later' && task === 'mail.approve.1'),
      );
      world.pass(10 * DAY);
      const putOff = (task: string, attempt: number) =>
        eventually(
          () =>
            world.logs.some(
              (line) =>
                line.event === 'task.later' && line['task'] === task && line['attempt'] === attempt,
            ),
          `${task} to be put off`,
        );
      for (const n of [1, 2]) await putOff(`mail.reminder.${n}`, 1);
      await putOff('mail.approve.1', 2);
      const waiting = await view(world, asked);
      expect(waiting).toMatchObject({ status: 'pending', awaiting: ['current'] });
      expect(waiting).not.toHaveProperty('waivesAt');
      expect(world.tenant.patches()).toEqual([]);

      world.inbox.clearFaults();
      world.pass(HOUR);
      await mail(world, asked, 'approve');
      const { waivesAt } = await eventually(async () => {
        const seen = await view(world, asked);
        return seen.waivesAt && seen;
      }, 'the wait to begin');
      expect(Date.parse(waivesAt)).toBeGreaterThan(world.now() + 8.9 * DAY);
      await nothingDue(world);
      world.pass(8 * DAY);
      await nothingDue(world);
      expect((await view(world, asked)).status).toBe('pending');
      world.pass(DAY);
      await until(world, asked, { status: 'committed' });
    },
  );

  test('a mailbox that takes no mail at all never consents: it ends in words, and nothing is written', async () => {
    const world = await startWorld({ env: WAIT });
    const action = { code: 550, message: '5.1.1 No such user' };
    world.inbox.fault({ stage: 'rcpt', action, match: /ada@old/ });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { currentMailbox: 'unreachable' });
    for (let day = 0; day < 18; day += 3) {
      expect((await view(world, asked)).status).toBe('pending');
      world.pass(3 * DAY);
      await quiet(world);
    }
    expect(await view(world, asked)).toMatchObject({
      status: 'expired',
      currentMailbox: 'unreachable',
    });
    expect(world.tenant.patches()).toEqual([]);
    expect(mailsOf(world, asked)).toEqual([`confirm → ${NEW}`, `failed → ${NEW}`]);
  });

  test('without it, silence never becomes consent', async () => {
    const world = await startWorld({ env: BOTH });
    const { asked, agree } = await askBoth(world);
    await agree('new');
    await quiet(world);
    world.pass(365 * DAY);
    await quiet(world);
    expect((await view(world, asked)).status).toBe('expired');
    expect(world.tenant.patches()).toEqual([]);
  });
});
