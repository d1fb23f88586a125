/**
 * After an undo: a password that was set since the commit is not the owner's, and is put out of use by
 * a random one that nobody keeps. Never one that was set after the undo. In a PATCH of its own, since
 * Auth0 refuses a password together with an address.
 */
import { sameAddress } from '../src/domain/account.ts';
import { recorded } from '../src/domain/email-change.ts';
import { passwordEnded } from '../src/domain/undo.ts';
import { TenantFault } from './directory/auth0/faults.ts';
import type { Result, Processor } from './processor.ts';
import { OTHERS_WAIT_MS, toWrite, withTenant } from './with-tenant.ts';

/** The owner waits for the mail that says how it went. */
const ATTEMPTS = 4;

export const replacePassword: Processor = (run) => {
  const { deps, change, claim } = run;
  const foreign = change.password;
  const ended = (state: 'replaced' | 'failed', fault?: TenantFault): Result => {
    const level = state === 'failed' ? 'error' : 'info';
    const said = fault?.words;
    deps.log[level]({ event: `undo.password_${state}`, change: change.id, said });
    return { kind: 'done', rule: (latest) => passwordEnded(latest, state, deps.now()) };
  };
  return withTenant(async () => {
    if (foreign?.state !== 'pending') return { kind: 'done', rule: recorded };
    const wait = { maxWaitMs: OTHERS_WAIT_MS };
    try {
      const user = await deps.directory.readUser(change.sub, wait);
      if (!user || !sameAddress(user.email, change.account?.email)) return ended('failed');
      // By the owner meanwhile, or by our own attempt whose answer was lost.
      if (user.passwordResetAt > foreign.setAt) return ended('replaced');
      const { connection } = change.account!;
      const password = randomPassword(deps.random);
      await run.hold(recorded);
      await deps.directory.writePassword(change.sub, { password, connection }, toWrite(run));
      return ended('replaced');
    } catch (error) {
      if (!(error instanceof TenantFault) || error.kind === 'busy') throw error;
      const isFinal = error.kind === 'configuration' || error.kind === 'refused';
      if (isFinal || claim.attempts >= ATTEMPTS) return ended('failed', error);
      // What is in doubt may still land: by then a reading tells.
      if (error.kind !== 'doubt') throw error;
      return { kind: 'later', why: error.message, ms: deps.config.tenantPatienceMs };
    }
  });
};

/** 192 random bits in a form that Auth0's strictest policy takes: four kinds, no letter three times. */
function randomPassword(random: (bytes: number) => Buffer): string {
  for (;;) {
    const password = `aA1!${random(24).toString('base64url')}`;
    if (!/(.)\1\1/.test(password)) return password;
  }
}
