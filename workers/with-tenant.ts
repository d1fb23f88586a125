/** What a fault of the tenant means for the task that met it, unless the task knows better. */
import { TenantFault } from './auth0/faults.ts';
import type { Outcome } from './outcome.ts';

/** An operator has to act; until then a slow knock, so that no click is lost. */
const CONFIGURATION_RETRY_MS = 60_000;
/** The default pause when Auth0 says "too many" without saying until when. */
const BUSY_MS = 500;

export async function withTenant(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TenantFault) return outcomeOfFault(error);
    throw error;
  }
}

export function outcomeOfFault(fault: TenantFault): Outcome {
  if (fault.kind === 'busy') return { kind: 'pause', ms: fault.retryAfterMs ?? BUSY_MS };
  if (fault.kind === 'configuration')
    return { kind: 'later', why: fault.message, ms: CONFIGURATION_RETRY_MS, alarm: true };
  return {
    kind: 'later',
    why: fault.message,
    ...(fault.retryAfterMs === undefined ? {} : { ms: fault.retryAfterMs }),
  };
}
