// @ts-check
/**
 * The token in what people paste, and in what gateways make of a link: the token alone or in groups,
 * the whole link, or a link that a mail gateway wrapped into one of its own. The server, for whoever calls it,
 * and the link page read with this file, which is why it is plain JavaScript that imports
 * nothing: the page gets it as it is. Nothing is guessed: exactly one token, or none.
 */

/** What may not follow: more of a word, padding, or what is neither space nor punctuation. */
const END = String.raw`(?![\w=+-]|(?![\s“”‘’«»…、。」）])[^ -~])`;
const IN_LINK = new RegExp(
  String.raw`(?:^|\s|#|[?&](?:token|TOKEN)=(?:3D)?)([\w-]{64})${END}`,
  'g',
);
const ALONE = new RegExp(String.raw`(?:^|[\s"'“‘«<([{>:;,.|*/#=「（])([\w-]{64})${END}`, 'g');
/** A wrapped link inside a wrapped link inside …; each `%25` is one more decoding as well. */
const STEPS = 32;
/** Longer than any wrapped link. */
const MOST_CHARS = 16_384;

/**
 * @param {string} text
 * @returns {string} the token, or the text without its spaces: it is refused like any wrong token
 */
export function tokenFromPaste(text) {
  const compact = withoutSpaces(text);
  if (text.length > MOST_CHARS) return compact;
  // Of a mail that was answered or forwarded, in a field of one line too.
  const plain = text.replace(/(^|\s)>[ \t>]*/g, '$1');
  // As it stands, since the next line may be no part of it; then over line ends, hard and soft (a
  // field of one line keeps of a soft line end no more than its `=`).
  const unfolded = plain.replace(/=\r?\n/g, '');
  const soft = plain.replace(/=\s*(?=[\w-])/g, '');
  for (const reading of [
    unfolded,
    withoutSpaces(unfolded),
    withoutSpaces(plain),
    withoutSpaces(soft),
  ]) {
    const [token, ...others] = tokensIn(
      reading.replace(/&(?:amp;)+/gi, '&').replace(/&#(?:35|x23);/gi, '#'),
    );
    if (token !== undefined) return others.length === 0 ? token : compact;
  }
  return compact;
}

/**
 * What was pasted, by its form alone: `digits` are for the app, a `part` is of a token.
 * @param {string} text
 * @returns {'token' | 'digits' | 'part' | 'other'}
 */
export function formOfPaste(text) {
  const token = tokenFromPaste(text);
  if (/^[\w-]{64}$/.test(token)) return 'token';
  if (/^\d{4}[-.]?\d{4}$/.test(token)) return 'digits';
  return /(?:^|#|[?&]token=)[\w-]{16,63}$/i.test(token) ? 'part' : 'other';
}

/** @param {string} text */
const withoutSpaces = (text) => text.replace(/[\s\u00ad\u200b-\u200f\u2060\ufeff]/g, '');

/**
 * @param {string} text
 * @param {{ steps: number }} left
 * @returns {Set<string>}
 */
function tokensIn(text, left = { steps: STEPS }) {
  if (left.steps-- <= 0) return new Set();
  // What is wrapped counts first: what a gateway writes around it may look like a token too.
  for (const read of [unwrap, find, decode]) {
    const got = read(text);
    if (got === undefined || got === text) continue;
    const found = typeof got === 'string' ? tokensIn(got, left) : got;
    if (found.size > 0) return found;
  }
  return new Set();
}

/**
 * @param {string} text
 * @returns {Set<string>}
 */
const find = (text) =>
  new Set(
    Array.from(text.matchAll(/:\/\//.test(text) ? IN_LINK : ALONE), ([, token = '']) => token),
  );

/**
 * The link that a gateway's link carries, if it is one.
 * @param {string} text
 * @returns {string | undefined}
 */
function unwrap(text) {
  // Proofpoint v3: …/v3/__<link>__;<what the stars stand for>!!…
  const start = text.indexOf('/v3/__');
  const end = start < 0 ? -1 : text.indexOf('__;', start);
  if (end > 0) {
    const stars = /^[\w-]*/.exec(text.slice(end + 3))?.[0] ?? '';
    return fillStars(text.slice(start + 6, end), fromBase64(stars));
  }
  // Check Point and Avanan: …/v2/___<link>___.<what they know of it>
  const between = /\/___(https?:.+?)___\./i.exec(text)?.[1];
  if (between !== undefined) return between;
  // Safe Links, Google, Mimecast, Barracuda, Trend Micro, Proofpoint v1 and v2: a link in the query.
  const value = /[?&][\w.-]+=(https?(?::|%3a|%253a|-3a)[^&]*)/i.exec(text)?.[1];
  if (value !== undefined)
    return decode(/^https?-3a/i.test(value) ? value.replace(/-/g, '%').replace(/_/g, '/') : value);
  // Sophos: the same in Base64.
  const encoded = /[?&][\w.-]+=(aHR0c[\w+/%-]*)/.exec(text)?.[1];
  if (encoded !== undefined) return fromBase64(decode(encoded));
  // Cisco and others: a link in the path.
  return /[^=]\/(https?(?::|%3a|%253a)\/?(?:\/|%2f|%252f).*)$/is.exec(text)?.[1];
}

/**
 * `%23` is `#`. What is not ASCII is no part of a token and stays as it is.
 * @param {string} text
 */
const decode = (text) =>
  text.replace(/%([0-7][\da-f])/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));

/**
 * Each `*` is the next character that Proofpoint took out, `**x` the next several of them.
 * @param {string} text
 * @param {string} removed
 */
function fillStars(text, removed) {
  let at = 0;
  return text.replace(/\*(?:\*([\w-]))?/g, (_, run) => {
    const count = run === undefined ? 1 : BASE64.indexOf(run) + 2;
    at += count;
    return removed.slice(at - count, at);
  });
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Base64 of either alphabet, without `atob`, which not every runtime has.
 * @param {string} text
 */
function fromBase64(text) {
  let bits = 0;
  let value = 0;
  let out = '';
  for (const character of text.replace(/\+/g, '-').replace(/\//g, '_')) {
    value = ((value << 6) | BASE64.indexOf(character)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += String.fromCharCode((value >> bits) & 0xff);
  }
  return out;
}
