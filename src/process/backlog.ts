/** What waits in Redis, of all tenants of a process together. */
import type { Deps } from '../deps.ts';

type Backlog = Pick<Deps['changes'], 'backlog'>;

export const backlogOf = (all: readonly { changes: Backlog }[]): Backlog => ({
  async backlog(now) {
    const found = await Promise.all(all.map(({ changes }) => changes.backlog(now)));
    return {
      overdue: found.reduce((sum, { overdue }) => sum + overdue, 0),
      oldestMs: Math.max(...found.map(({ oldestMs }) => oldestMs)),
      parked: found.reduce((sum, { parked }) => sum + parked, 0),
    };
  },
});
