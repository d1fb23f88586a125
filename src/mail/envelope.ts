/**
 * An address as an SMTP envelope may carry it (RFC 5321 §4.1.2): the domain in lower case and A-labels,
 * without a last dot, the local part quoted where it is no dot-atom. Addresses of the tenant come as
 * people typed them years ago. What could be read in two ways is not mailed at all (CVE-2025-13033).
 */
import { domainToASCII } from 'node:url';

/** atext, and what SMTPUTF8 adds to it (RFC 6531). */
const ATEXT = String.raw`[A-Za-z0-9!#$%&'*+\-/=?^_\x60{|}~\p{L}\p{M}\p{N}\p{So}]`;
const DOT_ATOM = new RegExp(`^${ATEXT}+(?:\\.${ATEXT}+)*$`, 'u');
/** Dots where none may be, and spaces: one reading alone, once they are in quotes. */
const TO_QUOTE = new RegExp(`^(?:${ATEXT}|[. ])+$`, 'u');
/** No `@`, `<` or `>`, quoted or not: some server on the way may split at it. */
const QUOTED = /^"(?:[ !#-;=?A-[\]-~]|\\[ -;=?A-~])+"$/;
/** Nothing that the URL parser behind `domainToASCII` takes for the end of a host, or drops unseen. */
const WORDS_AND_DOTS = /^[\p{L}\p{M}\p{N}\p{So}_.\-\u3002\uff0e\uff61]+$/u;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const DOMAIN = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

/** `undefined`: no mail can be addressed to it. */
export function envelopeAddress(address: string): string | undefined {
  const trimmed = address.trim();
  const at = trimmed.lastIndexOf('@');
  const local = localPart(trimmed.slice(0, Math.max(at, 0)));
  const domain = domainPart(trimmed.slice(at + 1));
  return local !== undefined && domain !== undefined ? `${local}@${domain}` : undefined;
}

function localPart(local: string): string | undefined {
  if (DOT_ATOM.test(local) || QUOTED.test(local)) return local;
  return TO_QUOTE.test(local) ? `"${local}"` : undefined;
}

function domainPart(domain: string): string | undefined {
  if (!WORDS_AND_DOTS.test(domain)) return undefined;
  const ascii = domainToASCII(domain).replace(/\.$/, '');
  // A number as the last label would be an IP address, which is written in brackets or not at all.
  return DOMAIN.test(ascii) && !/(?:^|\.)\d+$/.test(ascii) ? ascii : undefined;
}
