/**
 * A mailbox for every address, on loopback only: an SMTP server that keeps what it gets, trouble on
 * demand, and a small web page to read the mails of the demo.
 */
import { createSmtpFaults, type PlacedSmtpFault, type SmtpFault } from './inbox/faults.ts';
import { createMessages, type InboxMessage, type MessageWish } from './inbox/messages.ts';
import { startSmtpSink, type DeliveryAttempt, type SmtpLogin } from './inbox/smtp-sink.ts';
import { createInboxWeb, type InboxWeb } from './inbox/web.ts';
import { listenOnLoopback, type LoopbackServer } from './loopback.ts';

export interface InboxOptions {
  /** Default 0: a free port. */
  smtpPort?: number;
  /** Starts the web page too, 0 on a free port. */
  httpPort?: number;
}

export interface Inbox {
  /** `smtp://127.0.0.1:PORT` */
  readonly smtpUrl: string;
  /** `http://localhost:PORT`, or '' without `httpPort`. */
  readonly url: string;
  /** Oldest first. */
  readonly messages: readonly InboxMessage[];
  /** The mails to this address, oldest first, whatever its case. */
  to(address: string): InboxMessage[];
  /** Resolves with the first mail, there or to come, that fits. Default 5000 ms. */
  waitFor(wish: MessageWish, timeoutMs?: number): Promise<InboxMessage>;
  /** Forgets mails and attempts. */
  clear(): void;
  /** Every delivery that was tried, oldest first, also those that a fault ended. */
  readonly attempts: readonly DeliveryAttempt[];
  /** From now on a mail is taken only from who logs in like this. */
  requireLogin(login: SmtpLogin): void;
  /** Ends the connections there are. */
  hangUp(): void;
  fault(fault: SmtpFault): PlacedSmtpFault;
  clearFaults(): void;
  /** Ends the listeners and every open socket at once. */
  close(): Promise<void>;
}

/** Starts an inbox on 127.0.0.1. Call its `close` when done. */
export async function startInbox(options: InboxOptions = {}): Promise<Inbox> {
  const faults = createSmtpFaults();
  const messages = createMessages((message) => web.announce(message));
  const web: InboxWeb = createInboxWeb(messages);
  const sink = await startSmtpSink({
    port: options.smtpPort ?? 0,
    faults,
    onMessage: (message) => messages.add(message),
  });
  let http: LoopbackServer | undefined;
  if (options.httpPort !== undefined) {
    try {
      http = await listenOnLoopback((req, res) => web.serve(req, res), options.httpPort);
    } catch (error) {
      await sink.close();
      throw error;
    }
  }

  return {
    smtpUrl: `smtp://127.0.0.1:${sink.port}`,
    url: http ? `http://localhost:${http.port}` : '',
    messages: messages.all,
    to: (address) => messages.to(address),
    waitFor: (wish, timeoutMs) => messages.waitFor(wish, timeoutMs),
    clear() {
      messages.clear();
      sink.attempts.splice(0);
    },
    attempts: sink.attempts,
    requireLogin: (login) => sink.requireLogin(login),
    hangUp: () => sink.hangUp(),
    fault: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    async close() {
      await Promise.all([sink.close(), http?.close()]);
    },
  };
}
