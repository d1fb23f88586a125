/** The stable codes of the service, and two of our own: `unreachable` and `unexpected`. */
export type ErrorCode =
  | 'invalid-request'
  | 'invalid-email'
  | 'invalid-return-url'
  | 'invalid-link'
  | 'invalid-code'
  | 'missing-token'
  | 'invalid-token'
  | 'invalid-dpop-proof'
  | 'use-dpop-nonce'
  | 'invalid-signature'
  | 'insufficient-user-authentication'
  | 'insufficient-scope'
  | 'unsupported-identity'
  | 'cross-site'
  | 'not-found'
  | 'method-not-allowed'
  | 'commit-in-progress'
  | 'already-committed'
  | 'changes-locked'
  | 'nothing-to-keep'
  | 'body-already-read'
  | 'payload-too-large'
  | 'request-timeout'
  | 'unsupported-media-type'
  | 'too-many-requests'
  | 'headers-too-large'
  | 'internal-error'
  | 'unavailable'
  | 'unreachable'
  | 'unexpected';

export type Problem = {
  code?: ErrorCode;
  detail?: string;
  errors?: { pointer: string; detail: string }[];
};

/** The service said no (`status` 400 and up), or there was no answer at all (`status` 0). */
export class EmailChangeError extends Error {
  override name = 'EmailChangeError';
  /** Switch on this. */
  declare readonly code: ErrorCode;
  declare readonly status: number;
  /** How long to wait before another try, in milliseconds, where the service says. */
  declare readonly retryAfterMs: number | undefined;
  /** What is wrong with which field, by JSON pointer. */
  declare readonly errors: readonly { pointer: string; detail: string }[];
  constructor(status: number, problem: Problem, retryAfterMs?: number, cause?: unknown) {
    const { code = 'unexpected', detail = code, errors = [] } = problem;
    super(detail, { cause });
    Object.assign(this, { code, status, retryAfterMs, errors });
  }
}

/** Worth another try: no answer, too many requests, or trouble on the other side. */
export const isPassing = (error: unknown): error is EmailChangeError =>
  error instanceof EmailChangeError &&
  (error.status === 0 || error.status === 429 || error.status >= 500);
