/** After a write: one log line per transition, and the alarm for what became due. */
import type { Deps } from './deps.ts';
import type { Decided } from './store/changes.ts';

export function announce(deps: Deps, decided: Decided, requestId?: string): void {
  const { verdict } = decided;
  if (verdict.kind !== 'write') return;
  const before = 'before' in decided ? decided.before : undefined;
  for (const change of verdict.changes) {
    if (change.id === before?.id && change.status === before.status) continue;
    const reason = change.reason ? { reason: change.reason } : {};
    deps.log.info({
      event: `email_change.${change.status}`,
      change: change.id,
      requestId,
      ...reason,
    });
  }
  const due = verdict.tasks.filter((task) => task.at <= deps.now());
  if (due.length > 0) deps.alarm.wake(due, requestId);
}
