/** Link tokens: one shape, one spelling, one purpose each. */
import * as fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Config } from '../src/config.ts';
import { PURPOSES, type EmailChange, type Purpose } from '../src/domain/email-change.ts';
import {
  changeIdOf,
  confirmationCode,
  createChangeId,
  isChangeId,
  isConfirmationCode,
  linkToken,
  linkUrl,
  purposeOf,
} from '../src/links.ts';
import { tokenFromPaste } from '../client/paste.js';

const base64url = (bytes: number) =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((it) => Buffer.from(it).toString('base64url'));
const anyChange: fc.Arbitrary<EmailChange> = fc
  .record({
    id: base64url(16),
    secret: base64url(32),
    generation: fc.integer({ min: 1, max: 1000 }),
  })
  .map((some): EmailChange => ({
    ...some,
    sub: 'auth0|1',
    email: 'new@example.org',
    status: 'pending',
    requestedAt: 0,
    expiresAt: 1,
    resendAfter: 1,
    requires: ['new'],
    agreed: {},
    muted: false,
    locale: 'en',
    mails: {},
  }));
const anyPurpose = fc.constantFrom<Purpose>(...PURPOSES);

describe('a token', () => {
  test('has 64 characters of base64url, names its change, and proves its purpose alone', () => {
    fc.assert(
      fc.property(anyChange, anyPurpose, (change, purpose) => {
        const token = linkToken(change, purpose);
        expect(token).toMatch(/^[\w-]{64}$/);
        expect(changeIdOf(token)).toBe(change.id);
        expect(purposeOf(token, change)).toBe(purpose);
        expect(linkToken(change, purpose)).toBe(token);
        expect(token).not.toContain(change.secret.slice(0, 8));
      }),
    );
  });

  test('of one purpose never equals that of another, nor of another change or secret', () => {
    fc.assert(
      fc.property(anyChange, anyChange, (one, other) => {
        const tokens = [one, other, { ...one, secret: other.secret }].flatMap((change) =>
          PURPOSES.map((purpose) => linkToken(change, purpose)),
        );
        expect(new Set(tokens).size).toBe(tokens.length);
        for (const purpose of PURPOSES) {
          expect(purposeOf(linkToken(other, purpose), one)).toBeUndefined();
          expect(
            purposeOf(linkToken({ ...one, secret: other.secret }, purpose), one),
          ).toBeUndefined();
        }
      }),
    );
  });

  test('lives as long as its change, however often its mail is asked for again', () => {
    fc.assert(
      fc.property(anyChange, (change) => {
        const resent = { ...change, generation: change.generation + 1 };
        for (const purpose of PURPOSES)
          expect(purposeOf(linkToken(change, purpose), resent)).toBe(purpose);
        expect(confirmationCode(resent)).not.toBe(confirmationCode(change));
      }),
    );
  });

  test('altered in any one character proves nothing', () => {
    fc.assert(
      fc.property(
        anyChange,
        anyPurpose,
        fc.integer({ min: 0, max: 63 }),
        base64url(1),
        (change, purpose, at, [other]) => {
          const token = linkToken(change, purpose);
          fc.pre(token[at] !== other);
          const altered = token.slice(0, at) + other + token.slice(at + 1);
          const proven = changeIdOf(altered) === change.id ? purposeOf(altered, change) : undefined;
          expect(proven).toBeUndefined();
        },
      ),
    );
  });

  test('has one spelling: whatever else decodes to its bytes is no token', () => {
    fc.assert(
      fc.property(anyChange, (change) => {
        const token = linkToken(change, 'confirm');
        for (const other of [
          `${token}=`,
          `${token}\n`,
          ` ${token}`,
          `${token}A`,
          token.slice(0, 63),
          `${token}\0`,
          Buffer.from(token, 'base64url').toString('hex'),
        ])
          expect(changeIdOf(other), JSON.stringify(other)).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/^[\w-]{64}$/.test(text));
        expect(changeIdOf(text)).toBeUndefined();
      }),
    );
  });
});

test('a change id is 22 characters, never the same, and only its one spelling is an id', () => {
  const ids = new Set(Array.from({ length: 500 }, () => createChangeId(randomBytes)));
  expect(ids.size).toBe(500);
  for (const id of ids) {
    expect(isChangeId(id)).toBe(true);
    expect(Buffer.from(id, 'base64url').toString('base64url')).toBe(id);
  }
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\w-]{22}$/)), (text) => {
      const canonical =
        text.length === 22 && Buffer.from(text, 'base64url').toString('base64url') === text;
      expect(isChangeId(text)).toBe(canonical);
    }),
  );
});

test('a typed code is eight digits of one invitation, and no other eight digits pass', () => {
  fc.assert(
    fc.property(anyChange, fc.integer({ min: 0, max: 99_999_999 }), (change, guess) => {
      const code = confirmationCode(change);
      expect(code).toMatch(/^\d{8}$/);
      expect(isConfirmationCode(code, change)).toBe(true);
      const typed = String(guess).padStart(8, '0');
      expect(isConfirmationCode(typed, change)).toBe(typed === code);
      expect(linkToken(change, 'confirm')).not.toContain(code);
    }),
  );
});

describe('what people paste', () => {
  test('reduces to the token: spaces, line ends, the whole link in either style', () => {
    fc.assert(
      fc.property(
        anyChange,
        anyPurpose,
        fc.array(fc.tuple(fc.nat(63), fc.constantFrom(' ', '\n', '\t', '\r\n', '\u00a0')), {
          maxLength: 12,
        }),
        (change, purpose, spaces) => {
          const token = linkToken(change, purpose);
          let pasted = token;
          for (const [at, space] of spaces) pasted = pasted.slice(0, at) + space + pasted.slice(at);
          expect(tokenFromPaste(pasted)).toBe(token);
          expect(tokenFromPaste(`https://x.example/${purpose}#${pasted}`)).toBe(token);
          expect(tokenFromPaste(`https://x.example/${purpose}?a=b&token=${pasted}`)).toBe(token);
        },
      ),
    );
  });

  test('is never guessed at: anything else stays no token', () => {
    for (const text of [
      '',
      'hello',
      'https://x.example/confirm',
      'https://x.example/confirm#',
      '#',
      '?token=',
      'a b c',
    ])
      expect(changeIdOf(tokenFromPaste(text)), text).toBeUndefined();
  });
});

describe('a link', () => {
  const config = (over: Partial<Config>) =>
    ({
      publicUrl: 'https://change.example',
      confirmUrl: 'https://app.example/email?tab=1',
      linkStyle: 'fragment',
      ...over,
    }) as Config;

  test('keeps its token in the fragment, which no server sees', () => {
    fc.assert(
      fc.property(anyChange, anyPurpose, (change, purpose) => {
        const url = new URL(linkUrl(config({}), change, purpose));
        expect(url.hash).toBe(`#${linkToken(change, purpose)}`);
        url.hash = '';
        expect(url.href).toBe(
          purpose === 'confirm'
            ? 'https://app.example/email?tab=1'
            : `https://change.example/${purpose}`,
        );
      }),
    );
  });

  test('has it in the query only where LINK_STYLE asks for that', () => {
    fc.assert(
      fc.property(anyChange, anyPurpose, (change, purpose) => {
        const url = new URL(linkUrl(config({ linkStyle: 'query' }), change, purpose));
        expect(url.searchParams.get('token')).toBe(linkToken(change, purpose));
        expect(url.hash).toBe('');
        expect(url.searchParams.get('tab')).toBe(purpose === 'confirm' ? '1' : null);
      }),
    );
  });
});
