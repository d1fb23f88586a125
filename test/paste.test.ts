/** One grammar for what people paste, read alike by form, API, client and page. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formOfPaste, tokenFromPaste } from '../client/paste.js';
import { NO_TOKENS, REWRITES } from './support/gateways.ts';

const token = fc
  .oneof(
    fc.uint8Array({ minLength: 48, maxLength: 48 }),
    // Full of the two characters that gateways use for themselves.
    fc.array(fc.constantFrom(0xff, 0xfb, 0xbe, 0xef, 0xfe), { minLength: 48, maxLength: 48 }),
  )
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
const page = fc.constantFrom(
  'https://account.example.com/confirm',
  'https://account.example.com/undo',
  'https://app.example.com/settings/email?tab=1&next=https://app.example.com/',
);

describe('a token is read from', () => {
  test.each(Object.entries(REWRITES))('%s', (_, rewrite) => {
    fc.assert(
      fc.property(page, token, (url, expected) => {
        fc.pre(!(url.includes('?') && rewrite(`${url}#x`, 'x').includes('?token')));
        expect(tokenFromPaste(rewrite(`${url}#${expected}`, expected))).toBe(expected);
      }),
      { numRuns: 50 },
    );
  });
});

describe('nothing is guessed from', () => {
  test.each(Object.entries(NO_TOKENS))('%s', (_, rewrite) => {
    fc.assert(
      fc.property(token, (some) => {
        fc.pre(some.slice(1) + some[0] !== some);
        const pasted = rewrite(`https://account.example.com/confirm#${some}`, some);
        expect(tokenFromPaste(pasted)).not.toMatch(/^[\w-]{64}$/);
      }),
      { numRuns: 50 },
    );
  });

  test('any text at all, and it is read without a fault', () => {
    const pieces = fc.constantFrom(
      '#',
      '%23',
      '/v3/__',
      '__;',
      '*',
      '**',
      '-3A',
      '=',
      '&',
      '?u=',
      'https://',
      'aHR0c',
      'x',
      '\n',
      '\ud800',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string()), { maxLength: 30 }), (parts) => {
        const text = parts.join('');
        expect(typeof tokenFromPaste(text)).toBe('string');
        expect(['token', 'digits', 'part', 'other']).toContain(formOfPaste(text));
      }),
    );
  });
});

describe('by its form', () => {
  const some = 'AbCdEf0123456789-_'.repeat(4).slice(0, 64);
  test.each([
    ['12345678', 'digits'],
    ['1234 5678', 'digits'],
    [' 1234-5678\n', 'digits'],
    [some.slice(0, 32), 'part'],
    [
      `${some.slice(0, 8)} ${some.slice(8, 16)} ${some.slice(16, 24)} ${some.slice(24, 32)}`,
      'part',
    ],
    [`https://account.example.com/confirm#${some.slice(0, 40)}`, 'part'],
    [some, 'token'],
    [`https://account.example.com/cancel#${some}`, 'token'],
    ['', 'other'],
    ['hello', 'other'],
    ['1234567', 'other'],
    ['https://account.example.com/confirm', 'other'],
    [some + some, 'other'],
  ])('%j is called %s', (pasted, form) => {
    expect(formOfPaste(pasted)).toBe(form);
  });
});
