/**
 * What an older build, or one with other keys, parked because it could not do it: put back among the due
 * tasks by a worker that can. What was parked for another reason waits for an operator.
 */
import { parseMailTask } from '../src/domain/mails.ts';
import { UnreadableRecord } from '../src/store/records.ts';
import { UNABLE } from './end-task.ts';
import { processorOf } from './processors.ts';
import { parseEventTask } from './send-event.ts';
import type { WorkerDeps } from './worker-deps.ts';

const AT_ONCE = 500;

export async function unpark({ changes, log }: WorkerDeps): Promise<void> {
  for (const { task, why } of await changes.parked(AT_ONCE)) {
    // Builds before 0.2 did not say why, and parked what they did not know.
    if (why !== undefined && why !== UNABLE) continue;
    const [id = '', name = ''] = task.split(':');
    if (!knows(name) || !(await canRead(changes, id))) continue;
    if (await changes.replay(task)) log.info({ event: 'task.unparked', change: id, task: name });
  }
}

const knows = (name: string): boolean => {
  if (name.startsWith('mail.')) return parseMailTask(name) !== undefined;
  if (name.startsWith('event.')) return parseEventTask(name) !== undefined;
  return processorOf(name) !== undefined;
};

async function canRead(changes: WorkerDeps['changes'], id: string): Promise<boolean> {
  try {
    return (await changes.findChange(id)) !== undefined;
  } catch (error) {
    if (error instanceof UnreadableRecord) return false;
    throw error;
  }
}
