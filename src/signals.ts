/**
 * What happens, told on named channels (node:diagnostics_channel) for whoever listens in this process. Nobody
 * does in production; the chaos suite ends processes at the steps that are told here (docs/reliability.md).
 */
import { channel } from 'node:diagnostics_channel';

const steps = channel('readdress.step');

/** Tells that a request or a task is at this step, `commit.marked`: it may be the last thing we do. */
export function reached(point: `${string}.${string}`): void {
  if (steps.hasSubscribers) steps.publish({ point });
}
