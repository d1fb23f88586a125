/** Reads the account, takes the snapshot, and sends out both mails, or says why this can not be. */
import { close, recorded, write, type Reason } from '../src/domain/email-change.ts';
import { invited, reject } from '../src/domain/commit.ts';
import type { Done, Processor } from './processor.ts';
import { OTHERS_WAIT_MS, withTenant } from './with-tenant.ts';

/** How often a flooded mailbox is looked at again, while the request is open. */
const HELD_MS = 600_000;

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
    const user = await deps.directory.readUser(change.sub, { maxWaitMs: OTHERS_WAIT_MS });
    reached('read');
    const { trustsUnverified } = deps.config;
    if (user?.email !== undefined) {
      // Nothing is asked that the current mailbox can not be warned of.
      const warnsInMs = await deps.postage.warnsInMs(user.email);
      if (warnsInMs > 0 && (user.emailVerified || trustsUnverified)) {
        deps.log.warn({ event: 'mail.held', change: change.id });
        return {
          kind: 'later',
          why: 'the current mailbox had its share',
          ms: Math.min(warnsInMs, HELD_MS),
        };
      }
      await deps.standing.count(user.emailVerified);
    }
    return {
      kind: 'done',
      rule: (latest) => invited(latest, user, deps.now(), { trustsUnverified }),
    };
  }, refused);
};
