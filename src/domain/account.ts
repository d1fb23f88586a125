/**
 * The Auth0 account behind a change: what the tenant says of it, and what we keep
 * (Auth0 Management API, GET /api/v2/users/{id}).
 */
import { domainToASCII } from 'node:url';

/** The snapshot taken with the invitation. The commit goes ahead only if it still holds. */
export type Account = {
  email?: string | undefined;
  emailVerified: boolean;
  /** The deployment lets an unverified mailbox speak for its account (UNVERIFIED_MAILBOX=trusted). */
  trusted?: true;
  name?: string | undefined;
  /** What the account itself says of its language, as it says it; nobody's request decides that. */
  language?: string | undefined;
  /** Where the account's clock hangs, an IANA name, where the account says so. */
  timeZone?: string | undefined;
  /** The database identity whose address changes, and the connection that holds it. */
  connection: string;
  identity: string;
  /** Epoch ms of the last password reset, 0 if there was none. */
  passwordResetAt: number;
};

/**
 * Whether the current mailbox has a say: it may cancel, approve and undo. One that never proved
 * anything may be a stranger's, by a typo at the sign-up (docs/decisions/0010-standing.md).
 */
export const hasStanding = (account: Account | undefined): boolean =>
  account?.email !== undefined && (account.emailVerified || account.trusted === true);

/** What the tenant said of a user, trimmed to what decisions need. */
export type DirectoryUser = {
  email?: string | undefined;
  emailVerified: boolean;
  name?: string | undefined;
  language?: string | undefined;
  timeZone?: string | undefined;
  blocked: boolean;
  passwordResetAt: number;
  /** How far the tenant's clock is ahead of ours (ms), as far as its answer showed. */
  aheadMs?: number;
  /** When the account was last written to, by anybody; a login writes to it too. Epoch ms. */
  updatedAt?: number;
  lastLoginAt?: number;
  /** The identity whose address can be changed; absent when the address is another provider's. */
  identity?: { id: string; connection: string } | undefined;
};

/**
 * Auth0 stores database addresses in lower case, so two spellings of one address are one address,
 * as are the two spellings of an international domain. In the local part only ASCII folds: `ı` is
 * not `i` (CVE-2019-19844).
 */
export const sameAddress = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined && b !== undefined && fold(a) === fold(b);
const fold = (address: string): string => {
  const at = address.lastIndexOf('@') + 1;
  const domain = address.slice(at);
  return lowerCase(
    address.slice(0, at) + (isAscii(domain) ? domain : domainToASCII(domain) || domain),
  );
};
const isAscii = (text: string): boolean => /^[ -~]*$/.test(text);
const lowerCase = (text: string): string =>
  text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
