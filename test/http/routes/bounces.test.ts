/** Late bounces: the documented notices of five relays, their proofs, and what is made of them. */
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { ses } from '../../../src/http/bounces/ses.ts';
import type { Relay } from '../../../src/mail/reference.ts';
import { readdress } from '../../stories/operator.ts';
import {
  addPerson,
  ask,
  HOUR,
  mail,
  until,
  use,
  linkIn,
  view,
  type Change,
} from '../../stories/steps.ts';
import { quiet } from '../../support/wire.ts';
import { startWorld, type World } from '../../support/world.ts';

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:bounces';
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const SECRETS = {
  BOUNCES_SES_SECRET: TOPIC,
  BOUNCES_SENDGRID_SECRET: EC.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  BOUNCES_POSTMARK_SECRET: 'readdress:a-long-password',
  BOUNCES_MAILGUN_SECRET: 'mailgun-signing-key',
  BOUNCES_RESEND_SECRET: `whsec_${Buffer.alloc(24, 5).toString('base64')}`,
};

type What = 'hard' | 'soft' | 'policy' | 'complaint';
type Signed = { body: string; headers: Record<string, string> };
type Notice = { reference: string; to: string; now: number; what: What };

/** The notices as the providers document them, with our reference where they keep it. */
const NOTICES: Record<Exclude<Relay, 'ses'>, (notice: Notice) => Signed> = {
  sendgrid({ reference, to, now, what }) {
    const event = {
      email: to,
      timestamp: Math.floor(now / 1000),
      'smtp-id': '<14c5d75ce93.dfd.64b469@ismtpd-555>',
      event: what === 'complaint' ? 'spamreport' : what === 'soft' ? 'deferred' : 'bounce',
      category: ['cat facts'],
      sg_event_id: 'sg_event_id',
      sg_message_id: '14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0',
      reason: what === 'policy' ? '550 5.7.1 blocked by policy' : '550 5.1.1 no such user',
      status: what === 'policy' ? '5.7.1' : '5.1.1',
      type: what === 'policy' ? 'blocked' : 'bounce',
      readdress: reference,
    };
    const body = JSON.stringify([event, { ...event, readdress: 'somebody else’s', event: 'open' }]);
    const time = String(Math.floor(now / 1000));
    const signature = createSign('sha256').update(time).update(body).sign(EC.privateKey, 'base64');
    return {
      body,
      headers: {
        'content-type': 'application/json',
        'x-twilio-email-event-webhook-signature': signature,
        'x-twilio-email-event-webhook-timestamp': time,
      },
    };
  },
  postmark({ reference, to, what }) {
    const type = { hard: 'HardBounce', soft: 'SoftBounce', policy: 'Blocked', complaint: '' }[what];
    return {
      body: JSON.stringify({
        RecordType: what === 'complaint' ? 'SpamComplaint' : 'Bounce',
        MessageStream: 'outbound',
        ID: 42,
        Type: type,
        TypeCode: 1,
        MessageID: '883953f4-6105-42a2-a16a-77a8eac79483',
        Metadata: { readdress: reference },
        Email: to,
        Details: 'smtp;550 5.1.1 The email account that you tried to reach does not exist.',
      }),
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(SECRETS.BOUNCES_POSTMARK_SECRET).toString('base64')}`,
      },
    };
  },
  mailgun({ reference, to, now, what }) {
    const timestamp = String(Math.floor(now / 1000));
    const token = `${timestamp}${reference}${what}`.replaceAll(/\W/g, '').slice(0, 50);
    const key = SECRETS.BOUNCES_MAILGUN_SECRET;
    return {
      body: JSON.stringify({
        signature: {
          token,
          timestamp,
          signature: createHmac('sha256', key).update(`${timestamp}${token}`).digest('hex'),
        },
        'event-data': {
          event: what === 'complaint' ? 'complained' : 'failed',
          severity: what === 'soft' ? 'temporary' : 'permanent',
          reason: 'bounce',
          recipient: to,
          'delivery-status': {
            code: 550,
            'enhanced-code': what === 'policy' ? '5.7.1' : '5.1.1',
            message: 'The email account that you tried to reach does not exist.',
          },
          'user-variables': { readdress: reference },
          message: { headers: { 'message-id': '20130503182626.18666.16540@samples.mailgun.org' } },
        },
      }),
      headers: { 'content-type': 'application/json' },
    };
  },
  resend({ reference, to, now, what }) {
    const body = JSON.stringify({
      type: what === 'complaint' ? 'email.complained' : 'email.bounced',
      created_at: new Date(now).toISOString(),
      data: {
        email_id: '56761188-7520-42d8-8898-ff6fc54ce618',
        message_id: `<${reference}@readdress.example>`,
        to: [to],
        bounce: {
          message: what === 'policy' ? '550 5.7.1 not accepted' : '550 5.1.1 unknown',
          subType: 'General',
          type: what === 'soft' ? 'Transient' : 'Permanent',
        },
      },
    });
    const time = String(Math.floor(now / 1000));
    const key = Buffer.from(SECRETS.BOUNCES_RESEND_SECRET.slice(6), 'base64');
    const signature = createHmac('sha256', key).update(`msg_1.${time}.${body}`).digest('base64');
    return {
      body,
      headers: {
        'content-type': 'application/json',
        'svix-id': 'msg_1',
        'svix-timestamp': time,
        'svix-signature': `v1,AAAA v1,${signature}`,
      },
    };
  },
};
const RELAYS = Object.keys(NOTICES) as (keyof typeof NOTICES)[];

const post = (world: World, relay: Relay, { body, headers }: Signed) =>
  fetch(`${world.api}/v1/bounces/${relay}`, { method: 'POST', body, headers });
const referenceOf = (change: Change, name: string): string => `${change.id}.mail.${name}`;

test('no relay has a door unless its secret is set', async () => {
  const world = await startWorld({ workers: false });
  for (const relay of [...RELAYS, 'ses'] as const) {
    const answer = await post(world, relay, { body: '{}', headers: {} });
    expect(answer.status, relay).toBe(404);
  }
});

describe.each(RELAYS)('%s', (relay) => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ lasting: true, env: SECRETS });
    return () => world.close();
  });
  let people = 0;
  const begin = async () => {
    people += 1;
    const name = `p${people}`;
    const asked = await ask(world, addPerson(world, `${name}@old.example`), `${name}@new.example`);
    await mail(world, asked, 'confirm');
    await mail(world, asked, 'notice');
    await quiet(world);
    return asked;
  };
  const notice = (asked: Change, what: What, name = 'confirm.1', now = world.now()) =>
    NOTICES[relay]({ reference: referenceOf(asked, name), to: asked.to, now, what });

  test('a new mailbox that bounces is told to the app at once, once, and only when it is for good', async () => {
    const asked = await begin();
    for (const what of ['soft', 'policy', 'complaint'] as const)
      expect((await post(world, relay, notice(asked, what))).status, what).toBe(204);
    expect((await view(world, asked)).status).toBe('pending');
    expect((await post(world, relay, notice(asked, 'hard'))).status).toBe(204);
    expect(await view(world, asked)).toMatchObject({ status: 'rejected', reason: 'undeliverable' });
    expect(world.logs).toContainEqual(
      expect.objectContaining({ level: 'warn', event: 'mail.bounced', change: asked.id }),
    );
    world.pass(1000);
    await post(world, relay, notice(asked, 'hard'));
    const told = world.logs.filter((line) => line['change'] === asked.id);
    expect(told.filter(({ event }) => event === 'mail.bounced')).toHaveLength(1);
    expect(told.filter(({ event }) => event === 'email_change.rejected')).toHaveLength(1);
    expect(JSON.stringify(told)).not.toContain('@');
  });

  test('a current mailbox that bounces or complains is shown as not reached', async () => {
    for (const what of ['hard', 'complaint'] as const) {
      const asked = await begin();
      expect((await post(world, relay, notice(asked, what, 'notice'))).status).toBe(204);
      expect(await view(world, asked)).toMatchObject({
        status: 'pending',
        currentMailbox: 'unreachable',
      });
    }
  });

  test('what is unsigned, altered, old or no notice changes nothing', async () => {
    const asked = await begin();
    const good = notice(asked, 'hard');
    const old = notice(asked, 'hard', 'confirm.1', world.now() - 25 * HOUR);
    const altered = { ...good, body: good.body.replace('"email', '"e-mail') };
    const bad: [string, Signed][] = [
      [
        'unsigned',
        { body: good.body.replace(/"signature":\{.*?\}/, '"signature":{}'), headers: {} },
      ],
      ['no notice', { ...good, body: 'nonsense' }],
      ['empty', { ...good, body: '' }],
    ];
    if (relay !== 'postmark') bad.push(['old', old]);
    if (relay === 'sendgrid' || relay === 'resend') bad.push(['altered', altered]);
    const wrong = Object.fromEntries(
      Object.entries(good.headers).map(([k, v]) => [k, /json/.test(v) ? v : `x${v}`]),
    );
    // Mailgun signs in the body.
    if (relay !== 'mailgun') bad.push(['by another key', { ...good, headers: wrong }]);
    for (const [what, sent] of bad) {
      const { status } = await post(world, relay, sent);
      expect([400, 401], `${what} ${status}`).toContain(status);
    }
    expect((await view(world, asked)).status).toBe('pending');
    // Somebody else's mail, sent by the same account.
    const foreign = NOTICES[relay]({
      reference: 'abc',
      to: 'x@y.example',
      now: world.now(),
      what: 'hard',
    });
    expect((await post(world, relay, foreign)).status).toBe(204);
  });
});

test('a signature of Mailgun, which does not cover its event, counts once', async () => {
  const world = await startWorld({ env: SECRETS });
  const asked = await ask(world, addPerson(world, 'a@old.example'), 'a@new.example');
  await mail(world, asked, 'confirm');
  await quiet(world);
  const soft = NOTICES.mailgun({
    reference: referenceOf(asked, 'confirm.1'),
    to: asked.to,
    now: world.now(),
    what: 'soft',
  });
  expect((await post(world, 'mailgun', soft)).status).toBe(204);
  const forged = { ...soft, body: soft.body.replace('temporary', 'permanent') };
  expect((await post(world, 'mailgun', forged)).status).toBe(401);
  expect((await view(world, asked)).status).toBe('pending');
});

describe('SES through SNS', () => {
  const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const NOW = Date.parse('2026-11-26T10:00:00Z');
  const URL =
    'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem';
  const called: string[] = [];
  const around = {
    now: NOW,
    certificate: async (url: string) => {
      called.push(url);
      return RSA.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    },
  };
  const reference = 'AAAAAAAAAAAAAAAAAAAAAA.mail.confirm.1';
  const message = (over: object = {}) =>
    JSON.stringify({
      notificationType: 'Bounce',
      bounce: {
        bounceType: 'Permanent',
        bounceSubType: 'General',
        bouncedRecipients: [{ status: '5.1.1' }],
      },
      mail: {
        messageId: '00000138111222aa',
        headers: [{ name: 'Message-ID', value: `<${reference}@x.example>` }],
      },
      ...over,
    });
  const sns = (over: Record<string, string> = {}, signed: Record<string, string> = {}) => {
    const fields: Record<string, string> = {
      Type: 'Notification',
      MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
      TopicArn: TOPIC,
      Message: message(),
      Timestamp: new Date(NOW).toISOString(),
      SignatureVersion: '2',
      SigningCertURL: URL,
      ...signed,
    };
    const names =
      fields['Type'] === 'Notification'
        ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
        : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
    const text = names
      .filter((name) => fields[name] !== undefined)
      .map((name) => `${name}\n${fields[name]}\n`)
      .join('');
    const algorithm = fields['SignatureVersion'] === '2' ? 'RSA-SHA256' : 'RSA-SHA1';
    const Signature = createSign(algorithm).update(text).sign(RSA.privateKey, 'base64');
    return { body: Buffer.from(JSON.stringify({ ...fields, Signature, ...over })), headers: {} };
  };
  const told = (over?: Record<string, string>, signed?: Record<string, string>) =>
    ses(sns(over, signed), TOPIC, around);

  test('is read in both versions of its signature, by feedback and by event publishing', async () => {
    const bounced = {
      reports: [{ kind: 'bounced', reference: { change: 'A'.repeat(22), mail: 'mail.confirm.1' } }],
    };
    expect(await told()).toEqual(bounced);
    expect(await told({}, { SignatureVersion: '1' })).toEqual(bounced);
    const published = message({
      notificationType: undefined,
      eventType: 'Bounce',
      mail: { tags: { readdress: [reference] } },
    });
    expect(await told({}, { Message: published })).toEqual(bounced);
    const complaint = message({ notificationType: 'Complaint', bounce: undefined });
    expect((await told({}, { Message: complaint })).reports).toMatchObject([
      { kind: 'complained' },
    ]);
    const transient = message({ bounce: { bounceType: 'Transient' } });
    expect(await told({}, { Message: transient })).toEqual({ reports: [] });
  });

  test('is refused from another topic, host or time, or altered, and calls no address that it names', async () => {
    called.length = 0;
    for (const [over, signed] of [
      [{}, { TopicArn: 'arn:aws:sns:eu-west-1:123456789012:other' }],
      [
        {
          SigningCertURL:
            'https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem',
        },
        {},
      ],
      [
        {
          SigningCertURL:
            'http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem',
        },
        {},
      ],
      [{ SigningCertURL: 'https://sns.eu-west-1.amazonaws.com/../x.pem' }, {}],
      [{ SigningCertURL: 'https://evil.example/x.pem' }, {}],
      [{ Message: message({ mail: {} }) }, {}],
      [{ Signature: '' }, {}],
      [{}, { Timestamp: new Date(NOW - 2 * HOUR).toISOString() }],
      [{}, { Timestamp: 'yesterday' }],
    ] as [Record<string, string>, Record<string, string>][])
      await expect(told(over, signed), JSON.stringify([over, signed])).rejects.toMatchObject({
        code: 'invalid-signature',
      });
    await expect(told({ Type: 'Nonsense' })).rejects.toMatchObject({ code: 'invalid-request' });
    expect(new Set(called)).toEqual(new Set([URL]));
  });

  test('a subscription is confirmed at an address of our own making', async () => {
    const asked = {
      Type: 'SubscriptionConfirmation',
      Token: '2336412f37',
      SubscribeURL: 'https://evil.example/?Action=ConfirmSubscription',
    };
    expect(await told({}, asked)).toEqual({
      reports: [],
      confirm: `https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${encodeURIComponent(TOPIC)}&Token=2336412f37`,
    });
  });
});

test('mails carry the reference where each relay that tells us keeps it', async () => {
  const world = await startWorld({ env: SECRETS });
  const asked = await ask(world, addPerson(world, 'a@old.example'), 'a@new.example');
  const { headers } = await mail(world, asked, 'confirm');
  const reference = referenceOf(asked, 'confirm.1');
  const raw = JSON.stringify([...headers]);
  for (const name of [
    'x-smtpapi',
    'x-pm-metadata-readdress',
    'x-mailgun-variables',
    'x-ses-message-tags',
  ])
    expect(raw).toMatch(new RegExp(`"${name}",".*${reference.replaceAll('.', String.raw`\.`)}`));
  const plain = await startWorld();
  const other = await ask(plain, addPerson(plain, 'a@old.example'), 'a@new.example');
  expect([...(await mail(plain, other, 'confirm')).headers.keys()]).not.toContain('x-smtpapi');
});

test('silence of a mailbox that bounced later is no consent', async () => {
  const world = await startWorld({
    env: { ...SECRETS, CONFIRMATION: 'both', OLD_MAILBOX_WAIT: '2h' },
  });
  const asked = await ask(world, addPerson(world, 'a@old.example'), 'a@new.example');
  await mail(world, asked, 'approve');
  await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
  await quiet(world);
  expect((await view(world, asked)).waivesAt).toBeDefined();
  const now = world.now();
  const notice = NOTICES.postmark({
    reference: referenceOf(asked, 'approve.1'),
    to: asked.from,
    now,
    what: 'hard',
  });
  expect((await post(world, 'postmark', notice)).status).toBe(204);
  expect(await view(world, asked)).toMatchObject({ currentMailbox: 'unreachable' });
  const refused = world.inbox.fault({ stage: 'rcpt', action: { code: 550, message: '5.1.1 no' } });
  world.pass(3 * HOUR);
  await quiet(world);
  world.pass(3 * HOUR);
  await until(world, { ...asked, token: await world.token(asked.sub) }, { status: 'expired' });
  expect(refused.hits).toBeGreaterThan(0);
  expect(world.tenant.patches()).toEqual([]);
});

describe('a bounce message, piped', () => {
  const dsn = (reference: string, more: { action?: string; status?: string } = {}) =>
    `From: MAILER-DAEMON@relay.example\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary="b"\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\nFinal-Recipient: rfc822; a@new.example\r\nAction: ${more.action ?? 'failed'}\r\nStatus: ${more.status ?? '5.1.1'}\r\nDiagnostic-Code: smtp; 550 no\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID:\r\n <${reference}@readdress.example>\r\n--b--\r\n`;

  test('is what a notice is; what is no failure for good, or not ours, changes nothing', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, 'a@old.example'), 'a@new.example');
    await mail(world, asked, 'confirm');
    await quiet(world);
    const pipe = (message: string) =>
      readdress(world, ['bounce', '--json'], {}, { read: async () => message });
    const own = referenceOf(asked, 'confirm.1');
    for (const message of [
      dsn(own, { action: 'delayed' }),
      dsn(own, { status: '4.4.1' }),
      dsn(own, { status: '5.7.26' }),
      dsn(own, { status: '5.2.2' }),
      dsn('somebody.else'),
      dsn(`${'A'.repeat(22)}.mail.confirm.1`),
      'nonsense',
      '',
    ])
      expect((await pipe(message)).code, message).toBe(1);
    expect((await view(world, asked)).status).toBe('pending');
    expect(await pipe(dsn(own))).toMatchObject({
      code: 0,
      lines: [{ id: asked.id, kind: 'bounced', status: 'rejected' }],
    });
    expect(await view(world, asked)).toMatchObject({ status: 'rejected', reason: 'undeliverable' });
    const report = `Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\nMessage-ID: <${own}@x>`;
    expect((await pipe(report)).code).toBe(0);
  });
});
