import { describe, expect, test } from 'vitest';
import type { SmtpFault } from '../../stand-ins/inbox/faults.ts';
import { eventually, startWorld, tokenIn } from '../support/world.ts';
import {
  ask,
  click,
  mailsOf,
  NEW,
  OLD,
  recordOf,
  untilDrained,
  untilMails,
  untilStatus,
} from './steps.ts';

const TO_NEW = new RegExp(NEW);

describe('a mail server that is busy', () => {
  test('greylisting is waited out, and the mail comes once', async () => {
    const world = await startWorld();
    const action = { code: 450, message: 'Greylisted, come back' };
    const grey = world.inbox.fault({ stage: 'rcpt', action, match: TO_NEW, times: 2 });
    const asked = await ask(world);
    await grey.struck;
    // Written down when it is said: only then does time that passes count.
    const putOff = (times: number) =>
      eventually(() => world.logs.filter(({ event }) => event === 'task.later').length === times);
    await putOff(1);
    expect(await untilStatus(world, asked, 'pending')).not.toHaveProperty('mailedAt');
    world.pass(60_000);
    await putOff(2);
    expect(grey.hits).toBe(2);
    world.pass(5 * 60_000);
    await untilMails(world, asked, 2);
    await untilDrained(world);
    expect(await untilStatus(world, asked, 'pending')).toHaveProperty('mailedAt');
    expect(world.inbox.to(NEW)).toHaveLength(1);
  });

  test.each<[string, SmtpFault]>([
    ['a 421 at the greeting', { stage: 'connect', action: { code: 421, message: 'Too busy' } }],
    ['a 5xx about our own relay', { stage: 'mail', action: { code: 554, message: 'Not you' } }],
  ])('%s says nothing about the new address: the mail waits', async (_, fault) => {
    const world = await startWorld();
    const busy = world.inbox.fault({ ...fault, times: 2 });
    const asked = await ask(world);
    await eventually(() => busy.hits === 2);
    await eventually(() => world.logs.filter(({ event }) => event === 'task.later').length >= 2);
    world.pass(60_000);
    await untilMails(world, asked, 2);
    await untilDrained(world);
    expect(mailsOf(world, asked)).toEqual([`confirm → ${NEW}`, `notice → ${OLD}`]);
    expect((await recordOf(world, asked.id)).status).toBe('pending');
  });
});

describe('a connection that dies', () => {
  test.each(['connect', 'mail', 'rcpt'] as const)(
    'before the message, at %s: the mail comes exactly once',
    async (stage) => {
      const world = await startWorld();
      const fault = world.inbox.fault({ stage, action: 'drop', times: 2 });
      const asked = await ask(world);
      await fault.struck;
      await untilMails(world, asked, 2);
      await untilDrained(world);
      expect(mailsOf(world, asked)).toEqual([`confirm → ${NEW}`, `notice → ${OLD}`]);
    },
  );

  test('with the message half way: once more, and it comes once', async () => {
    const world = await startWorld();
    const fault = world.inbox.fault({ stage: 'data', action: 'drop', match: TO_NEW, times: 1 });
    const asked = await ask(world);
    await fault.struck;
    await untilMails(world, asked, 2);
    await untilDrained(world);
    expect(mailsOf(world, asked)).toEqual([`confirm → ${NEW}`, `notice → ${OLD}`]);
  });

  test('after the message, every time: two mails at most, alike in Message-ID and link', async () => {
    const world = await startWorld();
    world.inbox.fault({ stage: 'afterData', action: 'drop', match: TO_NEW });
    const asked = await ask(world);
    await eventually(() => world.inbox.to(NEW).length === 2);
    await untilDrained(world);
    world.pass(10 * 60_000);
    await untilDrained(world);
    const [first, second, ...more] = world.inbox.to(NEW);
    expect(more).toEqual([]);
    expect(second?.messageId).toBe(first?.messageId);
    expect(tokenIn(second?.text, 'confirm')).toBe(tokenIn(first?.text, 'confirm'));
    const clicked = await click(world, tokenIn(first?.text, 'confirm'));
    expect(clicked.body).toMatchObject({ status: 'confirmed' });
    await untilStatus(world, asked, 'committed');
  });
});
