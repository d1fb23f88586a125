/**
 * The tenant's signing keys, by get-jwks with what it lacks: a time limit, a bound on look-ups for
 * unknown key ids (200 invented ids made 200 requests without it), and issuers that
 * come from the settings alone.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { TokenOrHeader } from '@fastify/jwt';
import buildGetJwks from 'get-jwks';
import { Problem } from '../problems.ts';
import { bearerChallenge } from './bearer-challenge.ts';

/** How long a key is used before the tenant is asked whether it still stands. */
const KEY_TTL_MS = 300_000;
/** With the tenant unreachable, a key proven this recently still verifies. */
const LAST_GOOD_MS = 24 * 3_600_000;
const OUTAGE_PAUSE_MS = 10_000;
const LOOKUP_TIMEOUT_MS = 3000;
/** Look-ups for key ids never seen: invented ids must not make us hammer the tenant. */
const MAX_LOOKUPS = 5;
const LOOKUP_WINDOW_MS = 30_000;
const KID = /^[\w-]{1,128}$/;

/** @throws {Problem} invalid-token for keys that are not the issuer's, unavailable when nobody can say. */
export function createKeyLookup(issuers: readonly string[], now: () => number) {
  const byIssuer = new Map(issuers.map((issuer) => [issuer, lookupOf(issuer, now)]));
  return async (token: TokenOrHeader): Promise<string> => {
    const { header, payload } = token as { header?: Record<string, unknown>; payload?: unknown };
    const issuer = (payload as { iss?: unknown } | undefined)?.iss;
    const lookup = typeof issuer === 'string' ? byIssuer.get(issuer) : undefined;
    const kid = header?.['kid'];
    if (!lookup || header?.['alg'] !== 'RS256' || typeof kid !== 'string' || !KID.test(kid))
      throw bearerChallenge('invalid-token');
    return lookup(kid);
  };
}

type KnownKey = { pem: string; provenAt: number; askAgainAt: number };

function lookupOf(issuer: string, now: () => number): (kid: string) => Promise<string> {
  const jwks = buildGetJwks({
    max: 20,
    issuersWhitelist: [issuer],
    jwksPath: '/.well-known/jwks.json',
    fetchOptions: { redirect: 'error' },
  });
  const known = new Map<string, KnownKey>();
  const underWay = new Map<string, Promise<string>>();
  let lookups: number[] = [];

  const ask = async (kid: string): Promise<string> => {
    // Without this get-jwks would answer from its stale cache, also for keys that were revoked.
    const cacheKey = jwks.generateCacheKey('RS256', kid, issuer);
    jwks.cache.delete(cacheKey);
    jwks.staleCache.delete(cacheKey);
    try {
      const jwk = await inTime(jwks.getJwk({ domain: issuer, alg: 'RS256', kid }));
      const pem = pemOf(jwk);
      known.set(kid, { pem, provenAt: now(), askAgainAt: now() + KEY_TTL_MS });
      return pem;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'JWK_NOT_FOUND') {
        known.delete(kid);
        throw bearerChallenge('invalid-token');
      }
      const last = known.get(kid);
      // Nobody can say whether this key is the tenant's: that is not the caller's fault.
      if (!last || now() > last.provenAt + LAST_GOOD_MS)
        throw new Problem('unavailable', { headers: { 'retry-after': '5' } }, { cause: error });
      known.set(kid, { ...last, askAgainAt: now() + OUTAGE_PAUSE_MS });
      return last.pem;
    }
  };

  return async (kid) => {
    const key = known.get(kid);
    if (key && now() < key.askAgainAt) return key.pem;
    const joined = underWay.get(kid);
    if (joined) return joined;
    if (!key) {
      lookups = lookups.filter((at) => at > now() - LOOKUP_WINDOW_MS);
      if (lookups.length >= MAX_LOOKUPS) throw bearerChallenge('invalid-token');
      lookups.push(now());
    }
    const asked = ask(kid).finally(() => underWay.delete(kid));
    underWay.set(kid, asked);
    return asked;
  };
}

/** A string: @fastify/jwt keeps one verifier, with its token cache, per key string. */
const pemOf = (jwk: JsonWebKey): string =>
  createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();

async function inTime<T>(lookup: T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('jwks timeout')), LOOKUP_TIMEOUT_MS);
  });
  return Promise.race([lookup, late]).finally(() => clearTimeout(timer));
}
