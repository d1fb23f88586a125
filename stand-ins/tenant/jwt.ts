/**
 * JSON Web Tokens as Auth0 signs them, on node:crypto alone. `signJwt` also signs what Auth0 never
 * would (alg none, HS256 over the public key): the tests of a token check need such tokens.
 */
import { constants, createHmac, sign, verify, type KeyObject } from 'node:crypto';
import { isRecord } from './shapes.ts';

export type Claims = Record<string, unknown>;

export interface JwtHeader {
  alg?: string | undefined;
  kid?: string | undefined;
  typ?: string | undefined;
  [name: string]: unknown;
}

export interface DecodedJwt {
  header: JwtHeader;
  claims: Claims;
  signingInput: Buffer;
  signature: Buffer;
}

const HASHES: Record<string, string> = {
  RS256: 'sha256',
  RS384: 'sha384',
  RS512: 'sha512',
  PS256: 'sha256',
};

function encode(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function padding(alg: string) {
  return alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {};
}

function signatureOf(
  input: string,
  alg: string | undefined,
  privateKey: KeyObject,
  hmacSecret: string,
): Buffer {
  if (alg === undefined || alg.toLowerCase() === 'none') return Buffer.alloc(0);
  if (alg === 'HS256') return createHmac('sha256', hmacSecret).update(input).digest();
  const hash = HASHES[alg];
  if (hash === undefined) throw new Error(`The stand-in tenant cannot sign with ${alg}.`);
  return sign(hash, Buffer.from(input), { key: privateKey, ...padding(alg) });
}

/** Signs by the header's `alg`: RS256, RS384, RS512, PS256, `none`, or HS256 keyed with `hmacSecret`. */
export function signJwt(
  header: JwtHeader,
  claims: Claims,
  privateKey: KeyObject,
  hmacSecret = '',
): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signatureOf(input, header.alg, privateKey, hmacSecret).toString('base64url')}`;
}

function parseObject(part: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined; // Not JSON, so not a token.
  }
}

/** Reads a token without checking it; undefined when it is none. */
export function decodeJwt(token: string): DecodedJwt | undefined {
  const [head, body, signature, ...rest] = token.split('.');
  if (!head || !body || signature === undefined || rest.length > 0) return undefined;
  const header = parseObject(head);
  const claims = parseObject(body);
  if (!header || !claims) return undefined;
  return {
    header,
    claims,
    signingInput: Buffer.from(`${head}.${body}`),
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** True when `key` made the token's signature with one of `algorithms`. */
export function signatureFits(token: DecodedJwt, key: KeyObject, algorithms: string[]): boolean {
  const { alg } = token.header;
  const hash = alg !== undefined && algorithms.includes(alg) ? HASHES[alg] : undefined;
  if (alg === undefined || hash === undefined) return false;
  return verify(hash, token.signingInput, { key, ...padding(alg) }, token.signature);
}
