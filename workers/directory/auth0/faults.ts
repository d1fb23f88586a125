/**
 * What can go wrong between us and the tenant, sorted by what to do about it.
 * - `busy`          the budget is spent or Auth0 said 429: everybody waits, no attempt is lost
 * - `away`          it was certainly not carried out: try again
 * - `doubt`         it may have been carried out: read before anything else
 * - `refused`       Auth0 understood and said no, for good
 * - `configuration` an operator must act (credentials, scopes, a script): slow retries and an alarm
 */
export type FaultKind = 'busy' | 'away' | 'doubt' | 'refused' | 'configuration';

export class TenantFault extends Error {
  override name = 'TenantFault';
  readonly kind: FaultKind;
  readonly retryAfterMs: number | undefined;
  /** Auth0's `errorCode` and `message`, for deciding on; never logged, since it may quote addresses. */
  readonly answer: { status?: number; errorCode?: string; message?: string };
  constructor(
    kind: FaultKind,
    details: { retryAfterMs?: number; cause?: unknown } & TenantFault['answer'] = {},
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
