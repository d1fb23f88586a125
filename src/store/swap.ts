/**
 * The one write, all or nothing (lua/swap.lua): records, the user's index, the tasks and audit lines that
 * follow from them, and the end of the task that caused it.
 */
import type { Result } from 'ioredis';
import type { Clock } from '../clock.ts';
import type { EmailChange, Step } from '../domain/email-change.ts';
import { farewells } from '../domain/endings.ts';
import { keepUntil } from '../domain/retention.ts';
import { actsOf, actTasks, eventTask, transitionsOf } from '../domain/transitions.ts';
import type { Sealer } from '../seal.ts';
import { sealAudit, type Cause } from './audit.ts';
import type { Keys } from './keys.ts';
import { outboxArgs, outboxKeys, type Claim } from './outbox.ts';
import type { Pulse } from './pulse.ts';
import { recordWrite, type Found, type RecordWrite } from './records.ts';
import { answered, lua, type RedisClient } from './redis.ts';
import { userWrites, type FoundUser } from './users.ts';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    swap(keys: number, ...args: string[]): Result<'written' | 'conflict' | 'stale', Context>;
  }
}

/** What becomes of the claimed task with this write. */
export type ClaimEnd =
  | { fate: 'done' }
  | { fate: 'hold' }
  | { fate: 'later'; ms: number; uncounted?: boolean; notOurs?: boolean };

/** For a worker: the claim it writes under and what becomes of its task. */
export type How = {
  claim?: Claim & ClaimEnd;
  cause?: Cause;
  /** Asked before, and only the answer may have been lost. */
  again?: boolean;
};

/** What was read for a decision: the change it is about first, and what else it may write. */
export type Scene = { changes: readonly Found<EmailChange>[]; user?: FoundUser };

export type StoreOptions = {
  /** Whether transitions are to be told to a webhook; `undefined`: as the workers have said. */
  events: boolean | undefined;
  /** How many lines the audit trail keeps, roughly; 0 = none. */
  auditLength: number;
  clock: Clock;
  /** Remembers what was acknowledged. */
  pulse?: Pick<Pulse, 'process' | 'wrote' | 'hasReceiver'>;
  carry?: Carry | undefined;
};

/** Where there are traces: what is being done here, in the trace that a change belongs to (a new one when it has none). */
export type Carry = (trace: string | undefined) => string | undefined;

/** Tasks that follow from a step, and the mails of an end, go on in the trace of whoever writes it. */
export function carried(step: Step, carry: Carry | undefined): Step {
  const [change, ...others] = step.changes;
  if (!carry || !change || (step.tasks.length === 0 && change.closedAt === undefined)) return step;
  const trace = carry(change.trace);
  return trace === undefined ? step : { ...step, changes: [{ ...change, trace }, ...others] };
}

/**
 * Writes a step over what was read, with the tasks and audit lines that follow from it and, for
 * a worker, the fate of the task under its claim. What was not read must not exist yet.
 */
export function createSwap(
  redis: RedisClient,
  sealer: Sealer,
  keys: Keys,
  { clock, pulse, events, auditLength }: StoreOptions,
) {
  redis.defineCommand('swap', { lua: lua('outbox', 'swap') });
  return async (step: Step, scene: Scene, how: How = {}) => {
    const versionOf = (id: string) =>
      scene.changes.find((found) => found.value.id === id)?.version ?? 0;
    const writes: RecordWrite[] = step.changes.map((change) =>
      recordWrite(sealer, change.id, change, versionOf(change.id), keepUntil(change)),
    );
    const { sub } = step.changes[0] ?? {};
    const userKeys = step.user && sub !== undefined ? keys.user(sub) : [];
    if (step.user && sub !== undefined)
      writes.push(
        ...userWrites(sealer, userKeys, { ...step.user, sub }, scene.user, keepUserUntil(step)),
      );
    const before = scene.changes.map((found) => found.value);
    const transitions = transitionsOf(before, step.changes);
    const acts = actsOf(before, step.changes);
    const tasks = [
      ...step.tasks,
      ...farewells(before, step.changes),
      ...((events ?? pulse?.hasReceiver())
        ? [...transitions.map(eventTask), ...actTasks(acts)]
        : []),
    ];
    const plan = {
      now: clock.now(),
      ...(pulse ? { process: pulse.process } : {}),
      ...(how.claim ? { claim: how.claim } : {}),
      writes,
      tasks: tasks.map((task) => [task.at, `${task.change}:${task.name}`]),
      ...(step.changes.length > 0
        ? { publish: [keys.changed, step.changes.map((change) => change.id).join(' ')] }
        : {}),
      audit: auditLength > 0 ? sealAudit(sealer, keys.audit, before, step.changes, how.cause) : [],
      auditLength,
    };
    const names = [
      ...outboxKeys(keys),
      keys.audit,
      keys.pulse,
      ...step.changes.map((change) => keys.change(change.id)),
      ...userKeys,
    ];
    const result = await answered(
      redis.swap(names.length, ...names, ...outboxArgs(clock), JSON.stringify(plan)),
    );
    if (result === 'written') pulse?.wrote(plan.now);
    return { result, transitions, acts, tasks };
  };
}

/** The index outlives all it points to: the longest undo window is 30 days. */
function keepUserUntil(step: Step): number | undefined {
  const ends = step.changes.map((change) => keepUntil(change) ?? Infinity);
  const end = Math.max(...ends, step.user?.lockedUntil ?? 0) + 30 * 24 * 3_600_000;
  return end === Infinity ? undefined : end;
}
