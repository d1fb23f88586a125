/**
 * SMTP by nodemailer: pooled, TLS required, short timeouts. The recipient is an object and an
 * asserted envelope, because nodemailer re-parses strings and `a@evil.test(@good.test` is a string.
 */
import type { Readable } from 'node:stream';
import nodemailer from 'nodemailer';
import type { WorkerConfig } from '../src/config.ts';
import type { Deps } from '../src/deps.ts';

export type OutgoingMail = {
  to: string;
  subject: string;
  text: string;
  html: string;
  /** Without angle brackets and domain; the same for every attempt at the same mail. */
  id: string;
  locale: string;
};

/**
 * How an attempt ended:
 * - `sent` the server took it
 * - `refused` the server refused this mail or recipient for good (5xx)
 * - `deferred` the server asks for patience (4xx)
 * - `away` it certainly was not handed over: no connection, no login, no TLS
 * - `doubt` the connection died after the first byte of the message
 */
type Delivery = { kind: 'sent' | 'refused' | 'deferred' | 'away' | 'doubt'; code?: string };

export type Mailer = {
  send(mail: OutgoingMail, timeoutMs: number): Promise<Delivery>;
  close(): void;
};

export function openMailer({ config }: Deps<WorkerConfig>): Mailer {
  const { smtpUrl } = config;
  const secure = smtpUrl.protocol === 'smtps:';
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
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // Which attempt is reading its message: the first byte goes out only after the server's 354.
  const bodies = new WeakMap<AbortSignal, Readable>();
  transport.use('stream', (mail, done) => {
    const { signal } = mail.data;
    const envelope = mail.message.getEnvelope();
    const { address } = mail.data.to as { address: string };
    if (!signal || envelope.to.length !== 1 || envelope.to[0] !== address)
      return done(Object.assign(new Error('not the one recipient'), { code: UNMAILABLE }));
    const create = mail.message.createReadStream.bind(mail.message);
    mail.message.createReadStream = (options) => {
      const body = create(options);
      bodies.set(signal, body);
      return body;
    };
    done();
  });
  const sender = /<(.+)>$/.exec(config.mailFrom)?.[1] ?? config.mailFrom;
  const senderName = config.mailFrom.includes('<') ? config.mailFrom.split('<')[0]!.trim() : '';
  const domain = sender.split('@')[1]!;

  return {
    async send(mail, timeoutMs) {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        await transport.sendMail({
          from: { name: senderName, address: sender },
          to: { name: '', address: mail.to },
          envelope: { from: sender, to: [mail.to] },
          messageId: `<${mail.id}@${domain}>`,
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          headers: {
            'Auto-Submitted': 'auto-generated',
            'X-Auto-Response-Suppress': 'All',
            'Content-Language': mail.locale,
          },
          signal,
        });
        return { kind: 'sent' };
      } catch (error) {
        return deliveryOf(error, bodies.get(signal)?.readableDidRead ?? false);
      }
    },
    close: () => transport.close(),
  };
}

/** What nodemailer, too, calls an address that it can not write to. No server has heard of it yet. */
const UNMAILABLE = 'EENVELOPE';

/** Commands whose 5xx is about this mail; at any other it is about our relay or its settings. */
const ABOUT_THIS_MAIL = new Set(['RCPT TO', 'DATA']);

function deliveryOf(error: unknown, begun: boolean): Delivery {
  const { responseCode, command, code } = error as {
    responseCode?: number;
    command?: string;
    code?: string;
  };
  const named = { code: String(responseCode ?? code ?? 'unknown') };
  if (responseCode === undefined && code === UNMAILABLE) return { kind: 'refused', ...named };
  if (responseCode === undefined) return { kind: begun ? 'doubt' : 'away', ...named };
  if (responseCode < 500) return { kind: 'deferred', ...named };
  return { kind: ABOUT_THIS_MAIL.has(command ?? '') ? 'refused' : 'away', ...named };
}
