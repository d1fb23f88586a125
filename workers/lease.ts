/**
 * What has to fit into the lease of a task (TASK_LEASE, 25 s unless a test is in a hurry), as shares
 * of it. A worker that died is replaced when its lease ends; every step of a task fits well within.
 */
import type { WorkerConfig } from '../src/config.ts';

export const sharesOf = ({ taskLeaseMs }: Pick<WorkerConfig, 'taskLeaseMs'>) => ({
  /** One call of the tenant, from the first byte out to the last byte in: 5 s. */
  callMs: taskLeaseMs * 0.2,
  /** The PATCH, behind which a custom database's script may work: 10 s. What takes longer is in doubt. */
  patchMs: taskLeaseMs * 0.4,
  /** Between the end of the last call and the end of the lease: 2 s. */
  marginMs: taskLeaseMs * 0.08,
  /** One attempt at a mail: 20 s. */
  mailMs: taskLeaseMs * 0.8,
});
