/** After an older Redis file was put back (docs/operations.md). */
import { afterWrite } from '../src/after-write.ts';
import type { Deps } from '../src/deps.ts';
import {
  cancel,
  isOpen,
  recorded,
  type EmailChange,
  type Verdict,
} from '../src/domain/email-change.ts';
import { UnreadableRecord } from '../src/store/records.ts';
import { wrongUsage, type Command } from './command.ts';
import { withStore } from './with-store.ts';

export const restored: Command = {
  usage: 'restored [time]',
  about: 'after an older Redis file was put back: withdraws what was open before',
  takes: [0, 1],
  options: { yes: { type: 'boolean' }, 'dry-run': { type: 'boolean' } },
  more: '--dry-run only says what it would do; --yes asks nothing.',
  async run(hand, time) {
    const moment = time === undefined ? Infinity : Date.parse(time);
    if (Number.isNaN(moment)) wrongUsage('restored takes a time like 2026-11-25T20:00:00Z');
    return withStore(async ({ deps, item, tell, agrees, fail, flags }) => {
      const before = Math.min(moment, deps.now());
      const open = await countOpen(deps, before);
      tell(
        `Every change that was asked for before ${new Date(before).toISOString()} and is open is withdrawn, and its people are told: ${open} now. What is being written is left to the tenant to say.`,
      );
      if (flags['dry-run'] === true) return 0;
      if (!(await agrees('Withdraw them?', true))) return fail('nothing was changed');
      await deps.pulse.noteLost(before);
      const count = { closed: 0, leftToTheTenant: 0, unreadable: 0 };
      for await (const id of deps.changes.ids()) {
        const fate = await closeOpen(deps, id, before);
        if (fate) count[fate] += 1;
      }
      item(count);
      return count.unreadable === 0 ? 0 : fail('some changes could not be read');
    })(hand);
  },
};

async function countOpen(deps: Deps, before: number): Promise<number> {
  let open = 0;
  for await (const id of deps.changes.ids()) {
    const change = await deps.changes.findChange(id).catch(ignoreUnreadable);
    if (change && isOpen(change.value) && change.value.requestedAt < before) open += 1;
  }
  return open;
}

const ignoreUnreadable = (error: unknown): undefined => {
  if (!(error instanceof UnreadableRecord)) throw error;
  return undefined;
};

/** Withdraws a change that was open before Redis was put back, since it may have ended meanwhile. */
async function closeOpen(
  deps: Deps,
  id: string,
  before: number,
): Promise<'closed' | 'leftToTheTenant' | 'unreadable' | undefined> {
  try {
    const decided = await deps.changes.decide(
      id,
      (change) => (change.requestedAt < before ? cancelOpen(change, deps.now()) : recorded(change)),
      { cause: { actor: 'operator' } },
    );
    // A PATCH may be on its way: only the tenant can say what became of it, and the workers will ask.
    if (decided?.verdict.kind === 'refused') return 'leftToTheTenant';
    if (!decided || decided.verdict.kind === 'recorded') return undefined;
    afterWrite(deps, decided);
    return 'closed';
  } catch (error) {
    if (error instanceof UnreadableRecord) return 'unreadable';
    throw error;
  }
}

const cancelOpen = (change: EmailChange, now: number): Verdict =>
  isOpen(change) ? cancel(change, 'operator', now) : recorded(change);
