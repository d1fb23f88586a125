import { cancel as cancelled } from '../src/domain/email-change.ts';
import type { Command } from './command.ts';
import { decide, withStore } from './with-store.ts';

export const cancel: Command = {
  usage: 'cancel <id>',
  about: 'withdraws an open change; its links then say so',
  takes: [1, 1],
  run: withStore(async ({ deps, item, fail }, id = '') => {
    const change = await decide(deps, id, (latest) => cancelled(latest, 'operator', deps.now()));
    if (typeof change === 'string') return fail(change);
    item({ id, status: change.status, canceledBy: change.canceledBy });
    return 0;
  }),
};
