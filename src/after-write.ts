/** After a write: tells what it moved, and rings for what became due. */
import type { Deps } from './deps.ts';
import type { Decided } from './store/changes.ts';

export function afterWrite(deps: Deps, decided: Decided, requestId?: string): void {
  if (!('change' in decided)) return;
  const { signals } = deps;
  for (const { change } of decided.transitions) {
    const { id, status, reason } = change;
    signals.tell('transition', { change: id, status, reason, requestId });
  }
  for (const { change, act } of decided.acts)
    signals.tell('act', { change: change.id, act, reason: change.undo?.refused, requestId });
  const due = decided.tasks.filter((task) => task.at <= deps.now());
  if (due.length > 0) deps.wakeUps.ring(due, requestId);
}
