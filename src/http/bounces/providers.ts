/** Who tells of bounces, and how each proves that it is they. */
import { createHmac, createPublicKey, createVerify, timingSafeEqual } from 'node:crypto';
import type { Relay } from '../../mail/reference.ts';
import {
  checkTime,
  isAboutUs,
  jsonIn,
  malformed,
  partOf,
  reportOf,
  unsigned,
  wordOf,
  type Provider,
} from './report.ts';
import { ses } from './ses.ts';

const MINUTE_MS = 60_000;

const isSame = (given: Buffer, expected: Buffer): boolean =>
  given.length === expected.length && timingSafeEqual(given, expected);
const fieldOf = (value: string | string[] | undefined): string =>
  Array.isArray(value) ? (value[0] ?? '') : (value ?? '');

/** ECDSA over the time and the body, by the public key that SendGrid shows (Signed Event Webhook). */
const sendgrid: Provider = async ({ body, headers }, publicKey, { now }) => {
  const signature = fieldOf(headers['x-twilio-email-event-webhook-signature']);
  const time = fieldOf(headers['x-twilio-email-event-webhook-timestamp']);
  const key = createPublicKey({
    key: Buffer.from(publicKey, 'base64'),
    format: 'der',
    type: 'spki',
  });
  const signed = createVerify('sha256').update(time).update(body);
  if (!signed.verify(key, signature, 'base64')) throw unsigned();
  checkTime(Number(time) * 1000, now, 10 * MINUTE_MS);
  const events = jsonIn(body);
  if (!Array.isArray(events)) throw malformed();
  return {
    reports: events.flatMap((event) => {
      const [what, type] = [wordOf(event, 'event'), wordOf(event, 'type')];
      const words = `${wordOf(event, 'status')} ${wordOf(event, 'reason')}`;
      // `blocked` is the receiver's no to us; a drop says that an earlier mail had bounced.
      const isBounce =
        (what === 'bounce' && type !== 'blocked' && !isAboutUs(words)) ||
        (what === 'dropped' && /bounced|invalid/i.test(words));
      if (what === 'spamreport') return reportOf(event, 'complained');
      return reportOf(event, isBounce ? 'bounced' : undefined);
    }),
  };
};

/** Postmark signs nothing: the address it calls has a name and a password. */
const postmark: Provider = async ({ body, headers }, secret) => {
  const given = /^basic +(.*)$/i.exec(fieldOf(headers.authorization))?.[1] ?? '';
  const digest = (text: Buffer | string) => createHmac('sha256', 'basic').update(text).digest();
  if (!isSame(digest(Buffer.from(given, 'base64')), digest(secret))) throw unsigned();
  const event = jsonIn(body);
  if (Array.isArray(event)) throw malformed();
  const [record, type] = [wordOf(event, 'RecordType'), wordOf(event, 'Type')];
  if (record === '') throw malformed();
  if (record === 'SpamComplaint' || (record === 'Bounce' && type === 'SpamComplaint'))
    return { reports: reportOf(event, 'complained') };
  const isHard =
    record === 'Bounce' &&
    ['HardBounce', 'BadEmailAddress', 'ManuallyDeactivated'].includes(type) &&
    !isAboutUs(wordOf(event, 'Details'));
  return { reports: reportOf(event, isHard ? 'bounced' : undefined) };
};

/** HMAC over time and token, which does not cover the event: so a token counts once. */
const mailgun: Provider = async ({ body }, key, { now }) => {
  const event = jsonIn(body);
  if (Array.isArray(event)) throw malformed();
  const signature = partOf(event, 'signature');
  const [time, token] = [wordOf(signature, 'timestamp'), wordOf(signature, 'token')];
  const expected = createHmac('sha256', key).update(`${time}${token}`).digest();
  if (!isSame(Buffer.from(wordOf(signature, 'signature'), 'hex'), expected)) throw unsigned();
  checkTime(Number(time) * 1000, now, 60 * MINUTE_MS);
  const told = partOf(event, 'event-data');
  const status = partOf(told, 'delivery-status');
  const words = `${wordOf(status, 'enhanced-code')} ${wordOf(status, 'message')} ${wordOf(status, 'description')}`;
  const isBounce =
    wordOf(told, 'event') === 'failed' &&
    wordOf(told, 'severity') === 'permanent' &&
    !isAboutUs(words);
  const kind = wordOf(told, 'event') === 'complained' ? 'complained' : isBounce && 'bounced';
  return { reports: reportOf(told, kind || undefined), once: token };
};

/** Svix, which Resend sends by: HMAC over id, time and body (the scheme of Standard Webhooks). */
const resend: Provider = async ({ body, headers }, secret, { now }) => {
  const of = (name: string) => fieldOf(headers[`svix-${name}`] ?? headers[`webhook-${name}`]);
  const [id, time] = [of('id'), of('timestamp')];
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest();
  const isGenuine = of('signature')
    .split(' ')
    .some((one) => one.startsWith('v1,') && isSame(Buffer.from(one.slice(3), 'base64'), expected));
  if (!isGenuine) throw unsigned();
  checkTime(Number(time) * 1000, now, 5 * MINUTE_MS);
  const event = jsonIn(body);
  if (Array.isArray(event)) throw malformed();
  const [type, bounce] = [wordOf(event, 'type'), partOf(partOf(event, 'data'), 'bounce')];
  if (type === 'email.complained') return { reports: reportOf(event, 'complained') };
  const words = wordOf(bounce, 'message');
  const isHard =
    (type === 'email.bounced' && wordOf(bounce, 'type') !== 'Transient' && !isAboutUs(words)) ||
    type === 'email.suppressed';
  return { reports: reportOf(event, isHard ? 'bounced' : undefined) };
};

export const PROVIDERS: Record<Relay, Provider> = { ses, sendgrid, postmark, mailgun, resend };
