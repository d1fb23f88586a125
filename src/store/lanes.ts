/**
 * Lanes: the kinds of work that must not wait for one another. Each lane has its own line among the
 * due tasks and its own hands in every worker.
 */
export const LANES = ['write', 'tenant', 'mail', 'event', 'upkeep'] as const;
export type Lane = (typeof LANES)[number];

/** By a task's name up to its first dot. Whatever is not named here is upkeep. */
export const LANE_OF: Readonly<Record<string, Lane>> = {
  // Commits and undos go before everything else that calls the tenant.
  commit: 'write',
  undo: 'write',
  invite: 'tenant',
  verify: 'tenant',
  password: 'tenant',
  revoke: 'tenant',
  mail: 'mail',
  event: 'event',
};

export function laneOf(task: string): Lane {
  const kind = task.split('.', 1)[0]!;
  return Object.hasOwn(LANE_OF, kind) ? LANE_OF[kind]! : 'upkeep';
}

/** Every kind of task that this build knows. */
export const KINDS: readonly string[] = [...Object.keys(LANE_OF), 'keep', 'expire'];

/** For measures: one of a closed set, whatever somebody put among the due tasks. */
export function kindOfMember(member: string): string {
  const kind = /^[^:]+:([^:.]+)/.exec(member)?.[1] ?? '';
  return KINDS.includes(kind) ? kind : 'unknown';
}
