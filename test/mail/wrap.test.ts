/** Line breaking of the text part. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnsOf, wrap } from '../../src/mail/wrap.ts';

test('lines break at spaces and lose nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[!-~]{1,20}$/)),
      fc.integer({ min: 20, max: 80 }),
      (words, width) => {
        const lines = wrap(words.join(' '), 'en', width).split('\n');
        expect(lines.join(' ').trim()).toBe(words.join(' '));
        for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(width);
      },
    ),
  );
});

test('a word wider than the line keeps a line of its own', () => {
  expect(wrap(`see ${'x'.repeat(90)} now`, 'en', 76).split('\n')).toEqual([
    'see',
    'x'.repeat(90),
    'now',
  ]);
});

test('a no-break space keeps French punctuation with its word', () => {
  expect(wrap('votre mot de passe\u00a0: quelqu’un', 'fr', 19)).toBe(
    'votre mot de\npasse\u00a0: quelqu’un',
  );
});

test('wide characters count two columns, and Japanese breaks between words', () => {
  const text =
    '変更後は、このアドレスでログインしていただきます。お心当たりがない場合は、無視してください。';
  const lines = wrap(text, 'ja', 40).split('\n');
  expect(lines.join('')).toBe(text);
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) {
    expect(columnsOf(line)).toBeLessThanOrEqual(40);
    expect(line).not.toMatch(/^[、。）ー]/);
  }
});
