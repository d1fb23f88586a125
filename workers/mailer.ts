/**
 * SMTP by nodemailer: pooled, TLS required, short timeouts. The recipient is an object and an
 * asserted envelope, because nodemailer re-parses strings and `a@evil.test(@good.test` is a string.
 */
import type { Readable } from 'node:stream';
import nodemailer from 'nodemailer';
import type { WorkerConfig } from '../src/config.ts';
import type { Deps } from '../src/deps.ts';
import { relayHeaders, RELAYS } from '../src/mail/reference.ts';
import { envelopeAddress } from '../src/mail/envelope.ts';
import { codesOf, meaningOf, type Meaning, type SmtpReply } from './smtp-reply.ts';

export type OutgoingMail = {
  to: string;
  subject: string;
  text: string;
  html: string;
  /** Without angle brackets and domain; the same for every attempt at the same mail. */
  id: string;
  /** The ids of the mails before it in its thread, from the first on. */
  thread?: readonly string[];
  locale: string;
};

/**
 * How an attempt ended:
 * - `sent` the server took it
 * - `address`, `later`, `ours`, `relay` it refused, and why (smtp-reply.ts)
 * - `away` it certainly was not handed over: no connection, no TLS
 * - `doubt` the connection died after the first byte of the message
 */
type Delivery = { kind: 'sent' | Meaning | 'away' | 'doubt'; code?: string };

export type Mailer = {
  send(mail: OutgoingMail, timeoutMs: number): Promise<Delivery>;
  close(): void;
};

export function openMailer({ config }: Deps<WorkerConfig>): Mailer {
  const { smtpUrl } = config;
  const secure = smtpUrl.protocol === 'smtps:';
  const from = mailboxIn(config.mailFrom);
  const domain = from.address.split('@')[1]!;
  const transport = nodemailer.createTransport({
    pool: true,
    maxConnections: 5,
    maxMessages: Infinity,
    host: smtpUrl.hostname.replace(/^\[|\]$/g, ''),
    port: Number(smtpUrl.port || (secure ? 465 : 587)),
    secure,
    requireTLS: !config.allowInsecureSmtp,
    tls: { minVersion: 'TLSv1.2' },
    ...(smtpUrl.username === ''
      ? {}
      : {
          auth: {
            user: decodeURIComponent(smtpUrl.username),
            pass: decodeURIComponent(smtpUrl.password),
          },
        }),
    connectionTimeout: 8000,
    greetingTimeout: 8000,
    socketTimeout: 12_000,
    ...(config.dkim
      ? {
          dkim: {
            domainName: domain,
            keySelector: config.dkim.selector,
            privateKey: config.dkim.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
          },
        }
      : {}),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // Which attempt is reading its message: the first byte goes out only after the server's 354.
  const bodies = new WeakMap<AbortSignal, Readable>();
  transport.use('stream', (mail, done) => {
    const { signal } = mail.data;
    const envelope = mail.message.getEnvelope();
    const { address } = mail.data.to as { address: string };
    // Read again as we wrote it: the mailer shows some domains by their U-labels.
    const meant = envelope.to.length === 1 && envelopeAddress(envelope.to[0]!) === address;
    if (!signal || !meant)
      return done(Object.assign(new Error('not the one recipient'), { code: UNMAILABLE }));
    const create = mail.message.createReadStream.bind(mail.message);
    mail.message.createReadStream = (options) => {
      const body = create(options);
      bodies.set(signal, body);
      return body;
    };
    done();
  });
  const idOf = (id: string | undefined) => id && `<${id}@${domain}>`;

  const told = RELAYS.filter((relay) => config.bounceSecrets[relay] !== undefined);

  return {
    async send(mail, timeoutMs) {
      const to = envelopeAddress(mail.to);
      if (to === undefined) return { kind: 'address', code: UNMAILABLE };
      const late = new AbortController();
      const { signal } = late;
      const timer = setTimeout(() => late.abort(), timeoutMs);
      try {
        await transport.sendMail({
          from,
          replyTo: config.replyTo === undefined ? undefined : mailboxIn(config.replyTo),
          to: { name: '', address: to },
          envelope: { from: from.address, to: [{ name: '', address: to }] },
          messageId: idOf(mail.id),
          inReplyTo: idOf(mail.thread?.at(-1)),
          references: mail.thread?.map((id) => idOf(id)!),
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          headers: {
            'Auto-Submitted': 'auto-generated',
            'X-Auto-Response-Suppress': 'All',
            'Content-Language': mail.locale,
            // Mails of one subject are folded into one otherwise, and what repeats is hidden.
            ...(mail.thread?.length ? {} : { 'X-Entity-Ref-ID': mail.id }),
            ...relayHeaders(mail.id, { told, host: smtpUrl.hostname }),
          },
          signal,
        });
        return { kind: 'sent' };
      } catch (error) {
        return deliveryOf(error, bodies.get(signal)?.readableDidRead ?? false);
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => transport.close(),
  };
}

/** `Example <no-reply@example.com>`, in parts. */
const mailboxIn = (text: string): { name: string; address: string } => ({
  name: text.includes('<') ? text.split('<')[0]!.trim() : '',
  address: /<(.+)>$/.exec(text)?.[1] ?? text,
});

/** What nodemailer, too, calls an address that it can not write to. No server has heard of it yet. */
const UNMAILABLE = 'EENVELOPE';

function deliveryOf(error: unknown, begun: boolean): Delivery {
  const { responseCode, code, ...more } = error as Partial<SmtpReply> & { code?: string };
  if (responseCode !== undefined) {
    const reply = { responseCode, ...more };
    return { kind: meaningOf(reply), code: codesOf(reply) };
  }
  if (code === UNMAILABLE) return { kind: 'address', code };
  return { kind: begun ? 'doubt' : 'away', code: code ?? 'unknown' };
}
