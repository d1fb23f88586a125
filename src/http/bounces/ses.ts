/**
 * Amazon SES tells through SNS. The secret is the ARN of our topic. The certificate comes from the SNS host of that
 * topic's region, built by us: a notice names only the file there, and no address in it is ever called.
 */
import { createVerify } from 'node:crypto';
import {
  checkTime,
  isAboutUs,
  jsonIn,
  malformed,
  partOf,
  reportOf,
  unsigned,
  wordOf,
  type Json,
  type Provider,
  type Told,
} from './report.ts';

const HOUR_MS = 3_600_000;
const ARN = /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]+):\d{12}:[\w-]{1,256}$/;
const CERTIFICATE = /^\/(SimpleNotificationService-[0-9a-f]{20,64}\.pem)$/;

/** What is signed, by the kind of message, in this order. */
const SIGNED = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: [
    'Message',
    'MessageId',
    'SubscribeURL',
    'Timestamp',
    'Token',
    'TopicArn',
    'Type',
  ],
} as const;

export const ses: Provider = async ({ body }, topic, { now, certificate }): Promise<Told> => {
  const notice = jsonIn(body);
  if (Array.isArray(notice)) throw malformed();
  const type = wordOf(notice, 'Type');
  if (type !== 'Notification' && type !== 'SubscriptionConfirmation') throw malformed();
  if (wordOf(notice, 'TopicArn') !== topic) throw unsigned();
  const host = hostOf(topic);
  const pem = await certificate(certificateUrl(wordOf(notice, 'SigningCertURL'), host));
  const text = SIGNED[type]
    .filter((name) => notice[name] !== undefined)
    .map((name) => `${name}\n${wordOf(notice, name)}\n`)
    .join('');
  const algorithm = wordOf(notice, 'SignatureVersion') === '2' ? 'RSA-SHA256' : 'RSA-SHA1';
  const signed = createVerify(algorithm).update(text);
  if (!signed.verify(pem, wordOf(notice, 'Signature'), 'base64')) throw unsigned();
  checkTime(Date.parse(wordOf(notice, 'Timestamp')), now, HOUR_MS);
  if (type === 'SubscriptionConfirmation')
    return { reports: [], confirm: confirmUrl(host, topic, wordOf(notice, 'Token')) };
  return { reports: reportsIn(jsonIn(Buffer.from(wordOf(notice, 'Message'))) as Json) };
};

const hostOf = (topic: string): string => {
  const [, partition, region] = ARN.exec(topic) ?? [];
  return `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
};

/** What `SubscribeURL` would say, without asking it. */
function confirmUrl(host: string, topic: string, token: string): string {
  const asked = new URLSearchParams({
    Action: 'ConfirmSubscription',
    TopicArn: topic,
    Token: token,
  });
  return `https://${host}/?${asked.toString()}`;
}

/** Ours, with the file that is named. @throws {Problem} */
function certificateUrl(named: string, host: string): string {
  const url = URL.canParse(named) ? new URL(named) : undefined;
  const [, file] = CERTIFICATE.exec(url?.pathname ?? '') ?? [];
  if (url?.protocol !== 'https:' || url.host !== host || file === undefined) throw unsigned();
  return `https://${host}/${file}`;
}

/** `notificationType` of feedback notifications, `eventType` of event publishing. */
function reportsIn(message: Json): Told['reports'] {
  const type = wordOf(message, 'notificationType') || wordOf(message, 'eventType');
  if (type === 'Complaint') return reportOf(message, 'complained');
  const bounce = partOf(message, 'bounce');
  const words = JSON.stringify(bounce['bouncedRecipients'] ?? '');
  const isHard =
    type === 'Bounce' && wordOf(bounce, 'bounceType') === 'Permanent' && !isAboutUs(words);
  return reportOf(message, isHard ? 'bounced' : undefined);
}
