/** What became of a change, or of a user's changes, or of those to and from an address. */
import type { Deps } from '../src/deps.ts';
import { sameAddress } from '../src/domain/account.ts';
import { maskEmail } from '../src/domain/email-address.ts';
import { awaiting, isOver, type EmailChange } from '../src/domain/email-change.ts';
import { keepingOf, undoUntil } from '../src/domain/keep.ts';
import { isChangeId } from '../src/links.ts';
import { UnreadableRecord } from '../src/store/records.ts';
import type { Command } from './command.ts';
import { withStore } from './with-store.ts';

export const status: Command = {
  usage: 'status <change|user|address>',
  about: 'what became of a change, or of all changes of a user or to and from an address',
  takes: [1, 1],
  more: 'Addresses are masked. A user is the `sub` of their tokens (auth0|…).',
  run: withStore(async ({ deps, item, list, fail }, which = '') => {
    const parked = new Map((await deps.changes.parked()).map(({ task, why }) => [task, why]));
    const tellOf = (change: EmailChange) => told(change, parked, deps.now());
    if (isChangeId(which)) {
      const found = await deps.changes.findChange(which);
      if (!found) return fail('there is no such change');
      item(tellOf(found.value));
      return 0;
    }
    const isMeant = which.includes('@') && !which.includes('|') ? isAbout(which) : isOf(which);
    const { changes, unreadable } = await changesThat(deps, isMeant);
    list(changes.map(tellOf), 'there is no change of this user, or to or from this address');
    return unreadable === 0 ? 0 : fail(`${unreadable} changes could not be read`);
  }),
};

const isAbout = (address: string) => (change: EmailChange) =>
  sameAddress(change.email, address) || sameAddress(change.account?.email, address);
const isOf = (sub: string) => (change: EmailChange) => change.sub === sub;

/** All changes that are meant, oldest first. Reads every record: addresses are no keys. */
export async function changesThat(
  deps: Deps,
  isMeant: (change: EmailChange) => boolean,
): Promise<{ changes: EmailChange[]; unreadable: number }> {
  const changes: EmailChange[] = [];
  let unreadable = 0;
  for await (const id of deps.changes.ids())
    try {
      const found = await deps.changes.findChange(id);
      if (found && isMeant(found.value)) changes.push(found.value);
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      unreadable += 1;
    }
  return { changes: changes.toSorted((a, b) => a.requestedAt - b.requestedAt), unreadable };
}

const iso = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();

/** What an operator may see; `undefined` is left out by JSON. */
function told(change: EmailChange, parked: ReadonlyMap<string, string | undefined>, now: number) {
  const isExpired = change.status === 'pending' && isOver(change, now);
  const due = [...parked].filter(([task]) => task.startsWith(`${change.id}:`));
  return {
    id: change.id,
    user: change.sub,
    status: isExpired ? 'expired' : change.status,
    reason: change.reason ?? change.undo?.refused,
    email: maskEmail(change.email),
    currentEmail: change.account?.email === undefined ? undefined : maskEmail(change.account.email),
    requestedAt: iso(change.requestedAt),
    expiresAt: change.status === 'pending' ? iso(change.expiresAt) : undefined,
    awaiting: change.status === 'pending' && !isExpired ? awaiting(change) : undefined,
    confirmedAt: iso(change.confirmedAt),
    committedAt: iso(change.committedAt),
    closedAt: iso(change.closedAt),
    undoUntil: change.status === 'committed' ? iso(undoUntil(change)) : undefined,
    keep: keepingOf(change, now),
    canceledBy: change.canceledBy,
    currentMailbox: change.unreachableAt === undefined ? undefined : 'unreachable',
    inDoubt: change.writing,
    mails: change.mails,
    parked: due.length === 0 ? undefined : due.map(([task, why]) => ({ task, why })),
  };
}
