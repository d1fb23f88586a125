/**
 * The tenant's signing keys, by get-jwks with what it lacks: a time limit, a bound on look-ups for
 * unknown key ids (200 invented ids made 200 requests without it), and issuers that
 * come from the settings alone. get-jwks takes one key out of a JWKS and forgets the others, so that
 * invented ids would use up any bound and keep a genuine new key out; therefore ids are checked
 * against the list of all ids first, which one request brings up to date for everyone.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { TokenOrHeader } from '@fastify/jwt';
import buildGetJwks from 'get-jwks';
import { inTime } from '../../in-time.ts';
import { Problem } from '../problems.ts';

/** How long a key is used before the tenant is asked whether it still stands. */
const KEY_TTL_MS = 300_000;
/** With the tenant unreachable, a key proven this recently still verifies. */
const LAST_GOOD_MS = 24 * 3_600_000;
const OUTAGE_PAUSE_MS = 10_000;
/** For a key that is not proven yet everybody waits, so the tenant is asked again soon. */
const RETRY_MS = 1000;
const LOOKUP_TIMEOUT_MS = 3000;
/** Reading the list for ids that are not on it: five times at once, then once in six seconds. */
const LIST_PAUSE_MS = 6000;
const LIST_BURST_MS = 4 * LIST_PAUSE_MS;
const KID = /^[\w-]{1,128}$/;
const JWKS_PATH = '.well-known/jwks.json';

/** @throws {Problem} invalid-token for keys that are not the issuer's, unavailable when nobody can say. */
export function createKeyLookup(issuers: readonly string[], now: () => number) {
  const byIssuer = new Map(issuers.map((issuer) => [issuer, lookupOf(issuer, now)]));
  return async (token: TokenOrHeader): Promise<string> => {
    const { header, payload } = token as { header?: Record<string, unknown>; payload?: unknown };
    const issuer = (payload as { iss?: unknown } | undefined)?.iss;
    const lookup = typeof issuer === 'string' ? byIssuer.get(issuer) : undefined;
    const kid = header?.['kid'];
    if (!lookup) throw new Problem('invalid-token', { why: 'issuer' });
    if (header?.['alg'] !== 'RS256') throw new Problem('invalid-token', { why: 'algorithm' });
    if (typeof kid !== 'string' || !KID.test(kid)) throw unknownKey();
    return lookup(kid);
  };
}

/** Without `pem`: the tenant could not be asked yet. */
type KnownKey = { pem?: string; provenAt: number; askAgainAt: number };

function lookupOf(issuer: string, now: () => number): (kid: string) => Promise<string> {
  const jwks = buildGetJwks({
    max: 20,
    issuersWhitelist: [issuer],
    jwksPath: JWKS_PATH,
    fetchOptions: { redirect: 'error' },
  });
  const isListed = createKeyList(`${issuer}${JWKS_PATH}`, now);
  const known = new Map<string, KnownKey>();
  const underWay = new Map<string, Promise<string>>();

  const ask = async (kid: string): Promise<string> => {
    // Without this get-jwks would answer from its stale cache, also for keys that were revoked.
    const cacheKey = jwks.generateCacheKey('RS256', kid, issuer);
    jwks.cache.delete(cacheKey);
    jwks.staleCache.delete(cacheKey);
    try {
      const jwk = await inTime(
        jwks.getJwk({ domain: issuer, alg: 'RS256', kid }),
        LOOKUP_TIMEOUT_MS,
      );
      const pem = pemOf(jwk);
      known.set(kid, { pem, provenAt: now(), askAgainAt: now() + KEY_TTL_MS });
      return pem;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'JWK_NOT_FOUND') {
        known.delete(kid);
        throw unknownKey();
      }
      const last = known.get(kid);
      if (!last?.pem || now() > last.provenAt + LAST_GOOD_MS) {
        known.set(kid, { provenAt: 0, askAgainAt: now() + RETRY_MS });
        throw nobodyCanSay(error);
      }
      known.set(kid, { ...last, askAgainAt: now() + OUTAGE_PAUSE_MS });
      return last.pem;
    }
  };

  const askIfListed = async (kid: string): Promise<string> => {
    if (!known.has(kid) && !(await isListed(kid))) throw unknownKey();
    return ask(kid);
  };

  return async (kid) => {
    const key = known.get(kid);
    if (key && now() < key.askAgainAt) {
      if (key.pem === undefined) throw nobodyCanSay();
      return key.pem;
    }
    const joined = underWay.get(kid);
    if (joined) return joined;
    const asked = askIfListed(kid).finally(() => underWay.delete(kid));
    underWay.set(kid, asked);
    return asked;
  };
}

/** Whether the tenant has a key of this id. @throws {Problem} unavailable */
function createKeyList(url: string, now: () => number): (kid: string) => Promise<boolean> {
  let ids: ReadonlySet<string> = new Set();
  let fault: unknown;
  let readAgainAt = 0;
  let reading: Promise<void> | undefined;

  const read = async (): Promise<void> => {
    readAgainAt = Math.max(readAgainAt, now() - LIST_BURST_MS) + LIST_PAUSE_MS;
    try {
      ids = await readKeyIds(url);
      fault = undefined;
    } catch (error) {
      fault = error;
      readAgainAt = now() + RETRY_MS;
    }
  };
  return async (kid) => {
    if (!ids.has(kid) && !reading && now() >= readAgainAt)
      reading = read().finally(() => (reading = undefined));
    await reading;
    if (ids.has(kid)) return true;
    if (fault !== undefined) throw nobodyCanSay(fault);
    return false;
  };
}

async function readKeyIds(url: string): Promise<Set<string>> {
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.timeout(LOOKUP_TIMEOUT_MS),
  });
  const { keys } = (await response.json()) as { keys?: unknown };
  if (!response.ok || !Array.isArray(keys)) throw new Error(`no JWKS, status ${response.status}`);
  return new Set((keys as ({ kid?: unknown } | null)[]).map((key) => String(key?.kid)));
}

const unknownKey = (): Problem => new Problem('invalid-token', { why: 'unknown-key' });

/** Whether this key is the tenant's can not be found out now: that is not the caller's fault. */
const nobodyCanSay = (cause?: unknown): Problem =>
  new Problem('unavailable', { headers: { 'retry-after': '5' } }, { cause });

/** A string: @fastify/jwt keeps one verifier, with its token cache, per key string. */
const pemOf = (jwk: JsonWebKey): string =>
  createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
