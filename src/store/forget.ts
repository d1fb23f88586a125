/**
 * Forgets a user: their changes, their index and their lines of the audit trail. Each record goes by a compare and swap
 * like any other write, so that nothing that is being written vanishes under a worker. Tasks that are due for a change
 * that is gone end by themselves.
 */
import type { Clock } from '../clock.ts';
import type { EmailChange } from '../domain/email-change.ts';
import type { Sealer } from '../seal.ts';
import { openAudit } from './audit.ts';
import type { Keys } from './keys.ts';
import { outboxArgs, outboxKeys } from './outbox.ts';
import { readRecord, type RecordWrite } from './records.ts';
import { answered, type RedisClient } from './redis.ts';
import { findUser } from './users.ts';

const PAGE = 500;
const RACES = 50;

export function createForgetter(redis: RedisClient, sealer: Sealer, keys: Keys, clock: Clock) {
  const remove = async (names: readonly string[], versions: readonly number[]) => {
    const writes: RecordWrite[] = versions.map((version) => ({ version: String(version) }));
    const plan = JSON.stringify({ writes, tasks: [], audit: [], auditLength: 0 });
    const all = [...outboxKeys(keys), keys.audit, keys.pulse, ...names];
    return answered(redis.swap(all.length, ...all, ...outboxArgs(clock), plan));
  };

  return {
    /** Removes a change unless `mustStay` says that it is still needed. Says whether it is gone. */
    async forgetChange(id: string, mustStay: (change: EmailChange) => boolean): Promise<boolean> {
      for (let race = 0; race < RACES; race += 1) {
        const found = await readRecord<EmailChange>(redis, sealer, keys.change(id), id);
        if (!found) return true;
        if (mustStay(found.value)) return false;
        if ((await remove([keys.change(id)], [found.version])) === 'written') return true;
      }
      return false;
    },

    async forgetIndex(sub: string): Promise<void> {
      for (let race = 0; race < RACES; race += 1) {
        const { key, version } = await findUser(redis, sealer, keys.user(sub));
        if (key === undefined || (await remove([key], [version])) === 'written') return;
      }
    },

    /** Removes the user's lines from the audit trail, and says how many there were. */
    async forgetAudit(sub: string): Promise<number> {
      let count = 0;
      for (let from = '-'; ;) {
        const lines = await answered(redis.xrange(keys.audit, from, '+', 'COUNT', PAGE));
        const theirs = lines.filter(([, fields]) =>
          openAudit(sealer, keys.audit, [fields[1] ?? '']).entries.some(
            (entry) => entry.sub === sub,
          ),
        );
        if (theirs.length > 0)
          await answered(redis.xdel(keys.audit, ...theirs.map(([place]) => place)));
        count += theirs.length;
        const last = lines.at(-1);
        if (!last || lines.length < PAGE) return count;
        from = `(${last[0]}`;
      }
    },
  };
}
