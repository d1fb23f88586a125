import { expect, test } from 'vitest';
import type { SmtpFault } from '../../stand-ins/inbox/faults.ts';
import { eventually, startWorld, tokenIn } from '../support/world.ts';
import { ask, mailsOf, NEW, OLD, untilDrained, untilMails } from './steps.ts';

/** A mail server that falls silent once, at this point of the delivery to the new address. */
async function silence(fault: Omit<SmtpFault, 'action'>) {
  const world = await startWorld();
  const hanging = world.inbox.fault({ ...fault, action: 'hang', times: 1 });
  const asked = await ask(world);
  await hanging.struck;
  await eventually(
    () => world.logs.some(({ event }) => event === 'task.later'),
    'patience to end',
    14_000,
  );
  await untilMails(world, asked, 2);
  await eventually(() => mailsOf(world, asked).length === 2 || world.inbox.to(NEW).length === 2);
  await untilDrained(world);
  return { mails: mailsOf(world, asked), toNew: world.inbox.to(NEW) };
}

// In parallel, since each of them takes the patience that a mail server is owed.
test('a mail server that falls silent is given up in time; before the message the mail comes exactly once, after it twice at most', async () => {
  const match = new RegExp(NEW);
  const [greeting, recipient, message] = await Promise.all([
    silence({ stage: 'connect' }),
    silence({ stage: 'rcpt', match }),
    silence({ stage: 'afterData', match }),
  ]);
  const once = [`confirm → ${NEW}`, `notice → ${OLD}`];
  expect(greeting.mails).toEqual(once);
  expect(recipient.mails).toEqual(once);
  expect(message.mails).toEqual([`confirm → ${NEW}`, ...once]);
  const [first, second] = message.toNew;
  expect(second?.messageId).toBe(first?.messageId);
  expect(tokenIn(second?.text, 'confirm')).toBe(tokenIn(first?.text, 'confirm'));
});
