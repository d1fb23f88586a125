/**
 * An address was written, by a commit or an undo, but the tenant did not call it verified: asks for
 * that alone, for as long as the account holds the address.
 */
import { sameAddress } from '../src/domain/account.ts';
import { recorded, write, type EmailChange } from '../src/domain/email-change.ts';
import type { Result, Processor } from './processor.ts';
import { OTHERS_WAIT_MS, toWrite, withTenant } from './with-tenant.ts';

const DONE: Result = { kind: 'done', rule: recorded };

export const verify: Processor = (run) =>
  withTenant(async () => {
    const { deps, change } = run;
    if (!change.unverified) return DONE;
    const email = change.status === 'undone' ? change.account?.email : change.email;
    const since = change.closedAt ?? deps.now();
    if (deps.now() > since + deps.config.commitDeadlineMs) return DONE;
    const user = await deps.directory.readUser(change.sub, { maxWaitMs: OTHERS_WAIT_MS });
    if (!user || user.emailVerified || !sameAddress(user.email, email)) return DONE;
    const { connection } = change.account!;
    // Under the lease as it is now: an undo may have begun since.
    const held = await run.hold(recorded);
    if (!('change' in held) || !held.change.unverified) return DONE;
    await deps.directory.verifyEmail(change.sub, connection, toWrite(run));
    return { kind: 'done', rule: (latest) => write(verified(latest)) };
  });

function verified(change: EmailChange): EmailChange {
  const { unverified: _, ...rest } = change;
  return rest;
}
