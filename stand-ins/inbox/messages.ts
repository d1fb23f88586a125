/** The mails that arrived. */
import type { ParsedMail } from 'mailparser';
import { createWaiters } from '../waiters.ts';

export interface Envelope {
  from: string;
  to: string[];
}

export interface InboxMessage {
  /** 1 for the first mail since the start. */
  number: number;
  /** Epoch ms. */
  at: number;
  envelope: Envelope;
  /** The addresses of the From and To headers, without names. */
  from: string;
  to: string[];
  subject: string;
  text: string;
  /** '' when the mail has no HTML part. */
  html: string;
  /** By lower-case name, as `mailparser` reads them. */
  headers: ParsedMail['headers'];
  /** With its angle brackets; '' when the mail has none. */
  messageId: string;
  /** The mail as it came over the wire. */
  raw: string;
}

/** A predicate, or the recipient with, if wanted, a part of the subject. */
export type MessageWish =
  | ((message: InboxMessage) => boolean)
  | { to: string; subject?: string | RegExp };

export interface Messages {
  readonly all: InboxMessage[];
  add(message: Omit<InboxMessage, 'number'>): void;
  to(address: string): InboxMessage[];
  clear(): void;
  waitFor(wish: MessageWish, timeoutMs?: number): Promise<InboxMessage>;
}

function isFor(message: InboxMessage, address: string): boolean {
  return [...message.envelope.to, ...message.to].some(
    (to) => to.toLowerCase() === address.toLowerCase(),
  );
}

function predicate(wish: MessageWish): (message: InboxMessage) => boolean {
  if (typeof wish === 'function') return wish;
  const { to, subject = '' } = wish;
  return (message) =>
    isFor(message, to) &&
    (typeof subject === 'string'
      ? message.subject.includes(subject)
      : message.subject.search(subject) !== -1);
}

function expectation(wish: MessageWish): string {
  return typeof wish === 'function' ? 'No such mail arrived' : `No such mail to ${wish.to} arrived`;
}

export function createMessages(onMessage: (message: InboxMessage) => void): Messages {
  const all: InboxMessage[] = [];
  const waiters = createWaiters<InboxMessage>();
  let count = 0;

  return {
    all,
    add(mail) {
      count += 1;
      const message = { number: count, ...mail };
      all.push(message);
      waiters.show(message);
      onMessage(message);
    },
    to: (address) => all.filter((message) => isFor(message, address)),
    clear: () => void all.splice(0),
    waitFor: (wish, timeoutMs = 5000) =>
      waiters.wait(all, predicate(wish), timeoutMs, expectation(wish)),
  };
}
