/** The tenant's signing keys. As at Auth0, the JWKS names the next key before it signs anything. */
import { generateKeyPair, randomBytes, type JsonWebKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

type KeyPair = Omit<SigningKey, 'kid'>;

const generate = promisify(generateKeyPair);

function createKeyPair(): Promise<KeyPair> {
  return generate('rsa', { modulusLength: 2048 });
}

function named(pair: KeyPair): SigningKey {
  return { kid: randomBytes(12).toString('base64url'), ...pair };
}

/** A key that no tenant has: 2048 bit RSA with a random `kid`. */
export async function createSigningKey(): Promise<SigningKey> {
  return named(await createKeyPair());
}

/**
 * Making an RSA key takes longer than all else a tenant does at its start, and tests start many. So
 * the tenants of one process share key pairs, each under a `kid` of its own; no tenant has a pair twice.
 */
const sharedPairs: Promise<KeyPair>[] = [];

async function nthKey(index: number): Promise<SigningKey> {
  sharedPairs[index] ??= createKeyPair();
  return named(await sharedPairs[index]);
}

interface PublicJwk extends JsonWebKey {
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
  let [current, next] = await Promise.all([nthKey(0), nthKey(1)]);
  let count = 2;
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
      const fresh = await nthKey(count);
      count += 1;
      previous = [current, ...previous];
      current = next;
      next = fresh;
    },
    revokeOld() {
      previous = [];
    },
  };
}
