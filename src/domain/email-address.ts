/**
 * One address, one spelling. What `parseEmail` returns is what we mail, what the mailbox owner
 * proves and what we write at the tenant; no later step may read the text in another way
 * (nodemailer CVE-2025-13033, GitLab CVE-2023-7028, next-auth CVE-2022-35924). So this is stricter
 * than RFC 5321: an ASCII dot-atom before the @, a registrable domain as A-labels after it.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { parse } from 'tldts';

/** RFC 5321 §4.5.3.1: a path of 256 octets, angle brackets included. */
const MAX_ADDRESS = 254;
const MAX_LOCAL = 64;
const MAX_DOMAIN = 253;
/** Ample for accents typed as two characters; beyond it nothing is worth the work. */
const MAX_TYPED = 2 * MAX_ADDRESS;

/** Dot-atom without `%` and `!` (source routes) and the backtick. */
const LOCAL = /^[\w#$&'*+/=?^{|}~-]+(?:\.[\w#$&'*+/=?^{|}~-]+)*$/;
/** The start of an RFC 2047 encoded word, which some mailers decode inside an address. */
const ENCODED_WORD = '=?';
const LABEL = /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/;

/** Never mail, by RFC 6761 and RFC 7686. `.arpa` names machines, not mailboxes. */
const NO_MAIL = new Set(['invalid', 'onion', 'arpa']);

/**
 * The canonical spelling of an address as a user typed it, or `undefined` for what is refused.
 * Upper case in the local part is kept: only the receiving host may say that it does not matter.
 * `allowReservedDomains` also takes names that exist on nobody's Internet (`.test`, `.example`,
 * `.local`): for a service on loopback.
 */
export function parseEmail(
  input: unknown,
  options: { allowReservedDomains?: boolean } = {},
): string | undefined {
  if (typeof input !== 'string') return undefined;
  const typed = trimAround(input);
  if (typed.length > MAX_TYPED) return undefined;
  const at = typed.indexOf('@');
  const local = typed.slice(0, Math.max(at, 0));
  if (local.length > MAX_LOCAL || !LOCAL.test(local) || local.includes(ENCODED_WORD))
    return undefined;
  const domain = parseDomain(typed.slice(at + 1));
  if (domain === undefined || !receivesMail(domain, options.allowReservedDomains === true))
    return undefined;
  const address = `${local}@${domain}`;
  return address.length > MAX_ADDRESS ? undefined : address;
}

/**
 * White space of any kind around the address, and the marks that nobody sees (zero-width, byte order,
 * direction): whoever copies from a page, a chat or a contact picks them up without knowing. Around
 * an address they mean nothing; inside it they are refused.
 */
export function trimAround(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && AROUND.test(text[start]!)) start++;
  while (end > start && AROUND.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}
/** What a font shows as nothing: format characters, fillers and selectors, and the Braille blank. */
const UNSEEN = String.raw`\p{Cf}\p{DI}\u2800`;
const AROUND = new RegExp(String.raw`[\s\u0085${UNSEEN}]`, 'u');
/** Control and format characters, lone surrogates, and every space but the one that can be seen. */
export const isUnseen = (each: string): boolean => UNSEEN_INSIDE.test(each);
const UNSEEN_INSIDE = new RegExp(String.raw`(?! )[\p{C}\p{Z}${UNSEEN}]`, 'u');

/**
 * To A-labels, once. Apart from upper case and composed accents every label must already be what
 * the conversion says it is: full-width letters, other dots, soft hyphens and percent signs would
 * otherwise turn into somebody else's domain.
 */
function parseDomain(typed: string): string | undefined {
  if (MISLEADING.test(typed)) return undefined;
  const composed = typed.normalize('NFC');
  const domain = domainToASCII(composed);
  if (domain === '' || domain.length > MAX_DOMAIN) return undefined;
  const unicode = domainToUnicode(domain);
  // An A-label of another spelling (`xn--abc-`) does not survive the way there and back.
  if (domainToASCII(unicode) !== domain) return undefined;

  const labels = domain.split('.');
  const shown = unicode.split('.');
  const given = lowerCase(composed).split('.');
  if (labels.length < 2 || given.length !== labels.length) return undefined;
  const faithful = labels.every(
    (label, i) =>
      LABEL.test(label) &&
      (given[i] === label || given[i] === shown[i]) &&
      findStranger(shown[i]!) === undefined,
  );
  return faithful ? domain : undefined;
}

/** What nobody sees; and `İ` and the Kelvin sign, whose lower case contains an ASCII letter. */
const MISLEADING = new RegExp(`[${UNSEEN}\\u0130\\u212a]`, 'u');

/**
 * A character that no registry allows beside the others of its label: a dash that is no hyphen, or a
 * letter that passes for a Latin one among Latin ones (ICANN's IDN guidelines: one script in a label).
 */
export const findStranger = (label: string): string | undefined =>
  (/[\p{Pd}\u2212](?<!-)/u.exec(label) ??
    (/\p{Script=Latin}/u.test(label)
      ? /[\p{Script=Cyrillic}\p{Script=Greek}]/u.exec(label)
      : null))?.[0];

/** Letter by letter, because a Greek word in capitals ends in another sigma than its letters. */
const lowerCase = (text: string): string =>
  Array.from(text, (character) => character.toLowerCase()).join('');

/**
 * Below a top-level domain of the real DNS (the ICANN part of the public suffix list), or such a
 * suffix itself where it is a name of its own: people have mail at nhs.uk, mil.no and sa.gov.au.
 */
function receivesMail(domain: string, allowReservedDomains: boolean): boolean {
  const tld = domain.slice(domain.lastIndexOf('.') + 1);
  if (NO_MAIL.has(tld) || /^\d+$/.test(tld)) return false;
  return endsInDns(domain) || (allowReservedDomains && RESERVED.has(tld));
}

/**
 * Names for tests, documentation and private networks (RFC 6761, RFC 6762, ICANN's `.internal`, and
 * what ICANN gives to nobody since networks use it). Any other unknown ending is a slip, here as anywhere.
 */
const RESERVED = new Set('test example localhost local internal home lan corp'.split(' '));

const lookUp = (domain: string) =>
  parse(domain, { extractHostname: false, validateHostname: false, allowPrivateDomains: false });

/** Whether somebody runs the top-level domain of this name. */
export const endsInDns = (domain: string): boolean => lookUp(domain).isIcann === true;

/**
 * What others may see of an address: `a•••@example.com`. Always three dots, so that the length
 * stays hidden; a short local part shows nothing, for one letter would be most of it.
 */
export function maskEmail(address: string): string {
  const at = address.lastIndexOf('@');
  if (at < 0) return DOTS;
  const local = Array.from(address.slice(0, at));
  return `${local.length < 3 ? '' : local[0]}${DOTS}${address.slice(at)}`;
}
const DOTS = '•••';

/**
 * The address for people to read: the domain in its own script. Where that could be taken for another name, or is not
 * the reader's own, the A-labels stand beside it: `ada@gıthub.com (xn--gthub-n4a.com)`.
 */
export function displayEmail(address: string, whose: 'own' | 'other' = 'own'): string {
  const at = address.lastIndexOf('@');
  const ascii = address.slice(at + 1);
  const domain = domainToUnicode(ascii);
  if (domain === ascii.toLowerCase() || !/^[\p{L}\p{M}\p{N}\p{So}\u30fb.-]+$/u.test(domain))
    return address;
  const shown = `${address.slice(0, at)}@${domain}`;
  const clear =
    domain.split('.').every(isClearLabel) || CLEAR_DOMAINS.some((it) => it.test(domain));
  return whose === 'own' && clear ? shown : `${shown} (${ascii})`;
}

/** Latin with an accent above or a cedilla; Chinese and Japanese; Korean: one of them in a label. */
const isClearLabel = (label: string): boolean =>
  /^(?:[a-z\d-][\u0300-\u030c\u0327\u0328]?|[ßæœø])+$/.test(label.normalize('NFD')) ||
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc\d-]+$/u.test(label) ||
  /^[\p{Script=Hangul}\d-]+$/u.test(label);

/** Their letters pass for Latin ones, so the top-level domain has to be of the script as well. */
const CLEAR_DOMAINS = [/^[\p{Script=Cyrillic}\d.-]+$/u, /^[\p{Script=Greek}\d.-]+$/u];
