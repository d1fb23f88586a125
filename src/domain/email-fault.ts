/**
 * Why an address was refused, in words for the person who typed it. This explains and never decides:
 * what `parseEmail` refused stays refused, whatever is said here. Nothing that was sent is played
 * back but the number of a character, since what is wrong often can not be seen.
 */
import { endsInDns, findStranger, isUnseen, trimAround } from './email-address.ts';

type Parts = { typed: string; local: string; domain: string };
type Rule = readonly [applies: (parts: Parts) => boolean, words: string];

const DOTS = /^\.|\.\.|\.$/;

/** The first that fits is said. */
const RULES: readonly Rule[] = [
  [({ typed }) => typed === '', 'It is empty.'],
  [({ typed }) => /[<>]/.test(typed), 'Write the address alone, without a name and without < >.'],
  [({ typed }) => /^mailto:/i.test(typed), 'Write the address alone, without mailto:.'],
  [({ typed }) => /["\\]/.test(typed), 'Quoted addresses are not taken.'],
  [({ typed }) => /[,;]/.test(typed), 'Write one address alone, without a comma or semicolon.'],
  [({ typed }) => /[()]/.test(typed), 'Comments in ( ) are not taken.'],
  [
    ({ typed }) => /[%!]|^@.*:/.test(typed),
    'A source route (% or !, or @ at the start) is not taken.',
  ],
  [({ typed }) => !typed.includes('@'), 'It has no @.'],
  [({ domain }) => domain.includes('@'), 'It has more than one @.'],
  [({ local }) => local === '', 'There is nothing before the @.'],
  [({ domain }) => domain === '', 'There is nothing after the @.'],
  [({ local }) => local.length > 64, 'It is too long: before the @ are at most 64 characters.'],
  [({ typed }) => typed.length > 254, 'It is too long: an address has at most 254 characters.'],
  [({ local }) => DOTS.test(local), 'Before the @ no dot is first, last or next to another dot.'],
  [({ local }) => local.includes('=?'), 'Encoded words (=?) are not taken.'],
  [({ domain }) => /[[\]:]|^[\d.]+$/.test(domain), 'Write a domain, not a number and no port.'],
  [({ domain }) => !domain.includes('.'), 'The domain is not complete: its ending is missing.'],
  [({ domain }) => DOTS.test(domain), 'In a domain no dot is first, last or next to another dot.'],
  [
    ({ domain }) => domain.split('.').some((label) => label.length > 63),
    'It is too long: between the dots of a domain are at most 63 characters.',
  ],
];

/** One sentence on what is wrong. */
export function explainEmail(input: string): string {
  const typed = trimAround(input);
  const at = typed.indexOf('@');
  const local = typed.slice(0, Math.max(at, 0));
  const domain = at < 0 ? '' : typed.slice(at + 1);
  return (
    nameFirst(typed, isUnseen, 'can not be seen') ??
    nameFirst(typed, isLookAlike, LOOKS_LIKE) ??
    RULES.find(([applies]) => applies({ typed, local, domain }))?.[1] ??
    nameFirst(local, (each) => !/[\w.#$&'*+/=?^{|}~-]/.test(each), 'is not taken before the @') ??
    nameFirst(
      domain,
      (each) => !/[\p{L}\p{M}\p{N}.-]/u.test(each),
      'is not taken in a domain',
      at + 1,
    ) ??
    nameFirst(domain, isStrangerIn(domain), LOOKS_LIKE, at + 1) ??
    (endsInDns(domain.toLowerCase())
      ? 'The domain receives no mail, or is not spelled in the one plain way.'
      : 'The ending of the domain is not one of the public Internet.')
  );
}

/** Looked for only once, and only where nothing else was found. */
function isStrangerIn(domain: string): (character: string) => boolean {
  const strangers = new Set(domain.split('.').map(findStranger));
  return (character) => strangers.has(character);
}

const LOOKS_LIKE = 'only looks like the usual character: type it anew';

/** Full-width forms, other dots, ligatures: what compatibility turns into another character. */
const isLookAlike = (each: string): boolean =>
  each === '\u3002' || each.normalize('NFKC') !== each.normalize('NFC');

/** `before`: how many characters of the address stand before this text. */
function nameFirst(
  text: string,
  isOdd: (character: string) => boolean,
  what: string,
  before = 0,
): string | undefined {
  const characters = Array.from(text);
  const i = characters.findIndex(isOdd);
  if (i < 0) return undefined;
  const code = characters[i]!.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return `The character U+${code} at position ${before + i + 1} ${what}.`;
}
