/**
 * Which mail of which change a mail is. It stands in the Message-ID, and, since some relays write a Message-ID of their
 * own, in the field in which each of them keeps what its customer wants to find again in events.
 */
import { isChangeId } from '../links.ts';

export const RELAYS = ['ses', 'sendgrid', 'postmark', 'mailgun', 'resend'] as const;
export type Relay = (typeof RELAYS)[number];

export type Reference = { change: string; mail: string };

const REFERENCE = /(?<![\w-])([\w-]{22})\.(mail\.[a-z]+(?:\.[1-9]\d{0,4})?)(?![\w-])/g;

/** The first reference to a mail of ours in a text. */
export function referenceIn(text: string): Reference | undefined {
  for (const [, change = '', mail = ''] of text.matchAll(REFERENCE))
    if (isChangeId(change)) return { change, mail };
  return undefined;
}

/** By the documentation of each: SES message tags, unique arguments, metadata, variables. Resend keeps the Message-ID. */
const KEPT_IN: Partial<Record<Relay, (reference: string) => Record<string, string>>> = {
  ses: (reference) => ({ 'X-SES-MESSAGE-TAGS': `readdress=${reference}` }),
  sendgrid: (reference) => ({
    'X-SMTPAPI': JSON.stringify({ unique_args: { readdress: reference } }),
  }),
  postmark: (reference) => ({ 'X-PM-Metadata-readdress': reference }),
  mailgun: (reference) => ({ 'X-Mailgun-Variables': JSON.stringify({ readdress: reference }) }),
};

const HOSTS: [RegExp, Relay][] = [
  [/(?:^|\.)amazonaws\.com$/, 'ses'],
  [/(?:^|\.)sendgrid\.net$/, 'sendgrid'],
  [/(?:^|\.)postmarkapp\.com$/, 'postmark'],
  [/(?:^|\.)mailgun\.org$/, 'mailgun'],
];

/** What a mail carries for the relays that tell us of bounces, and for the one that it is handed to. */
export function relayHeaders(
  reference: string,
  { told, host }: { told: readonly Relay[]; host: string },
): Record<string, string> {
  const named = HOSTS.find(([pattern]) => pattern.test(host))?.[1];
  const relays = new Set([...told, ...(named ? [named] : [])]);
  return Object.assign({}, ...[...relays].map((relay) => KEPT_IN[relay]?.(reference))) as Record<
    string,
    string
  >;
}
