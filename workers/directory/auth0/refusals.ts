/**
 * What Auth0's own "no" to a call means. Auth0 tells its refusals apart by words more than by codes
 * (Management API, PATCH /api/v2/users/{id}, its list of 400s), so both are looked at.
 */
import type { Reason } from '../../../src/domain/email-change.ts';
import type { TenantFault } from './faults.ts';

type Answer = TenantFault['answer'];

/** The account does not exist; a 404 about anything else is a wrong AUTH0_BASE_URL. */
const GONE = /user does not exist/i;
const isGoneAnswer = ({ status, errorCode, message = '' }: Answer): boolean =>
  status === 404 && (errorCode === 'inexistent_user' || GONE.test(message));
export const isGone = ({ kind, answer }: TenantFault): boolean =>
  kind === 'refused' && isGoneAnswer(answer);

const TAKEN = /already exists/i;
const UNSUPPORTED =
  /non-database user|connection is not supported|not supported for|cannot update email for/i;
/** Ours to mend at the tenant, and then the very same call works. */
const TENANT_AT_FAULT = /disabled connection|connection does not exist|script|timed? ?out/i;
const MALFORMED = /payload validation error|didn't pass validation/i;

/** Why this account can not have this address, or `undefined` when the account is not the cause. */
function reasonOfAnswer(answer: Answer): Reason | undefined {
  const { status, errorCode, message = '' } = answer;
  if (status === 401 || status === 403) return undefined;
  if (isGoneAnswer(answer)) return 'user-gone';
  if ((status === 400 || status === 409) && TAKEN.test(message)) return 'email-taken';
  if (status === 404 || TENANT_AT_FAULT.test(message)) return undefined;
  if (errorCode === 'operation_not_supported' || UNSUPPORTED.test(message))
    return 'unsupported-identity';
  if (errorCode === 'invalid_body' || errorCode === 'invalid_uri' || MALFORMED.test(message))
    return 'refused-by-auth0';
  return undefined;
}

/**
 * Whether a refusal is about this user and this address, and so for good. Everything else (a script
 * that is missing or fails, a disabled connection, a scope) is the tenant's fault: the change waits.
 */
export const isAboutTheUser = (answer: Answer): boolean => reasonOfAnswer(answer) !== undefined;

export const reasonOf = ({ answer }: TenantFault): Reason =>
  reasonOfAnswer(answer) ?? 'refused-by-auth0';
