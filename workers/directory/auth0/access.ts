/**
 * Whether the tenant lets us work: the credentials and the scopes of the machine client. Asked at the start of workers,
 * so that a secret that was rotated is told then, and not when the cached token has had its day.
 */
import type { WorkerConfig } from '../../../src/config.ts';
import type { Deps } from '../../../src/deps.ts';
import { TenantFault } from './faults.ts';
import type { ManagementToken } from './request-token.ts';
import { judgeScopes } from './scopes.ts';

export type Credential = 'AUTH0_PRIVATE_KEY' | 'AUTH0_CLIENT_SECRET';
export const credentialOf = ({ credential }: WorkerConfig): Credential =>
  credential.kind === 'key' ? 'AUTH0_PRIVATE_KEY' : 'AUTH0_CLIENT_SECRET';

/** Tells what an operator must mend, and stops nothing: what can be done without is done. */
export async function checkAccess(
  { config, log, signals }: Deps<WorkerConfig>,
  prove: () => Promise<ManagementToken>,
): Promise<void> {
  try {
    const { scopes } = await prove();
    signals.tell('access', { what: 'credentials', isGranted: true });
    if (!scopes) return;
    const { missing, unmet } = judgeScopes(config, scopes);
    signals.tell('access', { what: 'scopes', isGranted: missing.length === 0 });
    if (missing.length > 0)
      log.error({ event: 'access.scopes_missing', setting: 'AUTH0_CLIENT_ID', missing });
    if (unmet.length > 0)
      log.warn({ event: 'access.scopes_unmet', setting: 'REVOKE', missing: unmet });
  } catch (error) {
    // Away, or busy: whoever has a task for the tenant will tell.
    if (!(error instanceof TenantFault) || error.kind !== 'configuration') return;
    signals.tell('access', { what: 'credentials', isGranted: false });
    const { setting, advice } = blamed(error, credentialOf(config));
    const { status } = error.answer;
    log.error({ event: 'access.refused', setting, status, said: error.words, advice });
  }
}

/** Which setting Auth0's words speak of, and what to do. */
export function blamed(
  { kind, answer }: TenantFault,
  credential: Credential,
): { setting: string; advice: string } {
  const no = (setting: string, advice: string) => ({ setting, advice });
  const message = `${answer.errorCode} ${answer.message}`;
  if (kind === 'away' && answer.status === undefined)
    return no('AUTH0_DOMAIN', 'The tenant did not answer: is the way out open?');
  if (answer.status === 429)
    return no('AUTH0_CLIENT_ID', 'The quota of tokens is used up: who else asks with this client?');
  if (/service not (?:found|enabled)|audience/i.test(message))
    return no(
      'AUTH0_MANAGEMENT_AUDIENCE',
      'It is https://<the tenant’s own domain>/api/v2/, also with a custom domain: is AUTH0_DOMAIN the own one?',
    );
  if (/client-grant|not authorized to access/i.test(message))
    return no(
      'AUTH0_CLIENT_ID',
      'Authorize the client for the Auth0 Management API (docs/auth0-setup.md), or mend AUTH0_MANAGEMENT_AUDIENCE.',
    );
  if (/grant type/i.test(message))
    return no(
      'AUTH0_CLIENT_ID',
      'Use a machine-to-machine application: this one may not use client_credentials.',
    );
  if (kind === 'configuration')
    return no(
      credential,
      `Copy AUTH0_CLIENT_ID and ${credential} anew: one of them is wrong, or was rotated.`,
    );
  return no('AUTH0_DOMAIN', 'The tenant answers oddly: is it one, and is a proxy in between?');
}
