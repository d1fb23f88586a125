/** A processor does one claimed task and says what came of it; run-task.ts and end-task.ts do the rest. */
import type { EmailChange } from '../src/domain/email-change.ts';
import type { Decided, Rule, RuleAmong } from '../src/store/changes.ts';
import type { Claim } from '../src/store/outbox.ts';
import type { WorkerDeps } from './worker-deps.ts';

export type Result =
  /** Done: write what the rule says of the change as it is recorded by then. */
  | { kind: 'done'; rule: Rule; said?: string }
  | { kind: 'done-among'; rule: RuleAmong; said?: string }
  /** Not yet: again after `ms`, or after a backoff that grows with the attempts. */
  | {
      kind: 'later';
      why: string;
      said?: string | undefined;
      ms?: number | undefined;
      alarm?: boolean;
      rule?: Rule | undefined;
    }
  /** Never, as far as a worker can tell: out of the way, where an operator can replay it. */
  | { kind: 'park'; why: string }
  /** Not by this build: given back for another one, and parked when nobody can. */
  | { kind: 'unable'; why: string }
  /** The record is gone. */
  | { kind: 'vanished' }
  /** The tenant wants a pause: the task's lane waits, and this attempt does not count. */
  | { kind: 'pause'; ms: number; rule?: Rule };

export type Done = Extract<Result, { kind: 'done' | 'done-among' }>;

export type TaskRun = {
  deps: WorkerDeps;
  change: EmailChange;
  /** The task's name, `mail.confirm.2`. */
  name: string;
  claim: Claim;
  /**
   * Writes in the middle of a task, under its lease, and goes on with what is recorded.
   * @throws {StaleClaim} when the lease is lost
   */
  hold: (rule: Rule) => Promise<Decided>;
  holdAmong: (rule: RuleAmong) => Promise<Decided>;
  /** A step of this task, for tests that end the process there (`src/signals.ts`). */
  reached: (step: string) => void;
};

export type Processor = (run: TaskRun) => Promise<Result>;
