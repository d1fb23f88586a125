/** An SMTP server that takes every mail, unless a fault tells it otherwise. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { simpleParser, type AddressObject } from 'mailparser';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import type { SmtpFault, SmtpFaults, SmtpStage } from './faults.ts';
import type { Envelope, InboxMessage } from './messages.ts';

/** One try to deliver a mail, as the server saw it. */
export interface DeliveryAttempt {
  /** Epoch ms. */
  at: number;
  /** '' when it ended before MAIL FROM. */
  from: string;
  to: string[];
  /** The last step that was reached. */
  stage: SmtpStage;
  outcome: 'open' | 'accepted' | 'refused' | 'hung' | 'dropped';
  /** The reply of a refusal. */
  code?: number;
}

export interface SmtpLogin {
  user: string;
  password: string;
}

export interface SmtpSink {
  port: number;
  attempts: DeliveryAttempt[];
  /** From now on a mail is taken only from who logs in as this user. */
  requireLogin(login: SmtpLogin): void;
  /** Ends the connections there are. */
  hangUp(): void;
  close(): Promise<void>;
}

export interface SmtpSinkDeps {
  port: number;
  faults: SmtpFaults;
  onMessage: (message: Omit<InboxMessage, 'number'>) => void;
}

type Reply = (error?: Error | null) => void;

class SmtpRefusal extends Error {
  readonly responseCode: number;
  constructor(code: number, message: string) {
    super(message);
    this.responseCode = code;
  }
}

function addresses(header: AddressObject | AddressObject[] | undefined): string[] {
  const objects = header === undefined ? [] : [header].flat();
  return objects.flatMap(({ value }) =>
    value.flatMap((entry) => [entry, ...(entry.group ?? [])].flatMap((a) => a.address ?? [])),
  );
}

async function parseMessage(raw: Buffer, envelope: Envelope) {
  const mail = await simpleParser(raw);
  return {
    at: Date.now(),
    envelope,
    from: addresses(mail.from)[0] ?? '',
    to: addresses(mail.to),
    subject: mail.subject ?? '',
    text: mail.text ?? '',
    html: typeof mail.html === 'string' ? mail.html : '',
    headers: mail.headers,
    messageId: mail.messageId ?? '',
    raw: raw.toString('utf8'),
  };
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function startSmtpSink({ port, faults, onMessage }: SmtpSinkDeps): Promise<SmtpSink> {
  const attempts: DeliveryAttempt[] = [];
  const current = new Map<string, DeliveryAttempt>();
  const sockets = new Map<number, Socket>();
  let login: SmtpLogin | undefined;

  function begin(session: SMTPServerSession, from: string, stage: SmtpStage): DeliveryAttempt {
    const attempt: DeliveryAttempt = { at: Date.now(), from, to: [], stage, outcome: 'open' };
    attempts.push(attempt);
    current.set(session.id, attempt);
    return attempt;
  }

  function play(
    action: SmtpFault['action'],
    attempt: DeliveryAttempt,
    session: SMTPServerSession,
    reply: Reply,
  ): void {
    if (action === 'hang') attempt.outcome = 'hung';
    else if (action === 'drop') {
      attempt.outcome = 'dropped';
      sockets.get(session.remotePort)?.destroy();
    } else {
      attempt.outcome = 'refused';
      attempt.code = action.code;
      reply(new SmtpRefusal(action.code, action.message));
    }
  }

  /** Lets a fault of the attempt's stage strike; false when there is none. */
  function strike(
    attempt: DeliveryAttempt,
    session: SMTPServerSession,
    about: string[],
    reply: Reply,
  ): boolean {
    const action = faults.take(attempt.stage, about);
    if (action === undefined) return false;
    play(action, attempt, session, reply);
    return true;
  }

  async function receive(
    stream: AsyncIterable<Buffer>,
    session: SMTPServerSession,
    reply: Reply,
  ): Promise<void> {
    const attempt = current.get(session.id) ?? begin(session, '', 'data');
    attempt.stage = 'data';
    attempt.outcome = 'open'; // One refused recipient does not refuse the others.
    const { mailFrom, rcptTo } = session.envelope;
    const envelope = {
      from: mailFrom ? mailFrom.address : '',
      to: rcptTo.map(({ address }) => address),
    };
    try {
      const mail = await collect(stream);
      if (strike(attempt, session, envelope.to, reply)) return;
      onMessage(await parseMessage(mail, envelope));
      attempt.stage = 'afterData';
      if (strike(attempt, session, envelope.to, reply)) return;
      attempt.outcome = 'accepted';
      reply(null);
    } catch (error) {
      reply(new SmtpRefusal(451, `The inbox failed: ${String(error)}`));
    }
  }

  const server = new SMTPServer({
    logger: false,
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    hideSMTPUTF8: false,
    // Some people's local parts begin, end or go on with a dot.
    lenientAddressParsing: true,
    closeTimeout: 1,
    onAuth({ username, password }, _session, callback) {
      const isRight = !login || (username === login.user && password === login.password);
      if (isRight) callback(null, { user: username ?? 'anyone' });
      else callback(new SmtpRefusal(535, '5.7.8 Authentication failed'));
    },
    onConnect(session, callback) {
      const action = faults.take('connect', []);
      if (action === undefined) callback();
      else play(action, begin(session, '', 'connect'), session, callback);
    },
    onMailFrom({ address }, session, callback) {
      const attempt = begin(session, address, 'mail');
      if (login && session.user !== login.user) {
        attempt.outcome = 'refused';
        return callback(new SmtpRefusal(530, '5.7.0 Authentication required'));
      }
      if (!strike(attempt, session, [address], callback)) callback();
    },
    onRcptTo({ address }, session, callback) {
      const attempt = current.get(session.id) ?? begin(session, '', 'rcpt');
      attempt.stage = 'rcpt';
      attempt.to.push(address);
      if (!strike(attempt, session, [address], callback)) callback();
    },
    onData: (stream, session, callback) => void receive(stream, session, callback),
    onClose: (session) => void current.delete(session.id),
  });
  server.on('error', () => {}); // A client that hangs up is no matter here.

  const listener = server.listen(port, '127.0.0.1');
  listener.on('connection', (socket) => {
    const remotePort = socket.remotePort ?? 0;
    sockets.set(remotePort, socket);
    socket.once('close', () => sockets.delete(remotePort));
  });
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('No port to listen on.');

  const hangUp = () => {
    for (const socket of sockets.values()) socket.destroy();
  };

  return {
    port: address.port,
    attempts,
    requireLogin(wanted) {
      login = wanted;
    },
    hangUp,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        hangUp();
      }),
  };
}
