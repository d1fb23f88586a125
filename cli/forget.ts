import { isOpen, undoUnderWay, type EmailChange } from '../src/domain/email-change.ts';
import { createForgetter } from '../src/store/forget.ts';
import type { Command } from './command.ts';
import { changesThat } from './status.ts';
import { withStore } from './with-store.ts';

/** What is being carried out at the tenant: without its record nobody would know how it ended. */
const mustStay = (change: EmailChange): boolean =>
  change.status === 'confirmed' || change.writing === true || undoUnderWay(change);

export const forget: Command = {
  usage: 'forget <user>',
  about: 'removes all that is kept of a user: changes, undo rights, lines of the audit trail',
  takes: [1, 1],
  options: { yes: { type: 'boolean' }, 'dry-run': { type: 'boolean' } },
  more: `<user> is the \`sub\` of their tokens (auth0|…). --dry-run only says what it would do; --yes asks nothing.
Counters of limits stay until their time is over; they are fingerprints (docs/privacy.md).`,
  run: withStore(async ({ deps, item, tell, agrees, fail, flags }, sub = '') => {
    const { changes } = await changesThat(deps, (change) => change.sub === sub);
    const open = changes.filter(isOpen).length;
    const undoable = changes.filter(({ status, undo }) => status === 'committed' && undo).length;
    tell(
      `${changes.length} changes of this user are removed, ${open} of them open (their links say that they are invalid) and ${undoable} with an undo right (it is lost), and their lines of the audit trail. This cannot be undone.`,
    );
    if (flags['dry-run'] === true) return 0;
    const stuck = changes.filter(mustStay);
    if (stuck.length > 0)
      return fail(
        `not now: ${stuck.map(({ id }) => id).join(', ')} is being carried out at the tenant`,
      );
    if (!(await agrees('Remove them?', true))) return fail('nothing was changed');
    const forgetter = createForgetter(deps.redis, deps.sealer, deps.changes.keys, deps.clock);
    let forgotten = 0;
    for (const { id } of changes) forgotten += Number(await forgetter.forgetChange(id, mustStay));
    if (forgotten === changes.length) await forgetter.forgetIndex(sub);
    item({ changes: forgotten, auditLines: await forgetter.forgetAudit(sub) });
    return forgotten === changes.length ? 0 : fail('a change began to be carried out meanwhile');
  }),
};
