/** GET /userinfo for the plain JWTs of our API, which name it in their audience as Auth0's do. */
import { json, type Answer } from './answers.ts';
import { decodeJwt, signatureFits } from './jwt.ts';
import { profile, type ProviderDeps } from './provider.ts';
import { textOf, wordsOf } from './shapes.ts';

/** The answer to an Authorization header, or undefined when its token is none of ours. */
export function userinfo(
  { tokens, keys, users }: Pick<ProviderDeps, 'tokens' | 'keys' | 'users'>,
  authorization = '',
): Answer | undefined {
  const token = decodeJwt(authorization.replace(/^Bearer /i, ''));
  const key = keys.find(token?.header.kid);
  if (!token || !key || !signatureFits(token, key.publicKey, ['RS256'])) return undefined;
  const { aud, cnf, exp, sub, scope } = token.claims;
  const isMeant = Array.isArray(aud) && aud.includes(`${tokens.issuer}userinfo`);
  const isFresh = typeof exp === 'number' && exp > Date.now() / 1000;
  const user = users.find(textOf(sub) ?? '');
  if (!isMeant || !isFresh || !user || cnf !== undefined) return undefined;
  const { email, email_verified: verified, ...rest } = profile(user);
  const scopes = wordsOf(scope);
  return json(
    200,
    {
      sub: rest.sub,
      ...(scopes.includes('profile') ? rest : {}),
      ...(scopes.includes('email') ? { email, email_verified: verified } : {}),
    },
    { 'access-control-allow-origin': '*' },
  );
}
