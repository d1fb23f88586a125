import { wrongUsage, type Command } from './command.ts';
import { withStore } from './with-store.ts';

export const audit: Command = {
  usage: 'audit [count]',
  about: 'the newest lines of the audit trail, oldest first (default 100)',
  takes: [0, 1],
  async run(hand, count = '100') {
    if (!/^[1-9]\d{0,6}$/.test(count)) wrongUsage('audit takes a number of lines');
    return withStore(async ({ deps, list, fail }) => {
      const { entries, unreadable } = await deps.changes.readAudit(Number(count));
      list(
        entries.map(({ at, ...entry }) => ({ at: new Date(at).toISOString(), ...entry })),
        'the audit trail is empty',
      );
      return unreadable === 0
        ? 0
        : fail(`${unreadable} ${unreadable === 1 ? 'line' : 'lines'} could not be read`);
    })(hand);
  },
};
