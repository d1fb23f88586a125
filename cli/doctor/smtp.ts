/** The mail server: connection, TLS and login, and a mail where one is asked for. No mail goes out otherwise. */
import { once } from 'node:events';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { WorkerConfig } from '../../src/config.ts';
import { openMailer } from '../../workers/mailer.ts';
import { failure, nameOf, ok, skipped, warning, type Check, type Finding } from './finding.ts';

const CONNECT_MS = 5000;
const SETTING = 'SMTP_URL';

export const checkSmtp = (config: WorkerConfig): Check => ({
  name: 'smtp',
  setting: SETTING,
  async run({ signal }) {
    const { smtpUrl } = config;
    const secure = smtpUrl.protocol === 'smtps:';
    const host = smtpUrl.hostname.replace(/^\[|\]$/g, '');
    const port = Number(smtpUrl.port || (secure ? 465 : 587));
    const connection = new SMTPConnection({
      host,
      port,
      secure,
      requireTLS: !config.allowInsecureSmtp,
      tls: { minVersion: 'TLSv1.2' },
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: CONNECT_MS,
    });
    const close = () => connection.close();
    signal.addEventListener('abort', close);
    // What comes after the first fault is no news.
    connection.on('error', () => undefined);
    try {
      await Promise.race([
        new Promise<void>((resolve) => connection.connect(() => resolve())),
        once(connection, 'error').then(([error]) => Promise.reject(error as Error)),
        once(connection, 'end').then(() => Promise.reject(new Error('closed'))),
      ]);
      const reached = ok(
        'smtp',
        `${host}:${port} answers${connection.secure ? ' with TLS' : ''}`,
        SETTING,
      );
      return [reached, await login(connection, smtpUrl)];
    } catch (error) {
      return [unreachable(error, `${host}:${port}`, secure)];
    } finally {
      close();
    }
  },
});

async function login(connection: SMTPConnection, url: URL): Promise<Finding> {
  const offered = (connection as { allowsAuth?: boolean }).allowsAuth === true;
  const user = decodeURIComponent(url.username);
  if (user === '')
    return offered
      ? warning(
          'smtp.login',
          SETTING,
          'the server offers a login, and SMTP_URL has none',
          'Most servers send to strangers only after a login: smtp://user:password@host.',
        )
      : ok('smtp.login', 'none is wanted', SETTING);
  if (!offered)
    return warning(
      'smtp.login',
      SETTING,
      'the server knows no login, and SMTP_URL has one',
      'Is it the right server and port (587, or smtps on 465)?',
    );
  const pass = decodeURIComponent(url.password);
  const refused = await new Promise<Error | null | undefined>((resolve) => {
    connection.login({ user, credentials: { user, pass } }, resolve);
  });
  if (!refused) return ok('smtp.login', 'the login is taken', SETTING);
  const { responseCode } = refused as { responseCode?: number };
  return failure(
    'smtp.login',
    SETTING,
    `the login is refused: ${responseCode ?? nameOf(refused)}`,
    'Copy user and password anew; some providers want an app password or an API key.',
  );
}

function unreachable(error: unknown, where: string, secure: boolean): Finding {
  const code = nameOf(error);
  const text = (error as Error | undefined)?.message ?? '';
  const no = (why: string, todo: string) => failure('smtp', SETTING, `${where}: ${why}`, todo);
  if (/wrong version|packet length|ssl3|EPROTO/i.test(text + code))
    return no(
      'TLS was expected, and plain text answered',
      'Write smtp:// (STARTTLS, port 587), or the port of smtps (465).',
    );
  if (/certificate|altname|self.signed|CERT|issuer/i.test(text + code))
    return no(
      `its certificate is not accepted (${code})`,
      'Use the host name that the certificate is for.',
    );
  if (code === 'ETLS' || /STARTTLS/i.test(text))
    return no(
      'offers no TLS',
      'Use the port that does (587 or 465). ALLOW_INSECURE_SMTP=1 lets links travel in clear.',
    );
  if (code === 'EDNS' || /ENOTFOUND|EAI_AGAIN/.test(text + code))
    return no('there is no such host', 'Is it misspelt?');
  if (/ECONNREFUSED/.test(text + code))
    return no('nothing listens there', 'Is the port right (587, or 465 with smtps)?');
  if (/timeout|timed out|ETIMEDOUT|greeting/i.test(text + code))
    return no(
      'no greeting came',
      secure
        ? 'Is the port of smtps 465? Is it open for this machine?'
        : 'Is it a port with TLS (write smtps://), or is it closed by the provider of this machine?',
    );
  return no(`failed: ${code}`, 'Is it a mail server, and does it let this machine in?');
}

/** A mail that says what it is, on the way that all mails go. */
export const checkMail = (config: WorkerConfig, to: string): Check => ({
  name: 'smtp.mail',
  setting: 'MAIL_FROM',
  async run() {
    const mailer = openMailer({ config } as Parameters<typeof openMailer>[0]);
    const text = `A test of ${config.brand.name}: readdress doctor can send mail.`;
    const mail = { to, subject: 'readdress doctor', text, html: `<p>${text}</p>`, locale: 'en' };
    try {
      const { kind, code } = await mailer.send({ ...mail, id: `doctor.${Date.now()}` }, 9000);
      if (kind === 'sent')
        return [ok('smtp.mail', 'the mail was taken: look whether it arrives', 'MAIL_FROM')];
      const why = `the mail was not taken: ${kind}${code === undefined ? '' : ` ${code}`}`;
      return [
        failure(
          'smtp.mail',
          kind === 'address' ? 'mail-to' : 'MAIL_FROM',
          why,
          MEANINGS[kind] ?? 'See smtp above.',
        ),
      ];
    } finally {
      mailer.close();
    }
  },
});
const MEANINGS: Record<string, string> = {
  address: 'There is no such mailbox.',
  ours: 'The server does not want mail of this sender: look at SPF, DKIM, DMARC and what MAIL_FROM may be.',
  relay:
    'The relay does not send for us: look at its login, and whether the sender is verified there.',
};

export const noMail = () =>
  skipped('smtp.mail', 'no mail was sent', '--mail-to you@your-domain sends one.');
