/** The WWW-Authenticate answers of RFC 6750, RFC 9449 and RFC 9470. */
import type { FastifyRequest } from 'fastify';
import type { ApiConfig } from '../../config.ts';
import { Problem, PROBLEMS } from '../problems.ts';
import type { Why } from './why.ts';

/** What proofs may be signed with: Auth0's SDKs use ES256, as phones' key stores do. */
export const PROOF_ALGS = ['ES256', 'PS256', 'RS256'];

export type Scheme = 'Bearer' | 'DPoP';
export const SCHEMES: Record<ApiConfig['dpop'], readonly Scheme[]> = {
  off: ['Bearer'],
  allowed: ['Bearer', 'DPoP'],
  required: ['DPoP'],
};

export type ChallengeCode =
  | 'missing-token'
  | 'invalid-token'
  | 'invalid-dpop-proof'
  | 'use-dpop-nonce'
  | 'insufficient-scope'
  | 'insufficient-user-authentication';

type More = {
  parameter?: string;
  detail?: string;
  headers?: Record<string, string>;
  cause?: unknown;
};
export type Challenge = (
  request: FastifyRequest,
  code: ChallengeCode,
  why: Why,
  more?: More,
) => Problem;

/**
 * The error stands with the scheme that was tried. A 401 names the other scheme too, where there is
 * one (RFC 9449 §7.2); a 403 would be the same with it.
 */
export const createChallenge =
  (mode: ApiConfig['dpop']): Challenge =>
  (request, code, why, { parameter, detail, headers, cause } = {}) => {
    const offered = SCHEMES[mode];
    const tried = schemeOf(request);
    const first = tried && offered.includes(tried) ? tried : offered[0]!;
    const others =
      PROBLEMS[code].status === 401 ? offered.filter((scheme) => scheme !== first) : [];
    // RFC 6750 §3: no error for who sent nothing, and no word on what was wrong with a token.
    const error = code === 'missing-token' ? [] : [`error="${code.replaceAll('-', '_')}"`];
    const challenges = [
      write(first, [...error, ...(parameter === undefined ? [] : [parameter])]),
      ...others.map((scheme) => write(scheme, [])),
    ];
    return new Problem(
      code,
      { why, detail, headers: { ...headers, 'www-authenticate': challenges.join(', ') } },
      { cause },
    );
  };

const write = (scheme: Scheme, parameters: string[]): string =>
  `${scheme} ${[
    'realm="email-change"',
    ...parameters,
    ...(scheme === 'DPoP' ? [`algs="${PROOF_ALGS.join(' ')}"`] : []),
  ].join(', ')}`;

/** The scheme that the caller tried, if it is one of the two. */
export function schemeOf({ headers }: FastifyRequest): Scheme | undefined {
  const name = headers.authorization?.split(' ', 1)[0]?.toLowerCase();
  return name === 'dpop' ? 'DPoP' : name === 'bearer' ? 'Bearer' : undefined;
}
