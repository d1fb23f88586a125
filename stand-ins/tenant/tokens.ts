/** Access tokens as Auth0 makes them, for users and for machines, without any browser. */
import { createPublicKey } from 'node:crypto';
import { runPostLogin, type ActionName } from './actions.ts';
import { signJwt, type Claims, type JwtHeader } from './jwt.ts';
import type { SigningKey, SigningKeys } from './keys.ts';
import type { MachineClient } from './clients.ts';

export interface AccessTokenWish {
  /** The user. */
  sub: string;
  /** Space separated. Default `openid profile email` and the scopes of our API. */
  scope?: string;
  /** Default: our API, with `<issuer>userinfo` beside it when `scope` has `openid`. */
  audience?: string | string[];
  /** Laid over the token's claims; undefined takes a claim away. */
  claims?: Claims;
  /** Laid over the header; undefined takes a field away. `alg: 'none'` and `'HS256'` work. */
  header?: JwtHeader;
  /** Seconds from now, negative for the past. */
  expiresIn?: number;
  /** Epoch seconds of the login. Default: now. Shows only through the tenant's `actions`. */
  authTime?: number;
  /** Shows only through the tenant's `actions`. Default `['pwd']`. */
  amr?: string[];
  /** Default: the current key. */
  key?: SigningKey;
}

export interface TokenDeps {
  issuer: string;
  keys: SigningKeys;
  audience: string;
  scopes: string[];
  spaClientId: string;
  accessTokenTtlSeconds: number;
  managementTokenTtlSeconds: number;
  /** The login flow. */
  actions: readonly ActionName[];
}

/** Auth0 names our API alone, or in company of its userinfo endpoint once `openid` was asked. */
export function audienceClaim(issuer: string, audience: string, scope: string): string | string[] {
  return scope.split(' ').includes('openid') ? [audience, `${issuer}userinfo`] : audience;
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

export async function userAccessToken(deps: TokenDeps, wish: AccessTokenWish): Promise<string> {
  const { issuer, keys } = deps;
  const now = nowSeconds();
  const scope = wish.scope ?? ['openid profile email', ...deps.scopes].join(' ');
  const key = wish.key ?? keys.current;
  const expiresIn = wish.expiresIn ?? deps.accessTokenTtlSeconds;
  const added = await runPostLogin(deps.actions, {
    userId: wish.sub,
    clientId: deps.spaClientId,
    authTime: wish.authTime ?? now,
    amr: wish.amr ?? ['pwd'],
    scopes: scope.split(' '),
  });
  const claims: Claims = {
    ...added.claims,
    iss: issuer,
    sub: wish.sub,
    aud: wish.audience ?? audienceClaim(issuer, deps.audience, scope),
    iat: Math.min(now, now + expiresIn - 1),
    exp: now + expiresIn,
    scope,
    azp: deps.spaClientId,
    ...wish.claims,
  };
  const header = { alg: 'RS256', typ: 'JWT', kid: key.kid, ...wish.header };
  // An attacker's HS256 token is keyed with the one thing the attacker has: the public key.
  const publicPem = String(createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' }));
  return signJwt(header, claims, key.privateKey, publicPem);
}

export function machineToken(
  { issuer, keys, managementTokenTtlSeconds }: TokenDeps,
  client: MachineClient,
  audience: string,
  scope: string,
  now: number,
): { token: string; ttlS: number } {
  const key = keys.current;
  const token = signJwt(
    { alg: 'RS256', typ: 'JWT', kid: key.kid },
    {
      iss: issuer,
      sub: `${client.clientId}@clients`,
      aud: audience,
      iat: now,
      exp: now + managementTokenTtlSeconds,
      scope,
      gty: 'client-credentials',
      azp: client.clientId,
    },
    key.privateKey,
  );
  return { token, ttlS: managementTokenTtlSeconds };
}
