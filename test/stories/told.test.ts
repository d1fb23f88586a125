/** The current mailbox is told, or its operator, its user and their systems know that it could not be. */
import { describe, expect, test } from 'vitest';
import type { SmtpFault } from '../../stand-ins/inbox/faults.ts';
import { storeOf } from '../workers/steps.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import { startReceiver } from './receiver.ts';
import {
  addPerson,
  ask,
  HOUR,
  linkIn,
  mail,
  mailsOf,
  MINUTE,
  press,
  until,
  use,
  view,
  words,
} from './steps.ts';

const NEW = 'ada@new.example';
const OLD = 'ada@old.example';
const NOBODY_THERE = { code: 550, message: '5.1.1 ada@old.example is nobody here' };

const measures = async (world: World): Promise<string> =>
  (await fetch(`${world.workers!.url}/metrics`)).text();
const linesOf = (world: World, event: string) => world.logs.filter((line) => line.event === event);

describe.each([
  ['Old.User@Example.COM', 'Old.User@example.com'],
  ['x@BÜCHER.de', 'x@bücher.de'],
  ['x@bücher.de.', 'x@bücher.de'],
  ['a..b@docomo.example', '"a..b"@docomo.example'],
  ['abc.@docomo.example', '"abc."@docomo.example'],
  ['"a,b"@old.example', '"a,b"@old.example'],
  ['jürgen@old.example', 'jürgen@old.example'],
])('an account at %s', (email, envelope) => {
  test.each(['new', 'both'])('is told and asked under CONFIRMATION=%s', async (CONFIRMATION) => {
    const world = await startWorld({ env: { CONFIRMATION } });
    const person = addPerson(world);
    world.tenant.updateUser(person.sub, { email });
    const asked = await ask(world, person, NEW);
    if (CONFIRMATION === 'both')
      await use(world, 'approve', await linkIn(world, asked, 'approve', 'approve'));
    else await mail(world, asked, 'notice');
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'committed' });
    await mail(world, asked, CONFIRMATION === 'both' ? 'approved' : 'changed');
    const toCurrent = world.inbox.messages.filter(({ envelope: { to } }) => to[0] !== NEW);
    expect(toCurrent.map(({ envelope: { to } }) => to)).toEqual([[envelope], [envelope]]);
    expect(await view(world, asked)).not.toHaveProperty('currentMailbox');
  });
});

describe('a current mailbox that takes no mail', () => {
  test('stops no change under new, and log, measure, status, event and audit trail say so without its address', async () => {
    const receiver = await startReceiver();
    const world = await startWorld({
      env: {
        WEBHOOK_URL: receiver.url,
        WEBHOOK_SECRETS: `whsec_${Buffer.alloc(24).toString('base64')}`,
      },
    });
    world.inbox.fault({ stage: 'rcpt', action: NOBODY_THERE, match: /ada@old/ });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await until(world, asked, { currentMailbox: 'unreachable' });
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'committed', currentMailbox: 'unreachable' });

    const { event } = await receiver.received(asked, 'current_mailbox_unreachable');
    expect(event.data).toMatchObject({ currentMailbox: 'unreachable' });
    const committed = await receiver.received(asked, 'committed');
    expect(committed.event.data).toMatchObject({ currentMailbox: 'unreachable' });
    const lost = await eventually(
      () =>
        linesOf(world, 'mail.undeliverable').length === 2 && linesOf(world, 'mail.undeliverable'),
    );
    expect(lost).toMatchObject(
      ['notice', 'changed'].map((template) => ({
        level: 'warn',
        change: asked.id,
        template,
        code: '550 5.1.1',
      })),
    );
    expect(JSON.stringify(world.logs)).not.toContain('ada@');
    expect(JSON.stringify(world.logs)).not.toContain('nobody here');
    expect(await measures(world)).toContain(
      'readdress_mails_total{template="notice",outcome="undeliverable"} 1',
    );
    expect((await storeOf(world).readAudit(20)).entries).toContainEqual(
      expect.objectContaining({ change: asked.id, act: 'unreachable' }),
    );
  });

  test.each(['no @', 'a@b@c.example', 'ada@evil.example(@old.example'])(
    'so does one whose address, %j, is none',
    async (email) => {
      const world = await startWorld();
      const person = addPerson(world);
      world.tenant.updateUser(person.sub, { email });
      const asked = await ask(world, person, NEW);
      await until(world, asked, { currentMailbox: 'unreachable' });
      await mail(world, asked, 'confirm');
      expect(linesOf(world, 'mail.undeliverable')).toMatchObject([
        { level: 'warn', change: asked.id, template: 'notice', code: 'EENVELOPE' },
      ]);
      expect(JSON.stringify(world.logs)).not.toContain(email);
      expect(mailsOf(world, asked)).toEqual([`confirm → ${NEW}`]);
    },
  );

  test('tells its user under both why the approval can not come, and the way out', async () => {
    const world = await startWorld({ env: { CONFIRMATION: 'both' } });
    world.inbox.fault({ stage: 'rcpt', action: NOBODY_THERE, match: /ada@old/ });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await until(world, asked, { currentMailbox: 'unreachable' });
    const page = await press(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    expect(await page()).toContain(words('page.outcome.waiting.unreachable.text'));
    expect(await view(world, asked)).toMatchObject({
      status: 'pending',
      awaiting: ['current'],
      currentMailbox: 'unreachable',
    });
    // It came back to life: a new mail asks it, and it may answer.
    world.inbox.clearFaults();
    world.pass(2 * MINUTE);
    await world.call('POST', `/v1/email-changes/${asked.id}/resend`, { token: asked.token });
    await use(world, 'approve', await linkIn(world, asked, 'approve', 'approve'));
    expect(await until(world, asked, { status: 'committed' })).not.toHaveProperty('currentMailbox');
  });
});

describe('a mail that is refused for our sake', () => {
  const POLICY: [string, SmtpFault][] = [
    ['by the recipient', { stage: 'rcpt', action: { code: 550, message: '5.7.26 SPF' } }],
    ['after the message', { stage: 'data', action: { code: 554, message: 'Looks like spam' } }],
    ['by our relay', { stage: 'mail', action: { code: 554, message: 'Not you' } }],
    ['before a word', { stage: 'connect', action: { code: 554, message: 'Listed' } }],
  ];
  test.each(POLICY)(
    '%s is no fault of the address: an operator hears of it the first time, and it is tried again',
    async (_, fault) => {
      const world = await startWorld();
      world.inbox.fault({ ...fault, ...(fault.stage === 'rcpt' ? { match: /ada@new/ } : {}) });
      const asked = await ask(world, addPerson(world, OLD), NEW);
      const { code } = fault.action as { code: number };
      const [first] = await eventually(() => {
        const seen = linesOf(world, 'mail.refused');
        return seen.length > 0 && seen;
      });
      expect(first).toMatchObject({ level: 'error', change: asked.id });
      expect(first!['code']).toMatch(new RegExp(`^${code}`));
      expect(JSON.stringify(world.logs)).not.toMatch(/SPF|spam|Listed/);
      expect(await view(world, asked)).toMatchObject({ status: 'pending' });
      world.inbox.clearFaults();
      world.pass(MINUTE);
      await mail(world, asked, 'confirm');
      await until(world, asked, { status: 'pending' });
    },
  );

  test('for the whole life of the link ends as an expired change, not as a bad address', async () => {
    const world = await startWorld();
    const action = { code: 550, message: '5.7.26 SPF' };
    world.inbox.fault({ stage: 'rcpt', action, match: /ada@new/ });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    for (let minute = 0; minute < 60; minute += 6) {
      await nothingDue(world);
      world.pass(6 * MINUTE);
    }
    const expired = await until(world, asked, { status: 'expired' });
    expect(expired).not.toHaveProperty('reason');
    world.pass(HOUR);
    await eventually(() => linesOf(world, 'mail.undeliverable').length > 0);
    expect(linesOf(world, 'mail.undeliverable')).toMatchObject([
      { level: 'warn', change: asked.id, template: 'confirm', why: 'too-late' },
    ]);
    expect(linesOf(world, 'mail.refused').length).toBeGreaterThan(3);
  });
});

test('the mail with the undo link is tried for as long as the undo is open, and then its loss is known', async () => {
  const world = await startWorld({ env: { UNDO_WINDOW: '6h' } });
  const asked = await ask(world, addPerson(world, OLD), NEW);
  await mail(world, asked, 'notice');
  const action = { code: 552, message: '5.2.2 Mailbox full' };
  const full = world.inbox.fault({ stage: 'rcpt', action, match: /ada@old/ });
  await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
  await until(world, asked, { status: 'committed' });
  const putOff = () =>
    world.logs.filter(({ event, task }) => event === 'task.later' && task === 'mail.changed')
      .length;
  for (let tried = 1; tried < 10; tried += 1) {
    await eventually(() => putOff() === tried);
    world.pass(30 * MINUTE);
  }
  expect(full.hits).toBeGreaterThan(8);
  world.pass(6 * HOUR);
  await until(world, asked, { currentMailbox: 'unreachable' });
  expect(linesOf(world, 'mail.undeliverable')).toMatchObject([{ template: 'changed' }]);
});

test('the mail with the undo link is not given up after two ends in doubt, but after three', async () => {
  const world = await startWorld();
  const asked = await ask(world, addPerson(world, OLD), NEW);
  await mail(world, asked, 'notice');
  const lost = world.inbox.fault({ stage: 'data', action: 'drop', match: /ada@old/ });
  await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
  for (const hits of [1, 2, 3]) {
    await eventually(() => lost.hits === hits, `attempt ${hits}`);
    await nothingDue(world);
    world.pass(2 * MINUTE);
  }
  await eventually(() => linesOf(world, 'mail.doubt').length > 0);
  expect(lost.hits).toBe(3);
});

/** Nothing is due, and nobody is at work: what was put off is written down. */
const nothingDue = (world: World) =>
  eventually(async () => {
    const leases = Object.values(await world.redis.hgetall(`${world.prefix}:leases`));
    const atWork = leases.some((lease) => lease.split(' ')[2] !== '-');
    const due = await world.redis.zcount(`${world.prefix}:due`, '-inf', world.now());
    return !atWork && due === 0;
  });
