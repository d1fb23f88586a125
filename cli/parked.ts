import type { Command } from './command.ts';
import { withStore } from './with-store.ts';

export const parked: Command = {
  usage: 'parked',
  about: 'tasks that were taken out of the way, and why',
  takes: [0, 0],
  run: withStore(async ({ deps, list }) => {
    list(await deps.changes.parked(), 'nothing is parked');
    return 0;
  }),
};
