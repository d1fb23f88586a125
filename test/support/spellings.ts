/** Whether a secret stands in a text, in whatever disguise. */
import { expect } from 'vitest';

/** All ways in which `secret` may stand in a text: any case, encoded for a URL or as base64 at any offset. */
export function spellings(secret: string): RegExp[] {
  const literal = (text: string, flags = '') =>
    new RegExp(text.replaceAll(/[^\w]/g, String.raw`\$&`), flags);
  const bytes = Buffer.from(secret);
  const inBase64 = [0, 1, 2].flatMap((offset) => {
    // The characters that do not depend on what stands around.
    const whole = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    const first = [0, 2, 3][offset]!;
    const core = whole.slice(first, Math.floor(((offset + bytes.length) * 8) / 6));
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });
  return [
    literal(secret, 'i'),
    literal(encodeURIComponent(secret), 'i'),
    literal(bytes.toString('hex'), 'i'),
    ...inBase64.map((text) => literal(text)),
  ];
}

/** None of these texts, by their names, holds any of these secrets. */
export function expectClean(texts: Record<string, string>, secrets: Record<string, string>): void {
  for (const [name, secret] of Object.entries(secrets)) {
    expect(secret.length, name).toBeGreaterThan(5);
    const found = spellings(secret).flatMap((spelling) =>
      Object.entries(texts)
        .filter(([, text]) => spelling.test(text))
        .map(([where, text]) => `${spelling.source} in ${where}: ${text.slice(0, 500)}`),
    );
    expect(found, name).toEqual([]);
  }
}
