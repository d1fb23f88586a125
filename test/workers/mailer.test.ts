import { describe, expect, test } from 'vitest';
import { startInbox } from '../../demo/inbox.ts';
import { readWorkerConfig } from '../../src/config.ts';
import { openMailer } from '../../workers/mailer.ts';
import { NEW } from './steps.ts';

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
    expect(await mailer.send(mail, 5000)).toMatchObject({ kind: 'away' });
    expect(inbox.attempts).toEqual([]);
    mailer.close();
    await inbox.close();
  });

  test.each([
    'a@evil.test(@good.test',
    'a b@good.test',
    'a@good.test,b@evil.test',
    'Name <a@good.test>',
    'a@evil.test;b@good.test',
    'grp:a@evil.test,b@good.test;',
    '"a@evil.test x"@good.test',
    'a@good.test\r\nBcc: b@evil.test',
    'a@good.test\0',
    'a@ｇood.test',
    'a@good。test',
    '',
  ])('an address that a mailer could read in two ways, %j, is not mailed at all', async (to) => {
    const inbox = await startInbox();
    const config = readWorkerConfig(settings(inbox.smtpUrl));
    const mailer = openMailer({ config } as Parameters<typeof openMailer>[0]);
    // For good: asking again would not make it another address.
    expect((await mailer.send({ ...mail, to }, 5000)).kind).toBe('refused');
    expect(inbox.attempts.flatMap((attempt) => attempt.to)).toEqual([]);
    mailer.close();
    await inbox.close();
  });
});
