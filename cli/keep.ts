import { keep as kept, keepingOf } from '../src/domain/keep.ts';
import type { Command } from './command.ts';
import { decide, withStore } from './with-store.ts';

export const keep: Command = {
  usage: 'keep <id>',
  about: 'ends the undo right of a committed change, 72 hours after its mailbox was told',
  takes: [1, 1],
  run: withStore(async ({ deps, item, fail }, id = '') => {
    const change = await decide(deps, id, (latest) => kept(latest, deps.now()));
    if (typeof change === 'string') return fail(change);
    if (!change.keep) return fail('not possible: nobody may undo this change');
    item({ id, status: change.status, keep: keepingOf(change, deps.now()) });
    return 0;
  }),
};
