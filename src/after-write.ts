/** After a write: one log line per transition and refused undo, and the bell for what became due. */
import type { Deps } from './deps.ts';
import { countTransitions } from './process/metrics.ts';
import type { Decided } from './store/changes.ts';

export function afterWrite(deps: Deps, decided: Decided, requestId?: string): void {
  if (!('change' in decided)) return;
  countTransitions(deps.metrics, decided.transitions);
  for (const { change } of decided.transitions) {
    const reason = change.reason ? { reason: change.reason } : {};
    deps.log.info({
      event: `email_change.${change.status}`,
      change: change.id,
      requestId,
      ...reason,
    });
  }
  for (const { change, act } of decided.acts) {
    if (act !== 'undo-refused') continue;
    const reason = change.undo?.refused;
    deps.log.info({ event: 'email_change.undo_refused', change: change.id, requestId, reason });
  }
  const due = decided.tasks.filter((task) => task.at <= deps.now());
  if (due.length > 0) deps.wakeUps.ring(due, requestId);
}
