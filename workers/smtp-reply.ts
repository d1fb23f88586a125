/**
 * What a refusal of a mail server means: whose fault it is, and whether to try again. The enhanced code
 * (RFC 3463) decides where there is one, else the basic one and the command that it answered (RFC 5321).
 */

/**
 * - `address` nobody can be reached there: asking again would not make it another address
 * - `later` the server asks for patience, or the mailbox is full for now
 * - `ours` this mail is not wanted: reputation, authentication, policy, size. Nobody's address is wrong
 * - `relay` our own server refuses us before it knows for whom the mail is
 */
export type Meaning = 'address' | 'later' | 'ours' | 'relay';

/** What nodemailer tells of a refusal: `response` is the whole reply, line by line. */
export type SmtpReply = { responseCode: number; response?: string; command?: string };

/** The subject and detail of a permanent enhanced code → what it means at RCPT TO and DATA. */
const ADDRESS = /^(?:1\.(?!7$|8$)\d+|2\.[14]|4\.[14]|6\.7)$/;
const LATER = /^(?:2\.[02]|3\.1|4\.(?![14]$)\d+)$/;
/** "Other or undefined", which says less than the basic code (Outlook.com: "550 5.5.0 mailbox unavailable"). */
const UNDEFINED = /^(?:0\.\d+|5\.0)$/;
/** Basic codes without an enhanced one: about the recipient only where they answer RCPT TO. */
const RECIPIENT_CODES = [501, 550, 551, 553, 556];
const FULL = 552;

export function meaningOf(reply: SmtpReply): Meaning {
  const { responseCode, command = '' } = reply;
  const enhanced = enhancedOf(reply);
  // Where the two contradict each other, to try again does no harm.
  if (responseCode < 500 || enhanced?.startsWith('4')) return 'later';
  if (command !== 'RCPT TO' && command !== 'DATA') return 'relay';
  const status = enhanced?.slice(2);
  if (status !== undefined && !UNDEFINED.test(status)) {
    if (ADDRESS.test(status)) return 'address';
    return LATER.test(status) ? 'later' : 'ours';
  }
  if (responseCode === FULL) return 'later';
  return command === 'RCPT TO' && RECIPIENT_CODES.includes(responseCode) ? 'address' : 'ours';
}

/** For the log: the codes alone. The words of a server may hold the address, and are its own. */
export function codesOf(reply: SmtpReply): string {
  const enhanced = enhancedOf(reply);
  return `${reply.responseCode}${enhanced === undefined ? '' : ` ${enhanced}`}`;
}

/** At the start of a line's text, bare or in brackets; no part of a version or an IP address. */
const ENHANCED = /^\d{3}[ -]?[\s[(#:<]*([45])\.(\d{1,3})\.(\d{1,3})(?![\d.]\d)/m;
const ANYWHERE = /(?:^|[^\d.])([45])\.([0-7])\.(\d{1,3})(?!\.?\d)/m;

function enhancedOf({ response = '' }: SmtpReply): string | undefined {
  const [, ...parts] = ENHANCED.exec(response) ?? ANYWHERE.exec(response) ?? [];
  return parts.length === 0 ? undefined : parts.map(Number).join('.');
}
