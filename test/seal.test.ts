/** Sealed records: only our keys open them, only where they were sealed, and never half. */
import * as fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createSealer, SealError } from '../src/seal.ts';

const [FIRST, SECOND, THIRD] = [1, 2, 3].map((fill) => Buffer.alloc(32, fill)) as [
  Buffer,
  Buffer,
  Buffer,
];
const sealerOf = (...keys: Buffer[]) => createSealer(keys, randomBytes);
const text = fc.string({ unit: 'binary', maxLength: 300 });
const place = fc.string({ unit: 'grapheme', maxLength: 40 });

describe('sealing', () => {
  test('gives back exactly what was sealed, at its place', () => {
    const sealer = sealerOf(FIRST);
    fc.assert(
      fc.property(text, place, (it, at) => {
        expect(sealer.open(sealer.seal(it, at), at)).toBe(it);
      }),
    );
  });

  test('shows nothing of the text, and never the same twice', () => {
    const sealer = sealerOf(FIRST);
    const sealed = new Set<string>();
    for (let i = 0; i < 200; i += 1) {
      const one = sealer.seal('ada@example.com', 'place');
      expect(one).toMatch(/^[\w-]{6}\.[\w-]+$/);
      expect(Buffer.from(one.split('.')[1]!, 'base64url').toString('latin1')).not.toContain('ada');
      sealed.add(one);
    }
    expect(sealed.size).toBe(200);
  });

  test('opens at no other place, so a record can not be moved', () => {
    const sealer = sealerOf(FIRST);
    fc.assert(
      fc.property(text, place, place, (it, here, there) => {
        fc.pre(here !== there);
        const sealed = sealer.seal(it, here);
        expect(() => sealer.open(sealed, there)).toThrow(SealError);
      }),
    );
  });

  test('notices any altered bit, and any piece left out or put in', () => {
    const sealer = sealerOf(FIRST);
    const [id = '', body = ''] = sealer.seal('the whole text of a record', 'place').split('.');
    const bytes = Buffer.from(body, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(
        () => sealer.open(`${id}.${altered.toString('base64url')}`, 'place'),
        `bit ${bit}`,
      ).toThrow(SealError);
    }
    for (let length = 0; length < bytes.length; length += 1)
      expect(() =>
        sealer.open(`${id}.${bytes.subarray(0, length).toString('base64url')}`, 'place'),
      ).toThrow(SealError);
    expect(() =>
      sealer.open(
        `${id}.${Buffer.concat([bytes, Buffer.alloc(1)]).toString('base64url')}`,
        'place',
      ),
    ).toThrow(SealError);
  });

  test('opens nothing that it did not seal, whatever it looks like', () => {
    const sealer = sealerOf(FIRST);
    const id = sealer.seal('', 'p').split('.')[0]!;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((rest) => `${id}.${rest}`),
        ),
        (forged) => {
          expect(() => sealer.open(forged, 'p')).toThrow(SealError);
        },
      ),
    );
    for (const forged of [
      '',
      '.',
      `${id}.`,
      id,
      `.${id}`,
      `${id}.${'A'.repeat(38)}`,
      '__proto__.AAAA',
      '{}',
    ])
      expect(() => sealer.open(forged, 'p'), forged).toThrow(SealError);
    expect(() => sealerOf()).toThrow('no sealing key');
  });
});

describe('rotation', () => {
  test('the first key seals and every key opens, until it is dropped', () => {
    const before = sealerOf(FIRST);
    const during = sealerOf(SECOND, FIRST);
    const after = sealerOf(SECOND);
    const old = before.seal('x', 'p');
    const fresh = during.seal('x', 'p');
    expect(during.open(old, 'p')).toBe('x');
    expect(during.open(fresh, 'p')).toBe('x');
    expect(after.open(fresh, 'p')).toBe('x');
    // Dropped, or not there yet.
    expect(() => after.open(old, 'p')).toThrow(SealError);
    expect(() => before.open(fresh, 'p')).toThrow(SealError);
    expect(() => sealerOf(THIRD).open(fresh, 'p')).toThrow(SealError);
    // The name of a key says nothing about it, and two keys have two names.
    expect(old.split('.')[0]).not.toBe(fresh.split('.')[0]);
    expect(FIRST.toString('base64url')).not.toContain(old.split('.')[0]);
  });

  test('a text under the name of another key does not open', () => {
    const both = sealerOf(SECOND, FIRST);
    const [, body] = sealerOf(FIRST).seal('x', 'p').split('.');
    const [name] = both.seal('x', 'p').split('.');
    expect(() => both.open(`${name}.${body}`, 'p')).toThrow(SealError);
  });

  test('what is indexed is under the first key, and can be found under every key there is', () => {
    const of = (...keys: Buffer[]) => sealerOf(...keys).fingerprints('auth0|1', 'user');
    const [[first], [second]] = [of(FIRST), of(SECOND)];
    expect(of(SECOND, FIRST)).toEqual([second, first]);
    expect(of(FIRST, SECOND)).toEqual([first, second]);
    expect(new Set(of(THIRD, SECOND, FIRST)).size).toBe(3);
    expect(sealerOf(SECOND, FIRST).fingerprint('auth0|1', 'user')).toBe(second);
  });

  test('a seal says whether it is of the first key', () => {
    const old = sealerOf(FIRST).seal('x', 'p');
    expect(sealerOf(FIRST, SECOND).isNewest(old)).toBe(true);
    expect(sealerOf(SECOND, FIRST).isNewest(old)).toBe(false);
    expect(sealerOf(FIRST).isNewest('')).toBe(false);
  });
});

test('a fingerprint tells apart what it is of and what for, in a constant shape that shows neither', () => {
  const sealer = sealerOf(FIRST);
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      fc.constantFrom('user', 'limit'),
      fc.constantFrom('user', 'limit'),
      (a, b, useA, useB) => {
        const [one, other] = [sealer.fingerprint(a, useA), sealer.fingerprint(b, useB)];
        expect(one).toMatch(/^[\w-]{22}$/);
        expect(one === other).toBe(a === b && useA === useB);
        expect(sealerOf(SECOND).fingerprint(a, useA)).not.toBe(one);
      },
    ),
  );
});
