/**
 * Sealing: AES-256-GCM with the name of the place as associated data, so that a stolen dump reveals
 * nothing and a forged or moved record does not open. The first key seals, every key opens. How to
 * rotate without a gap: docs/security.md.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';

/** What is stored was not sealed by one of our keys for this place. */
export class SealError extends Error {
  override name = 'SealError';
}

export type Sealer = {
  /** `place` names where the text will stand; it opens nowhere else. */
  seal(text: string, place: string): string;
  /** @throws {SealError} */
  open(sealed: string, place: string): string;
  /** Whether the first key sealed it. */
  isNewest(sealed: string): boolean;
  /** A keyed fingerprint for index keys: who has only the dump can not tell whose it is. */
  fingerprint(text: string, use: string): string;
  /** The same under every key, the first key's first: where something indexed earlier may lie. */
  fingerprints(text: string, use: string): readonly string[];
};

const IV_BYTES = 12;
const TAG_BYTES = 16;

export function createSealer(keys: readonly Buffer[], random: (bytes: number) => Buffer): Sealer {
  const named = keys.map((key) => ({ key, id: keyId(key) }));
  const newest = named[0];
  if (!newest) throw new Error('no sealing key');
  const indexKeys = keys.map((key) => createHmac('sha256', key).update('readdress index').digest());
  const fingerprints = (text: string, use: string) =>
    indexKeys.map((key) =>
      createHmac('sha256', key).update(`${use}\0${text}`).digest('base64url').slice(0, 22),
    );
  return {
    seal(text, place) {
      const iv = random(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', newest.key, iv).setAAD(Buffer.from(place));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return `${newest.id}.${Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64url')}`;
    },
    open(sealed, place) {
      const [id, text = ''] = sealed.split('.');
      const key = named.find((candidate) => candidate.id === id)?.key;
      const bytes = Buffer.from(text, 'base64url');
      if (!key || bytes.length < IV_BYTES + TAG_BYTES)
        throw new SealError('sealed by no known key');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES))
        .setAAD(Buffer.from(place))
        .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      try {
        const body = bytes.subarray(IV_BYTES + TAG_BYTES);
        return decipher.update(body, undefined, 'utf8') + decipher.final('utf8');
      } catch (cause) {
        throw new SealError('altered or moved', { cause });
      }
    },
    isNewest: (sealed) => sealed.startsWith(`${newest.id}.`),
    fingerprint: (text, use) => fingerprints(text, use)[0]!,
    fingerprints,
  };
}

const keyId = (key: Buffer): string =>
  createHash('sha256').update('readdress key id').update(key).digest('base64url').slice(0, 6);
