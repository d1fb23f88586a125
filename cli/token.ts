/** What is wrong with a pasted access token. It is read here and shown to nobody, nor is it printed again. */
import { createVerify } from 'node:crypto';
import { readApiConfig, type ApiConfig } from '../src/config.ts';
import {
  claimOf,
  scopesOf,
  whyStale,
  whyUnfit,
  type AccessClaims,
} from '../src/http/auth/authenticate.ts';
import { createKeyLookup } from '../src/http/auth/signing-keys.ts';
import type { Why } from '../src/http/auth/why.ts';
import { Problem } from '../src/http/problems.ts';
import { wrongUsage, type Command } from './command.ts';

/** The reasons that a pasted token can show, and what to do. */
const ADVICE: Partial<Record<Why | 'unavailable', string>> = {
  malformed:
    'this is no signed token with exp, iat, iss, sub and aud. The app probably asks Auth0 for no `audience` and gets an opaque one',
  algorithm: 'set the API in Auth0 to sign with RS256',
  issuer:
    'add this issuer to AUTH0_ISSUERS if it is a custom domain of yours; else the token is of another tenant',
  'unknown-key':
    "the tenant's JWKS has no such key: the token is of another tenant, or of a key that was revoked",
  signature: 'the signature does not fit: was the token cut or altered when it was copied?',
  unavailable: "the issuer's JWKS could not be read, so the signature was not checked",
  audience: "AUTH0_AUDIENCE and the app's `audience` have to be one text, slash included",
  expired: 'get a fresh token; if it is fresh, look at the clocks',
  'not-yet-valid': 'the token or the login is of the future: look at the clocks',
  'machine-token': "use a user's token: this one is of client credentials",
  'delegated-token': "use the user's own token: this one acts for somebody",
  sub: 'the sub is no user of a connection (auth0|…)',
  'bound-token': 'the token is bound to a key: set DPOP=allowed',
  'unbound-token': 'the token is not bound to a key: let the app use DPoP, or set DPOP=allowed',
  scope: 'let the app ask for REQUIRED_SCOPE, and let the user grant or RBAC give it',
  'claim-missing':
    'AUTH_TIME_CLAIM is missing: deploy the post-login Action of auth0/ and bind it to the login flow. Tokens of a refresh never have it',
  'claim-invalid': 'AUTH_TIME_CLAIM has to be whole epoch seconds',
  'too-old':
    'the login is older than MAX_AUTH_AGE: let the app log the user in again with that max_age',
};
const SETTING: Partial<Record<Why | 'unavailable', string>> = {
  issuer: 'AUTH0_ISSUERS',
  'unknown-key': 'AUTH0_ISSUERS',
  unavailable: 'AUTH0_ISSUERS',
  audience: 'AUTH0_AUDIENCE',
  'bound-token': 'DPOP',
  'unbound-token': 'DPOP',
  scope: 'REQUIRED_SCOPE',
  'claim-missing': 'AUTH_TIME_CLAIM',
  'claim-invalid': 'AUTH_TIME_CLAIM',
  'too-old': 'MAX_AUTH_AGE',
};

export const token: Command = {
  usage: 'token <jwt>|-',
  about: 'says what is wrong with an access token; `-` reads it from the standard input',
  takes: [1, 1],
  more: 'Names the same reasons as `why` in the log (docs/operations.md). The token is not printed.',
  async run({ shell, item, fail }, pasted = '') {
    const config = readApiConfig(shell.env);
    const text = pasted === '-' ? await (shell.read?.() ?? wrongUsage('nothing to read')) : pasted;
    const now = (shell.ambient?.now ?? Date.now)();
    const found = await problemsOf(text, config, now);
    const lines = found.map(({ why, advice }) => `${why}: ${advice}`);
    item(
      { ok: found.length === 0, problems: found },
      found.length === 0 ? 'nothing is wrong with this token' : lines.join('\n'),
    );
    return found.length === 0 ? 0 : fail('the token would be refused');
  },
};

export type TokenProblem = { why: Why | 'unavailable'; setting?: string; advice: string };

/** Everything that is wrong at once, where the service stops at the first. */
export async function problemsOf(
  pasted: string,
  config: ApiConfig,
  now: number,
): Promise<TokenProblem[]> {
  const whys = await whysOf(pasted.trim().replace(/^(?:bearer|dpop) +/i, ''), config, now);
  return whys.map((why) => {
    const setting = SETTING[why];
    return { why, ...(setting === undefined ? {} : { setting }), advice: ADVICE[why] ?? '' };
  });
}

type Problems = (Why | 'unavailable')[];

async function whysOf(text: string, config: ApiConfig, now: number): Promise<Problems> {
  const parts = text.split('.');
  const [header, claims] = parts.slice(0, 2).map(jsonOf);
  if (parts.length !== 3 || !header || !claims) return ['malformed'];
  const nowS = now / 1000;
  const unfit = whyUnfit(claims, now);
  const isBound = claims['cnf'] !== undefined;
  const found: (Why | 'unavailable' | undefined)[] = [
    header['alg'] === 'RS256' ? undefined : 'algorithm',
    await keyProblem(text, { header, claims }, config, now),
    [claims['aud']].flat().includes(config.audience) ? undefined : 'audience',
    typeof claims['exp'] === 'number' ? undefined : 'malformed',
    Number(claims['exp']) + 5 < nowS ? 'expired' : undefined,
    Number(claims['nbf'] ?? 0) > nowS + 5 ? 'not-yet-valid' : undefined,
    unfit,
    isBound && config.dpop === 'off' ? 'bound-token' : undefined,
    !isBound && config.dpop === 'required' ? 'unbound-token' : undefined,
    scopesOf(claims as AccessClaims).includes(config.requiredScope) ? undefined : 'scope',
    config.maxAuthAgeS === 0
      ? undefined
      : whyStale(
          claimOf(claims as AccessClaims, config.authTimeClaim),
          Math.floor(nowS),
          config.maxAuthAgeS,
        ),
  ];
  return [...new Set(found.filter((why) => why !== undefined))];
}

type Claims = Record<string, unknown>;

async function keyProblem(
  text: string,
  { header, claims }: { header: Claims; claims: Claims },
  config: ApiConfig,
  now: number,
): Promise<Why | 'unavailable' | undefined> {
  if (!config.issuers.includes(String(claims['iss']))) return 'issuer';
  if (header['alg'] !== 'RS256') return undefined;
  try {
    const read = { header: { ...header, alg: 'RS256' }, payload: claims };
    const pem = await createKeyLookup(config.issuers, () => now)(read);
    const [signed, signature = ''] = /^(.*)\.([^.]*)$/s.exec(text)!.slice(1);
    const isGenuine = createVerify('RSA-SHA256')
      .update(signed!)
      .verify(pem, signature, 'base64url');
    return isGenuine ? undefined : 'signature';
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error.code === 'unavailable' ? 'unavailable' : (error.extras.why ?? 'unknown-key');
  }
}

function jsonOf(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
