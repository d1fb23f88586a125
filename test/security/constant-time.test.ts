/** What proves something is compared in constant time: read off the sources, comparison by comparison. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const sources = ['src', 'workers'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    // The client runs where the user is, and holds only what is the user's.
    .filter((path) => path.endsWith('.ts') && !path.startsWith('client/'))
    .map((path) => `${folder}/${path}`),
);

const OPERAND = String.raw`[\w$.?!'"\x60[\]-]+(?:\([^()]*\))?!?`;
const COMPARISON = new RegExp(String.raw`(${OPERAND})\s*[!=]==?\s*(${OPERAND})`, 'g');
const LITERAL = /^(['"`].*|\d+|undefined|null|true|false|-?Infinity)$/;
const PROOF =
  /secret|token|proof|h?mac\b|digest|password|signature|typed|nonce|thumbprint|jkt|\bath\b|fingerprint|sha256|hash|cookie/i;

/** Comparisons that look like one of a secret and are none. */
const HARMLESS: Record<string, RegExp> = {
  // Which purpose a token was found to prove, in links.ts.
  'src/http/routes/links.ts': /^purposeOf\(token, recorded\) !== purpose$/,
  // Our own two copies of the management token: nobody from outside holds either.
  'workers/directory/auth0/management-token.ts': /^held\?\.token\.value !== token\.value$/,
  // What a DPoP proof names is known to whoever makes it: its key's thumbprint, the hash of the token
  // it comes with, the nonce it was given. None of them is what is proved.
  'src/http/auth/dpop.ts': /nonce|thumbprint|boundTo|jkt|'ath'/,
};

const comparisons = sources.flatMap((path) =>
  [...readFileSync(join(ROOT, path), 'utf8').matchAll(COMPARISON)].map(
    ([text, left = '', right = '']) => ({ path, text, left, right }),
  ),
);

test('no secret, token, code or signature is compared by ===', () => {
  expect(comparisons.length).toBeGreaterThan(150);
  const suspicious = comparisons
    .filter(({ left, right }) => !LITERAL.test(left) && !LITERAL.test(right))
    .filter(({ left, right }) => PROOF.test(left) || PROOF.test(right))
    .filter(({ path, text }) => !HARMLESS[path]?.test(text));
  expect(suspicious.map(({ path, text }) => `${path}: ${text}`)).toEqual([]);
});

test('link tokens and codes are compared by timingSafeEqual, and every purpose is tried', () => {
  const links = readFileSync(join(ROOT, 'src/links.ts'), 'utf8');
  expect(links.match(/timingSafeEqual\(/g)).toHaveLength(2);
  // A loop that stopped at the first match would tell by its time which purpose it was.
  const loop = /for \(const purpose of PURPOSES\)[^}]*/.exec(links)?.[0];
  expect(loop).toContain('timingSafeEqual');
  expect(loop?.split('return found')[0]).not.toMatch(/\b(break|return)\b/);
});
