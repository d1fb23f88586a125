/** The tenant's signing keys. As at Auth0, the JWKS names the next key before it signs anything. */
import { generateKeyPair, randomBytes, type JsonWebKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** A fresh 2048 bit RSA key with a random `kid`. */
export async function createSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generate('rsa', { modulusLength: 2048 });
  return { kid: randomBytes(12).toString('base64url'), privateKey, publicKey };
}

export interface PublicJwk extends JsonWebKey {
  kid: string;
  use: 'sig';
  alg: 'RS256';
}

export interface SigningKeys {
  readonly current: SigningKey;
  readonly next: SigningKey;
  /** Rotated out and still trusted, newest first. */
  readonly previous: readonly SigningKey[];
  jwks(): { keys: PublicJwk[] };
  find(kid: unknown): SigningKey | undefined;
  rotate(): Promise<void>;
  revokeOld(): void;
}

function publicJwk({ kid, publicKey }: SigningKey): PublicJwk {
  return { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

export async function createSigningKeys(): Promise<SigningKeys> {
  let [current, next] = await Promise.all([createSigningKey(), createSigningKey()]);
  let previous: SigningKey[] = [];
  return {
    get current() {
      return current;
    },
    get next() {
      return next;
    },
    get previous() {
      return previous;
    },
    jwks: () => ({ keys: [current, next, ...previous].map(publicJwk) }),
    find: (kid) => [current, next, ...previous].find((key) => key.kid === kid),
    async rotate() {
      const fresh = await createSigningKey();
      previous = [current, ...previous];
      current = next;
      next = fresh;
    },
    revokeOld() {
      previous = [];
    },
  };
}
