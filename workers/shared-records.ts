/**
 * Tasks of one change that are at work side by side, as its two mails are, share what is known of its record and
 * write in turn. Otherwise each write would make the other's first try void, and cost a reading and a second one.
 */
import type { EmailChange } from '../src/domain/email-change.ts';
import type { Found } from '../src/store/records.ts';

export type SharedRecord = {
  /** The newest version that anybody here has read or written. */
  newest(): Found<EmailChange>;
  /** Says what was written. An older version than the newest, or another change, is no news. */
  learn(found: Found<EmailChange>): void;
  /** Begins when the writes before it have ended, however they ended. */
  inTurn<T>(write: () => Promise<T>): Promise<T>;
  /** This task is over; the record is forgotten with the last one. */
  leave(): void;
};

export type SharedRecords = { join(found: Found<EmailChange>): SharedRecord };

export function createSharedRecords(): SharedRecords {
  const open = new Map<
    string,
    { found: Found<EmailChange>; last: Promise<unknown>; tasks: number }
  >();
  return {
    join(found) {
      const { id } = found.value;
      const shared = open.get(id) ?? { found, last: Promise.resolve(), tasks: 0 };
      open.set(id, shared);
      shared.tasks += 1;
      const learn = (news: Found<EmailChange>) => {
        if (news.value.id === id && news.version > shared.found.version) shared.found = news;
      };
      learn(found);
      return {
        newest: () => shared.found,
        learn,
        inTurn(write) {
          const turn = shared.last.then(write);
          shared.last = turn.catch(() => undefined);
          return turn;
        },
        leave() {
          shared.tasks -= 1;
          if (shared.tasks === 0) open.delete(id);
        },
      };
    },
  };
}
