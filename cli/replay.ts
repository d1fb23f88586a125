import type { Command } from './command.ts';
import { withStore } from './with-store.ts';

export const replay: Command = {
  usage: 'replay <task>|all',
  about: 'puts parked tasks back among the due ones',
  takes: [1, 1],
  run: withStore(async ({ deps, list, fail }, which) => {
    const parked = (await deps.changes.parked()).map(({ task }) => task);
    const tasks = which === 'all' ? parked : parked.filter((task) => task === which);
    if (tasks.length === 0)
      return fail(which === 'all' ? 'nothing is parked' : 'there is no such parked task');
    const replayed = [];
    for (const task of tasks) replayed.push({ task, replayed: await deps.changes.replay(task) });
    list(replayed, 'nothing is parked');
    return 0;
  }),
};
