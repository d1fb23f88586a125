/**
 * Link tokens. A token names its change (16 bytes) and carries HMAC-SHA-256 of its purpose under
 * the change's own 256-bit secret: 48 bytes, 64 base64url characters, one spelling only. Tokens of
 * different purposes never stand in for each other. However often a mail is asked for again, its link
 * is the same until the change closes: it proves the same thing. Only the typed code is another one.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { hasStanding } from './domain/account.ts';
import { PURPOSES, type EmailChange, type Purpose } from './domain/email-change.ts';
import { tokenFromPaste } from '../client/paste.js';
import type { Config } from './config.ts';

const TOKEN = /^[\w-]{64}$/;
const ID_BYTES = 16;

/** Change ids: 16 random bytes, 22 base64url characters. Not a secret. */
export const createChangeId = (random: (bytes: number) => Buffer): string =>
  random(ID_BYTES).toString('base64url');

const CHANGE_ID = /^[\w-]{21}[AQgw]$/;
export const isChangeId = (text: string): boolean => CHANGE_ID.test(text);

/** The token that lets its holder use `purpose` on this change. */
export function linkToken(change: EmailChange, purpose: Purpose): string {
  return Buffer.concat([Buffer.from(change.id, 'base64url'), proof(change, purpose)]).toString(
    'base64url',
  );
}

/** The change that a token names, or `undefined` for what can not be a token of ours. */
export function changeIdOf(token: string): string | undefined {
  if (!TOKEN.test(token)) return undefined;
  return Buffer.from(token, 'base64url').subarray(0, ID_BYTES).toString('base64url');
}

/** Which purpose the token proves for this change, if any. Every candidate is compared, in constant time. */
export function purposeOf(token: string, change: EmailChange): Purpose | undefined {
  const shown = Buffer.from(token, 'base64url').subarray(ID_BYTES);
  let found: Purpose | undefined;
  for (const purpose of PURPOSES)
    if (timingSafeEqual(proof(change, purpose), shown)) found = purpose;
  // A mailbox without standing was never given a token, and none works for it.
  return found === 'confirm' || !change.account || hasStanding(change.account) ? found : undefined;
}

/** Eight digits for the signed-in app, derived like a link. They are safe only because tries are counted. */
export function confirmationCode(change: EmailChange): string {
  const number = createHmac('sha256', Buffer.from(change.secret, 'base64url'))
    .update(`readdress code.${change.generation}`)
    .digest()
    .readBigUInt64BE();
  return String(number % 100_000_000n).padStart(8, '0');
}

export const isConfirmationCode = (typed: string, change: EmailChange): boolean =>
  timingSafeEqual(Buffer.from(typed), Buffer.from(confirmationCode(change)));

function proof(change: EmailChange, purpose: Purpose): Buffer {
  // An earlier version counted the invitations here; the links of its first ones go on to work.
  const label = purpose === 'confirm' ? 'confirm.1' : purpose;
  return createHmac('sha256', Buffer.from(change.secret, 'base64url'))
    .update(`readdress ${label}`)
    .digest();
}

/**
 * Where a link was meant to lead that a gateway bent on its way: `/confirm%23<token>`,
 * `/confirm%2523<token>`, `/confirm/<token>`. In its path again, the token would reach logs.
 */
export function mendLink(url: string, basePath: string): string | undefined {
  const purpose = PURPOSES.find((each) => url.startsWith(`/${each}`));
  if (purpose === undefined) return undefined;
  const token = tokenFromPaste(url.slice(purpose.length + 1));
  return TOKEN.test(token) ? `${basePath}/${purpose}#${token}` : undefined;
}

/** The https link of a mail. In a fragment the token never reaches a server, proxy, log or Referer. */
export function linkUrl(config: Config, change: EmailChange, purpose: Purpose): string {
  const page = purpose === 'confirm' ? config.confirmUrl : `${config.publicUrl}/${purpose}`;
  const token = linkToken(change, purpose);
  if (config.linkStyle === 'fragment') return `${page}#${token}`;
  const url = new URL(page);
  url.searchParams.set('token', token);
  return url.href;
}

/** The language of the mail that a link of this purpose came in, as far as anybody said one. */
export const languageOfMail = (change: EmailChange, purpose: Purpose): string | undefined =>
  purpose === 'confirm' ? change.locale : change.account?.language;
