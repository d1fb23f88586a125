/** Reads the account, takes the snapshot, and sends out both mails, or says why this can not be. */
import { close, recorded, write, type Reason } from '../src/domain/email-change.ts';
import { invited, reject } from '../src/domain/commit.ts';
import type { Done, Processor } from './outcome.ts';
import { OTHERS_WAIT_MS, withTenant } from './with-tenant.ts';

export const invite: Processor = ({ deps, change, reached }) => {
  const refused = (reason: Reason): Done => ({
    kind: 'done',
    rule: (latest) => reject(latest, reason, deps.now()),
  });
  return withTenant(async () => {
    if (change.status !== 'pending' || change.account) return { kind: 'done', rule: recorded };
    if (deps.now() >= change.expiresAt)
      return {
        kind: 'done',
        rule: (latest) =>
          latest.status === 'pending'
            ? write(close(latest, 'expired', deps.now()))
            : recorded(latest),
      };
    const user = await deps.tenant.readUser(change.sub, { maxWaitMs: OTHERS_WAIT_MS });
    reached('read');
    if (user?.email !== undefined) await deps.standing.count(user.emailVerified);
    const { trustsUnverified } = deps.config;
    return {
      kind: 'done',
      rule: (latest) => invited(latest, user, deps.now(), { trustsUnverified }),
    };
  }, refused);
};
