import { describe, expect, test } from 'vitest';
import { startInbox } from '../../stand-ins/inbox.ts';
import { eventually, startWorld } from '../support/world.ts';
import { ask, NEW, OLD, recordOf, untilDrained, untilMails, untilStatus } from './steps.ts';

const TO_NEW = new RegExp(NEW);

describe('a mail server that is down', () => {
  test('is waited for, an operator hears of it, and then every mail comes once', async () => {
    const world = await startWorld();
    await world.inbox.close();
    const asked = await ask(world);
    // Time passes only while both mails are put off: what is under way would be another one's by then.
    const tries = () => world.logs.filter(({ event }) => event === 'task.later');
    for (let round = 1; !tries().some(({ level }) => level === 'error'); round += 1) {
      await eventually(
        () => tries().length === 2 * round,
        `both mails, put off for the ${round}. time`,
      );
      world.pass(300_000);
    }
    await eventually(() => tries().length % 2 === 0, 'the other mail');
    const smtpPort = Number(new URL(world.env['SMTP_URL']!).port);
    const inbox = await startInbox({ smtpPort });
    world.pass(300_000);
    await inbox.waitFor({ to: NEW }, 15_000);
    await inbox.waitFor({ to: OLD }, 15_000);
    await untilDrained(world);
    expect(inbox.messages).toHaveLength(2);
    expect(await untilStatus(world, asked, 'pending')).toHaveProperty('mailedAt');
    await world.close();
    await inbox.close();
  });

  test('until the link has expired: no mail comes then, and the status says expired', async () => {
    const world = await startWorld({ env: { LINK_TTL: '50s' } });
    const action = { code: 451, message: 'Not now' };
    const busy = world.inbox.fault({ stage: 'rcpt', action });
    const asked = await ask(world);
    await eventually(() => world.logs.filter(({ event }) => event === 'task.later').length === 2);
    busy.remove();
    // The mails and the expiry are due at the same moment.
    world.pass(61_000);
    await untilStatus(world, asked, 'expired');
    await untilDrained(world);
    expect(world.inbox.messages.map(({ subject }) => subject)).toEqual([]);
  });

  test('a link that a newer one has replaced meanwhile is not mailed any more', async () => {
    const world = await startWorld({ env: { RESEND_AFTER: '1s' } });
    const action = { code: 451, message: 'Not now' };
    const busy = world.inbox.fault({ stage: 'rcpt', action, match: TO_NEW });
    const asked = await ask(world);
    await eventually(async () => {
      const { mails, account } = await recordOf(world, asked.id);
      return account && busy.hits === 1 && !('mail.confirm.1' in mails);
    });
    // Before the first one is tried again.
    world.pass(2000);
    busy.remove();
    const { id, token } = asked;
    await world.call('POST', `/v1/email-changes/${id}/resend`, { token });
    await untilMails(world, asked, 2);
    world.pass(61_000);
    await untilDrained(world);
    expect(world.inbox.to(NEW).map(({ messageId }) => messageId)).toEqual([
      `<${id}.mail.confirm.2@readdress.example>`,
    ]);
  });
});
