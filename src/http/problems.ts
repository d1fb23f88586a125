/**
 * How every refusal and fault looks from outside: RFC 9457 problem details with a stable `code`.
 * A code that is missing here does not compile. `expose` alone decides what leaves.
 */
import type { Why } from './auth/why.ts';
import { SealError } from '../seal.ts';
import { UnreadableRecord } from '../store/records.ts';
import { StoreUnavailable } from '../store/redis.ts';
import type { Refusal } from '../domain/email-change.ts';

type Row = { status: number; title: string; detail: string };

export const PROBLEMS = {
  'invalid-request': {
    status: 400,
    title: 'The request is malformed',
    detail: 'The body is not what this endpoint takes; `errors` points to each fault.',
  },
  'invalid-email': {
    status: 400,
    title: 'Not an address we can mail',
    detail: 'Write one plain address such as name@example.com.',
  },
  'invalid-return-url': {
    status: 400,
    title: 'The return URL is not allowed',
    detail: '`returnTo` must equal one of RETURN_URLS exactly.',
  },
  'invalid-link': {
    status: 400,
    title: 'The link is not valid',
    detail: 'It is incomplete, or was never ours.',
  },
  'invalid-code': {
    status: 400,
    title: 'The code is not valid',
    detail:
      'It is wrong, older than ten minutes, or was tried too often; a resend brings a new one.',
  },
  'missing-token': {
    status: 401,
    title: 'An access token is required',
    detail: 'Send it in the Authorization header, by a scheme that WWW-Authenticate names.',
  },
  'invalid-token': {
    status: 401,
    title: 'The access token is not valid',
    detail: 'It is malformed, expired, or not meant for this API and its users.',
  },
  'invalid-signature': {
    status: 401,
    title: 'The notice is not signed',
    detail: 'Only the provider, with the secret that is set here, may tell of bounces.',
  },
  'invalid-dpop-proof': {
    status: 401,
    title: 'The DPoP proof is not valid',
    detail: 'Send one fresh proof per request, by the key that the token is bound to (RFC 9449).',
  },
  'use-dpop-nonce': {
    status: 401,
    title: 'A DPoP nonce is required',
    detail: 'The clock here differs: repeat it with the nonce in DPoP-Nonce (RFC 9449 §9).',
  },
  'insufficient-user-authentication': {
    status: 401,
    title: 'A more recent login is required',
    detail: 'Ask the user to log in again and retry with the new token (RFC 9470).',
  },
  'insufficient-scope': {
    status: 403,
    title: 'The access token lacks a scope',
    detail: 'Ask Auth0 for a token with the scope named in WWW-Authenticate.',
  },
  'unsupported-identity': {
    status: 403,
    title: 'This login can not change its address',
    detail:
      'The address of a social or enterprise login belongs to its provider: it is changed there.',
  },
  'cross-site': {
    status: 403,
    title: 'Sent from another site',
    detail: 'Only the page behind the mailed link may send this form.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    detail: 'There is nothing here, or nothing that you may see.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    detail: 'The methods that work here are in the Allow header.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request came too slowly',
    detail: 'It has to be here whole within ten seconds.',
  },
  'commit-in-progress': {
    status: 409,
    title: 'A confirmed change is being committed',
    detail: 'It can no longer be replaced or withdrawn; wait until it is settled.',
  },
  'already-committed': {
    status: 409,
    title: 'The change is already committed',
    detail: 'The previous mailbox can still undo it with the link in its notice.',
  },
  'nothing-to-keep': {
    status: 409,
    title: 'There is no undo right to end',
    detail: 'The change is not committed, or its previous mailbox can not undo it (any more).',
  },
  'changes-locked': {
    status: 409,
    title: 'Changes are locked after an undo',
    detail: 'A change of this account was undone; a new one is possible after Retry-After.',
  },
  'body-already-read': {
    status: 400,
    title: 'The body was read before it came here',
    detail: 'A body parser of the host took it: mount Readdress before that parser, or without it.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The body is too large',
    detail: 'A few hundred bytes are enough for anything this API takes.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send application/json.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    detail: 'Wait for the seconds in Retry-After.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The request headers are too large',
    detail: 'Send fewer or smaller headers.',
  },
  'internal-error': {
    status: 500,
    title: 'Something broke here',
    detail: 'The fault is logged under the id in `instance`.',
  },
  unavailable: {
    status: 503,
    title: 'Not available right now',
    detail:
      'It is not certain what was done; repeating it after the seconds in Retry-After is safe.',
  },
} as const satisfies Record<string, Row>;

export type ProblemCode = keyof typeof PROBLEMS;

export type ProblemExtras = {
  why?: Why | undefined;
  detail?: string | undefined;
  errors?: readonly { pointer: string; detail: string }[];
  headers?: Record<string, string>;
};

/** A refusal on its way out of a door. */
export class Problem extends Error {
  override name = 'Problem';
  readonly code: ProblemCode;
  readonly extras: ProblemExtras;
  constructor(code: ProblemCode, extras: ProblemExtras = {}, options?: ErrorOptions) {
    super(code, options);
    this.code = code;
    this.extras = extras;
  }
}

/** Whole seconds until `at`, at least one. */
export const retryAfter = (at: number, now: number): string =>
  String(Math.max(1, Math.ceil((at - now) / 1000)));

export const refusalProblem = (refusal: Refusal, now: number): Problem =>
  new Problem(refusal.code, {
    headers:
      'retryAt' in refusal
        ? { 'retry-after': retryAfter(refusal.retryAt, now) }
        : refusal.code === 'commit-in-progress'
          ? { 'retry-after': '5' }
          : {},
  });

/** The problem that a thrown error becomes; whatever is not foreseen becomes `internal-error`. */
export function expose(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof StoreUnavailable)
    return new Problem('unavailable', { headers: { 'retry-after': '2' } }, { cause: error });
  if (error instanceof UnreadableRecord || error instanceof SealError)
    return new Problem('unavailable', { headers: { 'retry-after': '60' } }, { cause: error });
  return new Problem(BY_FASTIFY_CODE[fastifyCode(error)] ?? 'internal-error', {}, { cause: error });
}

const fastifyCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const BY_FASTIFY_CODE: Record<string, ProblemCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid-request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid-request',
  FST_ERR_BAD_URL: 'invalid-request',
  FST_ERR_VALIDATION: 'invalid-request',
  // A way out of the folder of /docs.
  FST_STATIC_FORBIDDEN_PATH: 'not-found',
};

/** The body that leaves (RFC 9457). `instance` is the request's id in our log. */
export function problemBody(problem: Problem, publicUrl: string, requestId: string) {
  const row = PROBLEMS[problem.code];
  return {
    type: `${publicUrl}/problems#${problem.code}`,
    title: row.title,
    status: row.status,
    detail: problem.extras.detail ?? row.detail,
    code: problem.code,
    instance: `urn:uuid:${requestId}`,
    errors: problem.extras.errors,
  };
}
