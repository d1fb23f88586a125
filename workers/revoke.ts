/**
 * Ends the user's sessions after a commit (REVOKE) or an undo. Best effort: what came of it is
 * recorded, and it never fails the change. Auth0 offers it on Enterprise plans only.
 */
import { revoked } from '../src/domain/commit.ts';
import { recorded, type Revocation } from '../src/domain/email-change.ts';
import { revocationTask } from '../src/domain/transitions.ts';
import { TenantFault } from './directory/auth0/faults.ts';
import type { Result, Processor } from './processor.ts';
import { OTHERS_WAIT_MS } from './with-tenant.ts';

const ATTEMPTS = 5;

export const revoke: Processor = async ({ deps, change, name, claim }) => {
  const done = (revocation: Revocation, status?: number): Result => {
    // A failure is the operator's to know, once; the change is fine.
    const level = revocation === 'failed' ? 'warn' : 'info';
    deps.log[level]({ event: `revocation.${revocation}`, change: change.id, status });
    const told = deps.config.webhookUrl !== undefined;
    return {
      kind: 'done',
      rule: (latest) =>
        revoked(
          latest,
          revocation,
          ...(told ? [revocationTask(latest, revocation, deps.now())] : []),
        ),
    };
  };
  // Only while the record says that it is to be; an undo ends everything, and says itself what came of it.
  const end = name === 'revoke' ? 'committed' : 'undone';
  if (change.status !== end || change.revocation !== 'pending')
    return { kind: 'done', rule: recorded };
  // After an undo everything goes: whoever took the account may hold a refresh token.
  const what = name === 'revoke.undo' || deps.config.revoke === 'all' ? 'all' : 'sessions';
  try {
    await deps.directory.revoke(change.sub, what, { maxWaitMs: OTHERS_WAIT_MS });
    return done('done');
  } catch (error) {
    if (!(error instanceof TenantFault)) throw error;
    const { kind, answer, retryAfterMs } = error;
    if (kind === 'busy') return { kind: 'pause', ms: retryAfterMs ?? 500 };
    if (answer.status === 403 && answer.errorCode !== 'insufficient_scope')
      return done('unsupported');
    if (answer.status === 404 && kind !== 'doubt') return done('unsupported');
    // Not granted to us, or refused, or patience is over.
    if (kind === 'configuration' || kind === 'refused' || claim.attempts >= ATTEMPTS)
      return done('failed', answer.status);
    return { kind: 'later', why: error.message };
  }
};
