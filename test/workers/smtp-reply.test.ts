/** What a mail server's refusal means, over the wire: whose fault it is, and whether to try again. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { readWorkerConfig } from '../../src/config.ts';
import { openMailer } from '../../workers/mailer.ts';
import { startRawServer, type RawReplies } from '../support/raw-smtp.ts';
import { NEW } from './steps.ts';

async function deliveryOf(replies: RawReplies, login = '') {
  const server = await startRawServer(replies, login === '' ? [] : ['AUTH PLAIN']);
  const config = readWorkerConfig({
    REDIS_URL: 'redis://127.0.0.1:1',
    SEALING_KEYS: Buffer.alloc(32).toString('base64'),
    AUTH0_DOMAIN: 'tenant.example',
    PUBLIC_URL: 'https://readdress.example',
    AUTH0_CLIENT_ID: 'id',
    AUTH0_CLIENT_SECRET: 'secret',
    MAIL_FROM: 'Readdress <no-reply@readdress.example>',
    SMTP_URL: server.url.replace('//', `//${login}`),
  });
  const mailer = openMailer({ config } as Parameters<typeof openMailer>[0]);
  onTestFinished(async () => {
    mailer.close();
    await server.close();
  });
  const mail = { to: NEW, subject: 's', text: 't', html: 'h', id: 'x.mail.done', locale: 'en' };
  return mailer.send(mail, 5000);
}

type Row = [step: 'RCPT' | 'END' | 'MAIL' | 'DATA' | 'CONNECT', reply: string, codes: string];

const ADDRESS: Row[] = [
  ['RCPT', '550 5.1.1 No such user', '550 5.1.1'],
  ['RCPT', '550 5.1.10 Null MX', '550 5.1.10'],
  ['RCPT', '551 5.1.6 Moved away', '551 5.1.6'],
  ['RCPT', '553 5.1.3 Bad syntax', '553 5.1.3'],
  ['RCPT', '501 5.1.3 Bad syntax', '501 5.1.3'],
  ['RCPT', '550 5.2.1 Disabled', '550 5.2.1'],
  ['RCPT', '550 5.4.1 Recipient address rejected', '550 5.4.1'],
  ['RCPT', '553 5.6.7 No SMTPUTF8', '553 5.6.7'],
  ['RCPT', '554 5.1.1 No such user', '554 5.1.1'],
  ['RCPT', '550 No such user', '550'],
  ['RCPT', '550', '550'],
  ['RCPT', '551 Not local', '551'],
  ['RCPT', '553 Name not allowed', '553'],
  ['RCPT', '556 Takes no mail', '556'],
  ['RCPT', '550-5.1.1 The account that you tried\n550 5.1.1 does not exist', '550 5.1.1'],
  ['RCPT', '550-The account that you tried\n550 5.1.1 does not exist', '550 5.1.1'],
  ['RCPT', '550 #5.1.1 unknown', '550 5.1.1'],
  ['RCPT', '550 [5.1.1] unknown', '550 5.1.1'],
  ['RCPT', '550 <x@y.test>: (5.1.1) unknown', '550 5.1.1'],
  ['RCPT', '550 5.001.01 zeros', '550 5.1.1'],
  ['END', '550 5.1.1 Unknown after all', '550 5.1.1'],
  // An enhanced code that says nothing leaves it to the basic one.
  ['RCPT', '550 5.5.0 Requested action not taken: mailbox unavailable', '550 5.5.0'],
  ['RCPT', '550 5.0.0 User unknown', '550 5.0.0'],
  // No enhanced code, but an IP address and a version.
  ['RCPT', '550 unknown, says 5.1.1.7 with Exim 4.96.2.1', '550'],
];
const LATER: Row[] = [
  ['RCPT', '450 4.2.0 Greylisted', '450 4.2.0'],
  ['RCPT', '451 Greylisted', '451'],
  ['RCPT', '452 4.2.2 Full', '452 4.2.2'],
  ['RCPT', '552 5.2.2 Full', '552 5.2.2'],
  ['RCPT', '550 5.2.2 Full', '550 5.2.2'],
  ['RCPT', '552-5.2.2 The mailbox is\n552 5.2.2 full', '552 5.2.2'],
  ['RCPT', '552 Over quota', '552'],
  ['END', '552 5.2.2 Full', '552 5.2.2'],
  ['END', '451 4.7.1 Later', '451 4.7.1'],
  ['RCPT', '550 5.4.5 Busy', '550 5.4.5'],
  // The two codes contradict each other.
  ['RCPT', '550 4.1.1 Unverified', '550 4.1.1'],
  ['RCPT', '450 5.1.1 Unknown', '450 5.1.1'],
  ['RCPT', '450 5.7.1 Not welcome', '450 5.7.1'],
  ['CONNECT', '421 4.3.2 Going down', '421 4.3.2'],
  ['MAIL', '451 4.3.0 Later', '451 4.3.0'],
];
const OURS: Row[] = [
  ['RCPT', '550 5.7.26 SPF and DKIM failed', '550 5.7.26'],
  ['RCPT', '550 5.7.1 Relaying denied', '550 5.7.1'],
  ['RCPT', '554 5.7.0 Policy', '554 5.7.0'],
  ['RCPT', '550-5.7.26 This mail is\n550 5.7.26 unauthenticated', '550 5.7.26'],
  ['RCPT', '550 5.1.8 Sender domain unknown', '550 5.1.8'],
  ['RCPT', '553 5.1.7 Sender not allowed', '553 5.1.7'],
  ['RCPT', '554 Blocked', '554'],
  ['RCPT', '503 Bad sequence', '503'],
  ['END', '554 Looks odd', '554'],
  ['END', '550 Message rejected', '550'],
  ['END', '550 5.7.26 DMARC', '550 5.7.26'],
  ['END', '552 5.3.4 Too large', '552 5.3.4'],
  ['END', '554 5.6.0 Malformed', '554 5.6.0'],
  ['DATA', '554 5.5.1 No valid recipients', '554 5.5.1'],
];
const RELAY: Row[] = [
  ['CONNECT', '554 Your IP is listed', '554'],
  ['MAIL', '554 Not you', '554'],
  ['MAIL', '550 5.1.8 Sender domain unknown', '550 5.1.8'],
  ['MAIL', '550 5.1.1 No such user', '550 5.1.1'],
  ['MAIL', '530 5.7.0 Log in first', '530 5.7.0'],
];

describe.each([
  ['address', 'nobody is there', ADDRESS],
  ['later', 'it will be tried again', LATER],
  ['ours', 'our mail is not wanted', OURS],
  ['relay', 'our own server does not want us', RELAY],
] as const)('means %s: %s', (kind, _, rows) => {
  test.each(rows)('at %s: %j', async (step, reply, code) => {
    expect(await deliveryOf({ [step]: reply })).toEqual({ kind, code });
  });
});

test.each(['535 5.7.8 Bad credentials', '534 5.7.9 Too weak', '530 5.7.0 No'])(
  'a login that is refused with %j is our own fault',
  async (AUTH) => {
    const code = AUTH.split(' ').slice(0, 2).join(' ');
    expect(await deliveryOf({ AUTH }, 'user:pass@')).toEqual({ kind: 'relay', code });
  },
);
