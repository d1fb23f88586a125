/** The app's side of DPoP (RFC 9449), written out so that each part of a proof can be wrong on purpose. */
import {
  createHash,
  createHmac,
  generateKeyPairSync,
  randomUUID,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';

export type AppKey = { privateKey: KeyObject; jwk: JsonWebKey; jkt: string };

export function createAppKey(kind: 'P-256' | 'RSA' = 'P-256'): AppKey {
  const { privateKey, publicKey } =
    kind === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' });
  return { privateKey, jwk, jkt: thumbprint(jwk) };
}

/** RFC 7638: the required members alone, in the order of their names. */
const thumbprint = ({ crv, e, kty, n, x, y }: JsonWebKey): string =>
  sha256(JSON.stringify(kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y }));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

export type ProofWish = {
  key: AppKey;
  method: string;
  /** Where the request goes as the app sees it. */
  url: string;
  token: string;
  /** Laid over the claims; undefined takes one away. */
  claims?: Record<string, unknown>;
  /** Laid over the header; undefined takes a field away. */
  header?: Record<string, unknown>;
};

export function proofOf({ key, method, url, token, claims, header }: ProofWish): string {
  const head: Record<string, unknown> = { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk, ...header };
  const body = {
    jti: randomUUID(),
    htm: method,
    htu: url,
    iat: Math.floor(Date.now() / 1000),
    ath: sha256(token),
    ...claims,
  };
  const content = [head, body]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${content}.${signatureOf(String(head['alg']), content, key).toString('base64url')}`;
}

function signatureOf(alg: string, content: string, { privateKey, jwk }: AppKey): Buffer {
  // With what an attacker has of somebody else's key.
  if (alg === 'HS256') return createHmac('sha256', JSON.stringify(jwk)).update(content).digest();
  const data = Buffer.from(content);
  if (alg === 'PS256') return sign('sha256', data, { key: privateKey, padding: 6, saltLength: 32 });
  return sign(alg === 'RS512' ? 'sha512' : 'sha256', data, {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  });
}
