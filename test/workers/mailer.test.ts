import { describe, expect, test } from 'vitest';
import { startInbox } from '../../stand-ins/inbox.ts';
import { readWorkerConfig } from '../../src/config.ts';
import { openMailer } from '../../workers/mailer.ts';
import { startRawServer } from '../support/raw-smtp.ts';
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
    expect(await mailer.send(mail, 5000)).toMatchObject({ kind: 'relay' });
    expect(inbox.attempts).toEqual([]);
    mailer.close();
    await inbox.close();
  });

  test.each([
    ['Old.User@Example.COM', 'Old.User@example.com'],
    [' a@good.test\n', 'a@good.test'],
    ['a@good.test.', 'a@good.test'],
    ['x@bücher.de', 'x@xn--bcher-kva.de'],
    ['x@BÜCHER.DE.', 'x@xn--bcher-kva.de'],
    ['x@xn--bcher-kva.de', 'x@xn--bcher-kva.de'],
    ['x@faß.de', 'x@xn--fa-hia.de'],
    ['a@ｇood.test', 'a@good.test'],
    ['a@good。test', 'a@good.test'],
    ['a..b@good.test', '"a..b"@good.test'],
    ['.a@good.test', '".a"@good.test'],
    ['abc.@good.test', '"abc."@good.test'],
    ['x y@good.test', '"x y"@good.test'],
    ['"x y"@good.test', '"x y"@good.test'],
    ['"a,b;c:d(e)"@good.test', '"a,b;c:d(e)"@good.test'],
    ['"a\\"b"@good.test', '"a\\"b"@good.test'],
    ["o'brien+x!#$%&*/=?^_`{|}~-@good.test", "o'brien+x!#$%&*/=?^_`{|}~-@good.test"],
    ['jürgen@good.test', 'jürgen@good.test'],
    ['jürgen@bücher.de', 'jürgen@bücher.de'],
    ['用户@例え.jp', '用户@例え.jp'],
    ['a@localhost', 'a@localhost'],
  ])('the address %j of a tenant is mailed as %j, and to nobody else', async (to, envelope) => {
    const server = await startRawServer();
    const mailer = openMailer({ config: readWorkerConfig(settings(server.url)) } as never);
    expect(await mailer.send({ ...mail, to }, 5000)).toEqual({ kind: 'sent' });
    expect(server.recipients).toEqual([envelope]);
    mailer.close();
    await server.close();
  });

  test.each([
    'a@evil.test(@good.test',
    'a@good.test,b@evil.test',
    'Name <a@good.test>',
    'a@evil.test;b@good.test',
    'grp:a@evil.test,b@good.test;',
    '"a@evil.test x"@good.test',
    'a@good.test\r\nBcc: b@evil.test',
    'a@good.test\0',
    '"a@b"@good.test',
    'a@b@good.test',
    '<a@good.test>',
    'a@good.test/x',
    'a@good.test?x',
    'a@good.test:25',
    'a@1.2.3.4',
    'a@0x7f.1',
    'a@[127.0.0.1]',
    'a@good..test',
    'a@-good.test',
    'a@good\u200b.test',
    'a\u200b@good.test',
    'a\u202eb@good.test',
    'a\t@good.test',
    'nobody',
    '@good.test',
    'a@',
    '',
  ])('an address that a mailer could read in two ways, %j, is not mailed at all', async (to) => {
    const inbox = await startInbox();
    const config = readWorkerConfig(settings(inbox.smtpUrl));
    const mailer = openMailer({ config } as Parameters<typeof openMailer>[0]);
    // For good: asking again would not make it another address.
    expect((await mailer.send({ ...mail, to }, 5000)).kind).toBe('address');
    expect(inbox.attempts.flatMap((attempt) => attempt.to)).toEqual([]);
    mailer.close();
    await inbox.close();
  });
});
