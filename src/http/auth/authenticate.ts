/**
 * Who is asking: Auth0 access tokens by @fastify/jwt and get-jwks, under guards that these two
 * leave to us: fixed issuers, no request to an address taken from a token, a time limit and a
 * cooldown on key look-ups, and 401 for every bad token (RFC 6750, RFC 8725, RFC 9449, RFC 9470).
 */
import jwt, { type TokenOrHeader } from '@fastify/jwt';
import type { App } from '../api-deps.ts';
import type { FastifyRequest } from 'fastify';
import type { ApiConfig } from '../../config.ts';
import type { Deps } from '../../deps.ts';
import type { Side } from '../../domain/email-change.ts';
import { Problem } from '../problems.ts';
import type { Why } from './why.ts';
import { createChallenge, schemeOf, SCHEMES, type Challenge } from './challenge.ts';
import { createProofCheck, type ProofRefusal } from './dpop.ts';
import { createKeyLookup } from './signing-keys.ts';

/** The claims that decide something. Everything else in a token is ignored. */
export type AccessClaims = {
  iss: string;
  sub: string;
  iat?: unknown;
  scope?: unknown;
  permissions?: unknown;
  gty?: unknown;
  act?: unknown;
  cnf?: unknown;
  [claim: string]: unknown;
};

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: AccessClaims;
    user: AccessClaims;
  }
}

export const MAX_TOKEN_CHARS = 8192;
const CREDENTIALS = /^(?:bearer|dpop) +([\w-]+\.[\w-]+\.[\w-]+)$/i;
/** `auth0|…`, `google-oauth2|…`; never `client@clients` or `anon@…`. */
const USER_SUB = /^[^@|]{1,64}\|.+$/u;
const CLOCK_TOLERANCE_MS = 5000;

export function registerAuthentication(app: App, deps: Deps<ApiConfig>): void {
  const { config } = deps;
  const findKey = createKeyLookup(config.issuers, deps.now);
  app.register(jwt, {
    decode: { complete: true },
    secret: (_request: FastifyRequest, token: TokenOrHeader) => findKey(token),
    verify: {
      algorithms: ['RS256'],
      allowedIss: [...config.issuers],
      allowedAud: config.audience,
      clockTolerance: CLOCK_TOLERANCE_MS,
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat'],
      // Theirs calls two spaces a 400.
      extractToken: ({ headers }) => tokenIn(headers.authorization),
      // The verifier and its cache are kept only while jwtVerify is called without options.
      cache: 1000,
      cacheTTL: 60_000,
    },
  });
}

/** Of an Authorization field that is no longer than a token may be. */
export const tokenIn = (header = ''): string | undefined => CREDENTIALS.exec(header)?.[1];

/**
 * @throws {Problem} missing-token, invalid-token, invalid-dpop-proof, use-dpop-nonce,
 * insufficient-scope, unavailable
 */
export const authenticate = (deps: Deps<ApiConfig>) => {
  const { config, now } = deps;
  const challenge = createChallenge(config.dpop);
  const checkProof = createProofCheck(deps);
  return async (request: FastifyRequest): Promise<void> => {
    const header = request.headers.authorization;
    if (header === undefined) throw challenge(request, 'missing-token', 'no-token');
    const token = header.length > MAX_TOKEN_CHARS ? undefined : tokenIn(header);
    const scheme = schemeOf(request);
    if (!scheme || !SCHEMES[config.dpop].includes(scheme))
      throw challenge(request, 'invalid-token', 'scheme');
    if (token === undefined) throw challenge(request, 'invalid-token', 'malformed');
    const claims = await verified(request, challenge);
    const unfit = whyUnfit(claims, now());
    if (unfit) throw challenge(request, 'invalid-token', unfit);
    // A token that is bound to a key counts for nothing without it (RFC 9449 §7.2).
    const unproven: ProofRefusal | undefined =
      scheme === 'DPoP'
        ? await checkProof(request, token, claims.cnf)
        : claims.cnf === undefined
          ? undefined
          : { code: 'invalid-token', why: 'bound-token' };
    if (unproven) throw challenge(request, unproven.code, unproven.why, unproven);
    if (!scopesOf(claims).includes(config.requiredScope))
      throw challenge(request, 'insufficient-scope', 'scope', {
        parameter: `scope="${config.requiredScope}"`,
      });
  };
};

export async function verified(
  request: FastifyRequest,
  challenge: Challenge,
): Promise<AccessClaims> {
  try {
    return await request.jwtVerify<AccessClaims>();
  } catch (error) {
    if (error instanceof Problem && error.code === 'unavailable') throw error;
    // fast-jwt and @fastify/jwt give some bad tokens a 400 or 500 of their own.
    throw challenge(request, 'invalid-token', whyRefused(error), { cause: error });
  }
}

/** Their words for what the log calls by one; they check the signature first. */
const WORDS: readonly [RegExp, Why][] = [
  [/signature/i, 'signature'],
  [/algorithm/i, 'algorithm'],
  [/expired/i, 'expired'],
  [/will be active/i, 'not-yet-valid'],
  [/\baud\b/, 'audience'],
  [/\biss\b/, 'issuer'],
  [/\bsub\b/, 'sub'],
];

const whyRefused = (error: unknown): Why =>
  error instanceof Problem && error.extras.why
    ? error.extras.why
    : (WORDS.find(([words]) => words.test(String(error)))?.[1] ?? 'malformed');

/** A future time beyond this many seconds is no evidence of anything. */
const FUTURE_S = 60;

/** What keeps a genuine token from being a person's: of a machine, an agent, or not issued yet. */
export function whyUnfit(
  { sub, gty, act, iat }: Record<string, unknown>,
  now: number,
): Why | undefined {
  if (gty === 'client-credentials') return 'machine-token';
  if (act !== undefined) return 'delegated-token';
  if (typeof sub !== 'string') return 'sub';
  if (!USER_SUB.test(sub)) return sub.endsWith('@clients') ? 'machine-token' : 'sub';
  if (typeof iat !== 'number') return 'malformed';
  return iat > now / 1000 + FUTURE_S ? 'not-yet-valid' : undefined;
}

export const scopesOf = ({ scope, permissions }: AccessClaims): unknown[] => [
  ...(typeof scope === 'string' ? scope.split(' ') : []),
  ...(Array.isArray(permissions) ? (permissions as unknown[]) : []),
];

/**
 * A stolen session must not be enough: the login itself has to be recent. Auth0 puts no auth_time
 * into access tokens, so an Action copies it to a namespaced claim (auth0/actions).
 * @throws {Problem} insufficient-user-authentication
 */
export const requireFreshLogin = (deps: Deps<ApiConfig>) => {
  const check = createLoginCheck(deps);
  return async (request: FastifyRequest): Promise<void> => check(request, Infinity);
};

/**
 * For what continues a request: a login no older than the one of the request, or a recent one. If the
 * request says nothing of its login, only a recent one is enough.
 * @throws {Problem} insufficient-user-authentication
 */
export const createSameLoginCheck = (deps: Deps<ApiConfig>) => {
  const check = createLoginCheck(deps);
  return (request: FastifyRequest, { authTime = Infinity }: { authTime?: number }): void =>
    check(request, authTime);
};

function createLoginCheck({ config, now }: Deps<ApiConfig>) {
  const { maxAuthAgeS, authTimeClaim, dpop } = config;
  const challenge = createChallenge(dpop);
  return (request: FastifyRequest, enoughS: number): void => {
    if (maxAuthAgeS === 0) return;
    const authTime = claimOf(request.user, authTimeClaim);
    const why = whyStale(authTime, Math.floor(now() / 1000), maxAuthAgeS);
    if (why === undefined || (why === 'too-old' && Number(authTime) >= enoughS)) return;
    throw challenge(request, 'insufficient-user-authentication', why, {
      parameter: `max_age="${maxAuthAgeS}"`,
    });
  };
}

export const claimOf = (claims: AccessClaims, name: string): unknown =>
  claims[name] ?? claims['auth_time'];

/** When the login was, epoch seconds, if the token says so. */
export function authTimeOf({ authTimeClaim }: ApiConfig, claims: AccessClaims) {
  const authTime = claimOf(claims, authTimeClaim);
  return Number.isSafeInteger(authTime) ? { authTime: Number(authTime) } : {};
}

/** A missing claim is a missing Action (docs/auth0-setup.md), and no new login mends it. */
export function whyStale(authTime: unknown, nowS: number, maxAgeS: number): Why | undefined {
  if (authTime === undefined || authTime === null) return 'claim-missing';
  if (!Number.isSafeInteger(authTime)) return 'claim-invalid';
  const ageS = nowS - Number(authTime);
  if (ageS < -FUTURE_S) return 'not-yet-valid';
  return ageS > maxAgeS ? 'too-old' : undefined;
}

/** What `amr` says of a login with a second factor (RFC 8176). */
const isStrong = ({ amrClaim }: ApiConfig, claims: AccessClaims): boolean => {
  const amr = claims[amrClaim] ?? claims['amr'];
  return Array.isArray(amr) && amr.includes('mfa');
};

/** How Auth0 and RFC 9470 ask for one. */
const MFA = 'http://schemas.openid.net/pape/policies/2007/06/multi-factor';

/** @throws {Problem} insufficient-user-authentication */
export const requireSecondFactor = ({ config }: Deps<ApiConfig>) => {
  const challenge = createChallenge(config.dpop);
  return async (request: FastifyRequest): Promise<void> => {
    if (isStrong(config, request.user)) return;
    throw challenge(request, 'insufficient-user-authentication', 'no-second-factor', {
      parameter: `acr_values="${MFA}"`,
      detail:
        'Ask the user to log in again with a second factor and retry with the new token (RFC 9470).',
    });
  };
};

/**
 * Whose agreement a change needs. Under `auto` OWASP's rule decides: a login with a second factor
 * needs the new mailbox, any other, and one without evidence, needs both.
 */
export function requiredSides(config: ApiConfig, claims: AccessClaims): readonly Side[] {
  const both =
    config.confirmation === 'both' || (config.confirmation === 'auto' && !isStrong(config, claims));
  return both ? ['new', 'current'] : ['new'];
}
