/**
 * What can go wrong between us and the tenant, sorted by what to do about it.
 * - `busy`          the budget is spent or Auth0 said 429: everybody waits, no attempt is lost
 * - `away`          it was certainly not carried out: try again
 * - `doubt`         it may have been carried out: read before anything else
 * - `refused`       Auth0 understood and said no, for good
 * - `configuration` an operator must act (credentials, scopes, a script): slow retries and an alarm
 */
export type FaultKind = 'busy' | 'away' | 'doubt' | 'refused' | 'configuration';

type TenantAnswer = {
  status?: number | undefined;
  errorCode?: string | undefined;
  message?: string | undefined;
};

export class TenantFault extends Error {
  override name = 'TenantFault';
  readonly kind: FaultKind;
  readonly retryAfterMs: number | undefined;
  /** Auth0's `errorCode` and `message`, for deciding on; never logged, since it may quote addresses. */
  readonly answer: TenantAnswer;
  constructor(
    kind: FaultKind,
    details: { retryAfterMs?: number; cause?: unknown } & TenantAnswer = {},
  ) {
    const { retryAfterMs, cause, ...answer } = details;
    super(`tenant: ${kind}${answer.status === undefined ? '' : ` (${answer.status})`}`, { cause });
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
    this.answer = answer;
  }

  /** What Auth0 said, for its operator: without addresses, user ids and tokens, not at any length. */
  get words(): string | undefined {
    const said = [this.answer.errorCode, this.answer.message].filter(Boolean).join(': ');
    const cut = said.slice(0, MAX_WORDS).replaceAll(/\p{Cc}/gu, ' ');
    return said === '' ? undefined : cut.replaceAll(/[^\s"'<>]+/g, (word) => mask(word));
  }
}
const MAX_WORDS = 300;
const mask = (word: string): string => (/[@|]|[\w-]{24}/.test(word) ? '•••' : word);

/** JSON as an object; whatever is none says nothing. */
export function objectIn(json: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(json)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;
