/**
 * Proof of possession (RFC 9449 §4.3): a token that is bound to a key counts only together with a
 * proof by that key, made just now, for this very request and this very token, and only once. The
 * JWS itself is jose's; what the proof must say is checked here.
 */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type JWTPayload } from 'jose';
import type { ApiConfig } from '../../config.ts';
import type { Deps } from '../../deps.ts';
import type { Why } from './why.ts';
import { answered } from '../../store/redis.ts';
import { PROOF_ALGS, type ChallengeCode } from './challenge.ts';

export type ProofRefusal = {
  code: Extract<ChallengeCode, 'invalid-token' | 'invalid-dpop-proof' | 'use-dpop-nonce'>;
  why: Why;
  /** What is wrong with the proof: who made it may know. */
  detail?: string;
  headers?: Record<string, string>;
};

const MAX_PROOF_CHARS = 4096;
const MAX_JTI_CHARS = 256;
const BACK_S = 60;
const AHEAD_S = 5;
const NONCE_SLOT_MS = 60_000;
/** Longer than any proof is good for: a nonce is for two slots. The rest is for clocks that differ. */
const KEEP_MS = 2 * NONCE_SLOT_MS + 10_000;
/** Node joins repeated headers by a comma, which this does not have. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Checks the proof that came with a verified token. @throws {StoreUnavailable} */
export function createProofCheck({ config, now, redis, prefix, sealer }: Deps<ApiConfig>) {
  /** Whichever process sees a proof first counts it. */
  const isFirst = async (key: string): Promise<boolean> =>
    (await answered(redis.set(`${prefix}:dpop:${key}`, '1', 'PX', KEEP_MS, 'NX'))) === 'OK';
  // Every process computes the same one, and nobody outside can.
  const nonceOf = (slot: number): string => sealer.fingerprint(String(slot), 'dpop-nonce');
  const slotNow = (): number => Math.floor(now() / NONCE_SLOT_MS);
  const isFresh = (iat: number, nonce: unknown): boolean =>
    nonce === undefined
      ? iat >= now() / 1000 - BACK_S && iat <= now() / 1000 + AHEAD_S
      : nonce === nonceOf(slotNow()) || nonce === nonceOf(slotNow() - 1);

  return async (
    request: FastifyRequest,
    token: string,
    cnf: unknown,
  ): Promise<ProofRefusal | undefined> => {
    const boundTo = keyOf(cnf);
    if (boundTo === undefined) return { code: 'invalid-token', why: 'unbound-token' };
    const proof = await readProof(request.headers['dpop'], now());
    if (!proof)
      return invalid(
        request.headers['dpop'] === undefined ? 'proof-missing' : 'proof-malformed',
        'Send one DPoP header: a proof as in RFC 9449, of at most 4096 characters.',
      );
    const { claims, thumbprint } = proof;
    if (thumbprint !== boundTo) return { code: 'invalid-token', why: 'proof-key' };
    const target = targetOf(request, config);
    if (claims['htm'] !== request.method)
      return invalid('proof-method', `Its htm is not ${request.method}.`);
    if (withoutQuery(claims['htu']) !== target)
      return invalid('proof-url', `Its htu is not ${target}.`);
    if (claims['ath'] !== sha256(token))
      return invalid('proof-token', 'Its ath is not of this access token.');
    const { iat, jti, nonce } = claims;
    if (typeof iat !== 'number') return invalid('proof-claims', 'It has no iat.');
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_CHARS)
      return invalid(
        'proof-claims',
        `Its jti is not a string of 1 to ${MAX_JTI_CHARS} characters.`,
      );
    // A clock that is wrong is no fault of its user: with a nonce ours decides (RFC 9449 §9).
    if (!isFresh(iat, nonce))
      return {
        code: 'use-dpop-nonce',
        why: 'proof-time',
        headers: { 'dpop-nonce': nonceOf(slotNow()) },
      };
    if (!(await isFirst(sha256(JSON.stringify([thumbprint, target, jti])))))
      return invalid('proof-replayed', 'Its jti was used before.');
    return undefined;
  };
}

const invalid = (why: Why, detail: string): ProofRefusal => ({
  code: 'invalid-dpop-proof',
  why,
  detail,
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

/** The thumbprint that a token is bound to. A binding beside it could not be checked. */
function keyOf(cnf: unknown): string | undefined {
  const { jkt, ...others } = Object(cnf) as { jkt?: unknown };
  return typeof jkt === 'string' && Object.keys(others).length === 0 ? jkt : undefined;
}

/** A proof whose signature is by the public key that it carries, and that key's thumbprint (RFC 7638). */
async function readProof(
  header: unknown,
  now: number,
): Promise<{ claims: JWTPayload; thumbprint: string } | undefined> {
  if (typeof header !== 'string' || header.length > MAX_PROOF_CHARS || !COMPACT_JWS.test(header))
    return undefined;
  try {
    const { payload, protectedHeader } = await jwtVerify(header, EmbeddedJWK, {
      algorithms: PROOF_ALGS,
      typ: 'dpop+jwt',
      currentDate: new Date(now),
    });
    return { claims: payload, thumbprint: await calculateJwkThumbprint(protectedHeader.jwk!) };
  } catch {
    // Whatever jose or Web Crypto rejects is the proof: nothing else goes in.
    return undefined;
  }
}

/** Where the request went as its client saw it: never by the Host header, which anyone can write. */
function targetOf({ url }: FastifyRequest, { publicUrl, basePath }: ApiConfig): string {
  const target = new URL(publicUrl);
  target.pathname = basePath + url.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0]!;
  return target.href;
}

function withoutQuery(htu: unknown): string | undefined {
  if (typeof htu !== 'string' || !URL.canParse(htu)) return undefined;
  const url = new URL(htu);
  url.search = '';
  url.hash = '';
  return url.href;
}
