/** The WWW-Authenticate answers of RFC 6750 and RFC 9470. */
import { Problem } from '../problems.ts';

type ChallengeCode =
  | 'missing-token'
  | 'invalid-token'
  | 'insufficient-scope'
  | 'insufficient-user-authentication';

/** RFC 6750 §3: no error attribute for who sent nothing, and no word on what was wrong with a token. */
export function bearerChallenge(code: ChallengeCode, parameter?: string, cause?: unknown): Problem {
  const error = code === 'missing-token' ? [] : [`error="${code.replaceAll('-', '_')}"`];
  const parts = ['realm="email-change"', ...error, ...(parameter ? [parameter] : [])];
  return new Problem(
    code,
    { headers: { 'www-authenticate': `Bearer ${parts.join(', ')}` } },
    { cause },
  );
}
