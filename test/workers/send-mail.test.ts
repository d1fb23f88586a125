import { describe, expect, test } from 'vitest';
import type { SmtpFault } from '../../stand-ins/inbox/faults.ts';
import { eventually, startWorld, tokenIn } from '../support/world.ts';
import {
  ask,
  click,
  commit,
  invite,
  mailsOf,
  MAILS_OF_A_COMMIT,
  NEW,
  OLD,
  recordOf,
  startDeployment,
  storeOf,
  untilDrained,
  untilMails,
  untilStatus,
} from './steps.ts';

const TO_NEW = new RegExp(NEW);

describe('a mail', () => {
  test('has one recipient, the sender of the settings, a lasting Message-ID, both parts, and says that a machine wrote it', async () => {
    const world = await startWorld();
    const invited = await invite(world, { to: 'Ada.L@example.org' });
    const [mail] = world.inbox.to('Ada.L@example.org');
    expect(mail).toMatchObject({
      envelope: { from: 'no-reply@readdress.example', to: ['Ada.L@example.org'] },
      from: 'no-reply@readdress.example',
      to: ['Ada.L@example.org'],
      messageId: `<${invited.id}.mail.confirm.1@readdress.example>`,
    });
    const header = (name: string) => mail?.headers.get(name);
    expect(header('auto-submitted')).toBe('auto-generated');
    expect(header('x-auto-response-suppress')).toBe('All');
    expect(header('content-language')).toBe('en');
    expect(header('content-type')).toMatchObject({ value: 'multipart/alternative' });
    expect(header('date')).toBeInstanceOf(Date);
    for (const absent of ['cc', 'bcc', 'reply-to', 'list-unsubscribe', 'list-id', 'x-mailer'])
      expect(header(absent)).toBeUndefined();
    const token = tokenIn(mail?.text, 'confirm');
    expect(mail?.html).toContain(`/confirm#${token}`);
    expect(mail?.raw.match(/^To: .*$/m)?.[0]).toBe('To: Ada.L@example.org');
  });

  test('goes out once per template, however often its worker is woken', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world);
    const one = await startDeployment(world);
    await startDeployment(world);
    await startDeployment(world);
    const names = [
      'invite',
      'mail.confirm.1',
      'mail.notice',
      'commit',
      'mail.done',
      'mail.changed',
    ];
    const ring = () => {
      for (let times = 0; times < 20; times += 1)
        one.deps.wakeUps.ring(names.map((name) => ({ change: asked.id, name })));
    };
    ring();
    await eventually(() => (ring(), mailsOf(world, asked).length >= 2));
    await click(world, tokenIn(world.inbox.to(NEW)[0]?.text, 'confirm'));
    await eventually(() => (ring(), mailsOf(world, asked).length >= 4));
    await untilDrained(world);
    expect(mailsOf(world, asked)).toEqual(MAILS_OF_A_COMMIT);
    expect(world.inbox.attempts).toHaveLength(4);
  });
});

describe('a new address that does not take mail', () => {
  test.each<[string, SmtpFault]>([
    ['no such mailbox', { stage: 'rcpt', action: { code: 550, message: 'No such user' } }],
    ['said of the message', { stage: 'data', action: { code: 550, message: '5.1.1 Unknown' } }],
  ])('%s: rejected as undeliverable, at once and for good', async (_, fault) => {
    const world = await startWorld();
    world.inbox.fault({ ...fault, match: TO_NEW });
    const asked = await ask(world);
    expect(await untilStatus(world, asked, 'rejected', 2000)).toMatchObject({
      reason: 'undeliverable',
    });
    await untilDrained(world);
    expect(world.inbox.attempts.filter(({ to }) => to.includes(NEW))).toHaveLength(1);
  });

  test('the refusal of the current mailbox stops nothing', async () => {
    const world = await startWorld();
    const action = { code: 550, message: 'No such user' };
    world.inbox.fault({ stage: 'rcpt', action, match: new RegExp(OLD) });
    const invited = await commit(world);
    await untilMails(world, invited, 2);
    await untilDrained(world);
    expect(mailsOf(world, invited)).toEqual([`confirm → ${NEW}`, `done → ${NEW}`]);
  });

  test('a refusal after the click changes nothing about the click', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await untilMails(world, invited, 2);
    const action = { code: 550, message: 'Mailbox closed' };
    world.inbox.fault({ stage: 'rcpt', action, match: TO_NEW });
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    await untilDrained(world);
    expect((await recordOf(world, invited.id)).mails['mail.done']).toBe('failed');
  });
});

describe('a worker that dies with a mail', () => {
  test('before it could note that the mail went out: one more comes, with the same Message-ID', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world);
    const first = await startDeployment(world);
    await untilMails(world, asked, 2);
    await untilDrained(world);
    await first.close();
    // What a worker leaves behind that died after the 250: the mark, the task, and its lease.
    const { redis, prefix } = world;
    const name = 'mail.confirm.1';
    await storeOf(world).decide(asked.id, (change) => ({
      kind: 'write',
      changes: [{ ...change, mails: { ...change.mails, [name]: 'sending' } }],
      tasks: [{ change: asked.id, name, at: world.now() + 25_000 }],
    }));
    await redis.hset(`${prefix}:leases`, `${asked.id}:${name}`, '1 1 dead');
    await startDeployment(world);
    world.pass(26_000);
    await untilMails(world, asked, 3);
    await untilDrained(world);
    const ids = world.inbox.to(NEW).map(({ messageId }) => messageId);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect((await recordOf(world, asked.id)).mails[name]).toBe('sent');
  });
});
