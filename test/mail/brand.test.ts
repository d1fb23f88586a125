/** Whatever colour an operator chooses, people can read what is on it and what is in it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contrast, readableOn, textOn } from '../../src/mail/brand.ts';

const color = fc.stringMatching(/^#[0-9a-f]{6}$/);

test('the contrast ratio is the one of WCAG 2.2', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  expect(contrast('#2457d6', '#2457d6')).toBe(1);
});

test('text on a button of any colour has at least 4.5:1', () => {
  fc.assert(
    fc.property(color, (brand) => {
      expect(contrast(textOn(brand), brand)).toBeGreaterThanOrEqual(4.5);
    }),
  );
});

test('a link or line of any colour is made to show on light and dark surfaces', () => {
  fc.assert(
    fc.property(
      color,
      fc.constantFrom('#f4f5f7', '#ffffff', '#1a1e24', '#101317', '#1f1f1f'),
      fc.constantFrom(3, 4.5),
      (brand, surface, ratio) => {
        const shown = readableOn(surface, brand, ratio);
        expect(contrast(shown, surface)).toBeGreaterThanOrEqual(ratio);
      },
    ),
  );
});

test('a colour that is good enough stays as it is', () => {
  expect(readableOn('#ffffff', '#2457d6', 4.5)).toBe('#2457d6');
});
