/** The help desk: the one exception to "no machine tokens". A user's token is refused here, whatever its scopes. */
import type { FastifyRequest } from 'fastify';
import type { ApiConfig } from '../../config.ts';
import type { Deps } from '../../deps.ts';
import { MAX_TOKEN_CHARS, scopesOf, tokenIn, verified, whyUnfit } from './authenticate.ts';
import { createChallenge, schemeOf } from './challenge.ts';

/** @throws {Problem} missing-token, invalid-token, insufficient-scope, unavailable */
export const authenticateSupport = ({ config, now }: Deps<ApiConfig>, scope: string) => {
  const challenge = createChallenge(config.dpop);
  return async (request: FastifyRequest): Promise<void> => {
    const header = request.headers.authorization;
    if (header === undefined) throw challenge(request, 'missing-token', 'no-token');
    if (schemeOf(request) !== 'Bearer') throw challenge(request, 'invalid-token', 'scheme');
    if (header.length > MAX_TOKEN_CHARS || tokenIn(header) === undefined)
      throw challenge(request, 'invalid-token', 'malformed');
    const claims = await verified(request, challenge);
    const unfit = whyUnfit(claims, now());
    if (unfit !== 'machine-token') throw challenge(request, 'invalid-token', unfit ?? 'user-token');
    // Bound to a key, and sent without it.
    if (claims.cnf !== undefined) throw challenge(request, 'invalid-token', 'bound-token');
    if (!scopesOf(claims).includes(scope))
      throw challenge(request, 'insufficient-scope', 'scope', { parameter: `scope="${scope}"` });
  };
};
