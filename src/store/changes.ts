/**
 * Decisions, written. One sealed record per email change and one small index per user; every write
 * is a compare-and-set that carries along the tasks that follow, the audit lines, and the end of the
 * task that caused it.
 */
import type {
  EmailChange,
  Recorded,
  Refused,
  Step,
  Task,
  UserChanges,
  Verdict,
} from '../domain/email-change.ts';
import type { Act, Transition } from '../domain/transitions.ts';
import type { Sealer } from '../seal.ts';
import { openAudit, type AuditEntry } from './audit.ts';
import { keysOf } from './keys.ts';
import { createOutbox, type Claim } from './outbox.ts';
import { openRecord, readRecord, type Found } from './records.ts';
import { answered, StoreUnavailable, type RedisClient } from './redis.ts';
import { createResealer, keysLike } from './reseal.ts';
import {
  carried,
  createSwap,
  type ClaimEnd,
  type How,
  type Scene,
  type StoreOptions,
} from './swap.ts';
import { findUser, type FoundUser } from './users.ts';

/** The claim was lost: the lease ran out and somebody else took the task. Nothing was written. */
export class StaleClaim extends Error {
  override name = 'StaleClaim';
}

/** A decision about one change, or about one among the user's later ones (oldest first). */
export type Rule = (change: EmailChange) => Verdict;
export type RuleAmong = (
  change: EmailChange,
  user: UserChanges,
  followers: readonly EmailChange[],
) => Verdict;

/** What a rule said and the change as it is recorded now. */
export type Decided =
  | {
      verdict: Step | Recorded;
      change: EmailChange;
      /** The same with its version: a next decision can begin with it. */
      found: Found<EmailChange>;
      transitions: readonly Transition[];
      acts: readonly Act[];
      /** The tasks that were written along. */
      tasks: readonly Task[];
    }
  | { verdict: Refused };

/** Where a decision begins: at a change's id, or at what was read of it already. */
export type Start = string | Found<EmailChange>;
const idOf = (start: Start): string => (typeof start === 'string' ? start : start.value.id);
const knownOf = (start: Start) => (typeof start === 'string' ? undefined : start);

/** What a user has going: the index, and the newest change. */
export type Going = { user: FoundUser; latest: Found<EmailChange> | undefined };
const toScene = ({ user, latest }: Going): Scene => ({ changes: latest ? [latest] : [], user });

const NOTHING: Step = { kind: 'write', changes: [], tasks: [] };
/** Lost races in a row before we give up: each lost race is somebody else's progress. */
const RACES = 50;

export type ChangeStore = ReturnType<typeof createChangeStore>;

export function createChangeStore(
  redis: RedisClient,
  sealer: Sealer,
  prefix: string,
  options: StoreOptions,
) {
  const { clock } = options;
  const keys = keysOf(prefix, sealer);
  const outbox = createOutbox(redis, keys, clock);
  const swap = createSwap(redis, sealer, keys, options);

  const findChange = (id: string): Promise<Found<EmailChange> | undefined> =>
    readRecord(redis, sealer, keys.change(id), id);

  const readUser = (sub: string): Promise<FoundUser> => findUser(redis, sealer, keys.user(sub));

  /**
   * Asks the rule of what is `known`, else of what it reads, and writes what it says. Who loses a race
   * reads again and asks again, so the answer is always about what is recorded. `undefined`: what the rule
   * is about does not exist.
   */
  const race = async <Known>(
    load: (known: Known | undefined) => Promise<Scene | undefined>,
    rule: (scene: Scene) => Verdict,
    how: How,
    known?: Known,
  ): Promise<Decided | undefined> => {
    for (let attempt = 0, start = known; attempt < RACES; attempt += 1, start = undefined) {
      const scene = await load(start);
      if (!scene) return undefined;
      const verdict = rule(scene);
      // What was known may be old. A write would find out; before any other answer the record is read.
      if (start && verdict.kind !== 'write') continue;
      if (verdict.kind === 'refused') return { verdict };
      // A request without a change before it is always written, or refused.
      const found = scene.changes[0]!;
      if (verdict.kind === 'recorded' && !how.claim)
        return { verdict, change: verdict.change, found, transitions: [], acts: [], tasks: [] };
      const step = verdict.kind === 'write' ? carried(verdict, options.carry) : NOTHING;
      const { result, ...followed } = await swap(step, scene, how);
      if (verdict.kind === 'recorded' && result === 'written')
        return { verdict, change: verdict.change, found, ...followed };
      if (result === 'conflict') continue;
      const [change] = step.changes;
      const before = scene.changes.find(({ value }) => value.id === change?.id);
      const version = (before?.version ?? 0) + 1;
      if (result === 'written' && change)
        return { verdict, change, found: { value: change, version }, ...followed };
      // The claim is gone. Before its time only our own write can have ended it, whose answer was lost; what
      // follows from it may have gone on since.
      const { claim, again } = how;
      if (!again || claim!.leftMs() <= 0) throw new StaleClaim(claim!.task);
      if (verdict.kind === 'recorded')
        return { verdict, change: verdict.change, found, ...followed };
      const there = change && (await findChange(change.id));
      const isThere =
        there && (change.status === before?.value.status || there.value.status === change.status);
      if (!isThere || there.version < version) throw new StaleClaim(claim!.task);
      return { verdict, change: there.value, found: there, ...followed };
    }
    throw new StoreUnavailable('a record did not hold still');
  };

  const readGoing = async (sub: string): Promise<Going> => {
    const user = await readUser(sub);
    const latest = user.value.latest ? await findChange(user.value.latest) : undefined;
    return { user, latest };
  };

  const findFollowers = async (
    change: EmailChange,
    user: UserChanges,
  ): Promise<Found<EmailChange>[]> => {
    const place = user.committed.indexOf(change.id);
    const later = place === -1 ? [] : user.committed.slice(place + 1);
    const latest = user.latest === undefined || user.latest === change.id ? [] : [user.latest];
    const found = await Promise.all([...new Set([...later, ...latest])].map(findChange));
    return found.filter((follower) => follower !== undefined);
  };

  return {
    keys,
    ...outbox,
    ...createResealer(redis, sealer, keys, prefix, clock),

    findChange,

    /** What a claim read along. @throws {UnreadableRecord} */
    openChange: (stored: string, id: string): Found<EmailChange> =>
      openRecord<EmailChange>(sealer, stored, id),

    readUser,

    /** Decides about one change; `undefined` when there is no such change. */
    decide: (start: Start, rule: Rule, how: How = {}): Promise<Decided | undefined> =>
      race(
        async (known) => {
          const found = known ?? (await findChange(idOf(start)));
          return found && { changes: [found] };
        },
        ({ changes: [found] }) => rule(found!.value),
        how,
        knownOf(start),
      ),

    readGoing,

    /** Decides about a user's next request, which looks at what the user has going. */
    decideRequest: async (
      sub: string,
      rule: (user: UserChanges, latest: EmailChange | undefined) => Verdict,
      how: How = {},
      known?: Going,
    ): Promise<Decided> => {
      const decided = await race(
        async (going) => toScene(going ?? (await readGoing(sub))),
        ({ changes: [latest], user }) => rule(user!.value, latest?.value),
        how,
        known,
      );
      return decided!;
    },

    /** Decides about a change among the user's later ones. */
    decideAmong: (start: Start, rule: RuleAmong, how: How = {}): Promise<Decided | undefined> =>
      race(
        async (known) => {
          const found = known ?? (await findChange(idOf(start)));
          if (!found) return undefined;
          const user = await readUser(found.value.sub);
          return { changes: [found, ...(await findFollowers(found.value, user.value))], user };
        },
        ({ changes: [found, ...followers], user }) =>
          rule(
            found!.value,
            user!.value,
            followers.map((follower) => follower.value),
          ),
        how,
        knownOf(start),
      ),

    /** The user's changes that came after this one, oldest first. */
    async readFollowers(change: EmailChange): Promise<EmailChange[]> {
      const user = await readUser(change.sub);
      return (await findFollowers(change, user.value)).map((follower) => follower.value);
    },

    /** Ends or postpones a claimed task without writing a record. */
    async release(claim: Claim & ClaimEnd): Promise<void> {
      await swap(NOTHING, { changes: [] }, { claim });
    },

    /** The ids of all changes that Redis holds, in no order. */
    async *ids(): AsyncGenerator<string> {
      const start = keys.change('');
      for await (const key of keysLike(redis, start)) yield key.slice(start.length);
    },

    /** The newest lines of the audit trail, oldest first. */
    async readAudit(count: number): Promise<{ entries: AuditEntry[]; unreadable: number }> {
      const lines = await answered(redis.xrevrange(keys.audit, '+', '-', 'COUNT', String(count)));
      return openAudit(
        sealer,
        keys.audit,
        lines.toReversed().map(([, fields]) => fields[1] ?? ''),
      );
    },
  };
}
