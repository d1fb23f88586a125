import { describe, expect, test } from 'vitest';
import { startInbox } from '../../demo/inbox.ts';
import type { SmtpFault } from '../../demo/inbox/faults.ts';
import { readWorkerConfig } from '../../src/config.ts';
import { openMailer } from '../../workers/mailer.ts';
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
      for (let at = 0; at < 20; at += 1)
        one.deps.alarm.wake(names.map((name) => ({ change: asked.id, name, at })));
    };
    ring();
    await eventually(() => (ring(), mailsOf(world, asked).length >= 2));
    await click(world, tokenIn(world.inbox.to(NEW)[0]?.text, 'confirm'));
    await eventually(() => (ring(), mailsOf(world, asked).length >= 4));
    await untilDrained(world);
    expect(mailsOf(world, asked)).toEqual(MAILS_OF_A_COMMIT);
    expect(world.inbox.attempts).toHaveLength(4);
  });

  test('to an address that has had its share is recorded as sent, and is not', async () => {
    const world = await startWorld({ env: { LIMIT_ADDRESS: '1/1h' } });
    await invite(world, { email: 'one@example.com' });
    const second = await ask(world, { email: 'two@example.com' });
    expect(
      await eventually(() => mailsOf(world, second).length === 1 && mailsOf(world, second)),
    ).toEqual(['notice → two@example.com']);
    await eventually(async () => (await recordOf(world, second.id)).mailedAt);
    await untilDrained(world);
    expect(world.inbox.to(NEW)).toHaveLength(1);
  });
});

describe('a new address that does not take mail', () => {
  test.each<[string, SmtpFault]>([
    ['no such mailbox', { stage: 'rcpt', action: { code: 550, message: 'No such user' } }],
    ['a refusal of the message', { stage: 'data', action: { code: 554, message: 'Looks odd' } }],
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

describe('a mail server that is busy', () => {
  test('greylisting is waited out, and the mail comes once', async () => {
    const world = await startWorld();
    const action = { code: 450, message: 'Greylisted, come back' };
    const grey = world.inbox.fault({ stage: 'rcpt', action, match: TO_NEW, times: 2 });
    const asked = await ask(world);
    await grey.struck;
    await eventually(() => world.logs.some(({ event }) => event === 'task.later'));
    expect(await untilStatus(world, asked, 'pending')).not.toHaveProperty('mailedAt');
    world.pass(60_000);
    await eventually(() => grey.hits === 2);
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
      const fault = world.inbox.fault({ stage, action: 'drop', times: 3 });
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

describe('a mail server that is down', () => {
  test('is waited for, an operator hears of it, and then every mail comes once', async () => {
    const world = await startWorld();
    await world.inbox.close();
    const asked = await ask(world);
    await eventually(() => {
      world.pass(5000);
      return world.logs.some(({ event, level }) => event === 'task.later' && level === 'error');
    }, 'an alarm');
    const smtpPort = Number(new URL(world.env['SMTP_URL']!).port);
    const inbox = await startInbox({ smtpPort });
    world.pass(60_000);
    await inbox.waitFor({ to: NEW });
    await inbox.waitFor({ to: OLD });
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
    expect(world.inbox.messages).toEqual([]);
  });

  test('a link that a newer one has replaced meanwhile is not mailed any more', async () => {
    const world = await startWorld();
    const action = { code: 451, message: 'Not now' };
    const busy = world.inbox.fault({ stage: 'rcpt', action, match: TO_NEW });
    const asked = await ask(world);
    await eventually(async () => {
      const { mails, account } = await recordOf(world, asked.id);
      return account && busy.hits === 1 && !('mail.confirm.1' in mails);
    });
    world.pass(61_000);
    busy.remove();
    const { id, token } = asked;
    await world.call('POST', `/v1/email-changes/${id}/resend`, { token });
    await untilMails(world, asked, 2);
    await untilDrained(world);
    expect(world.inbox.to(NEW).map(({ messageId }) => messageId)).toEqual([
      `<${id}.mail.confirm.2@readdress.example>`,
    ]);
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

describe('the way to the mail server', () => {
  const settings = (smtpUrl: string) => ({
    REDIS_URL: 'redis://127.0.0.1:1',
    SEALING_KEYS: Buffer.alloc(32).toString('base64'),
    AUTH0_DOMAIN: 'tenant.example',
    PUBLIC_URL: 'https://readdress.example',
    AUTH0_CLIENT_ID: 'id',
    AUTH0_CLIENT_SECRET: 'secret',
    MAIL_FROM: 'Readdress <no-reply@readdress.example>',
    SMTP_URL: smtpUrl,
  });
  const mail = { to: NEW, subject: 's', text: 't', html: 'h', id: 'x.mail.done', locale: 'en' };

  test.each([
    ['smtp://user:pass@mail.example:587', false],
    ['smtp://10.0.0.1:25', false],
    ['smtp://127.0.0.1:25', true],
    ['smtp://localhost:25', true],
  ])('%s may go without TLS: %s', (smtpUrl, allowed) => {
    expect(readWorkerConfig(settings(smtpUrl)).allowInsecureSmtp).toBe(allowed);
  });

  test('where TLS is required, nothing is said to a server without it', async () => {
    const inbox = await startInbox();
    const config = { ...readWorkerConfig(settings(inbox.smtpUrl)), allowInsecureSmtp: false };
    const mailer = openMailer({ config } as Parameters<typeof openMailer>[0]);
    expect(await mailer.send(mail, 5000)).toMatchObject({ kind: 'away', code: 'ETLS' });
    expect(inbox.attempts).toEqual([]);
    mailer.close();
    await inbox.close();
  });

  test.each([
    'a@evil.test(@good.test',
    'a b@good.test',
    'a@good.test,b@evil.test',
    'Name <a@good.test>',
  ])('an address that a mailer could read in two ways, %s, is not mailed at all', async (to) => {
    const inbox = await startInbox();
    const config = readWorkerConfig(settings(inbox.smtpUrl));
    const mailer = openMailer({ config } as Parameters<typeof openMailer>[0]);
    expect((await mailer.send({ ...mail, to }, 5000)).kind).toBe('away');
    expect(inbox.messages).toEqual([]);
    mailer.close();
    await inbox.close();
  });
});
