/**
 * What a command of `readdress` is, and how it answers: words and JSON lines for people and pipes, one JSON document
 * with `--json`. Exit codes: 0 done, 1 not possible, 64 wrong usage, 78 the settings do not make a service.
 */
import type { ParseArgsConfig } from 'node:util';
import type { Ambient } from '../src/deps.ts';

export { EX_CONFIG } from '../src/config.ts';
/** sysexits.h. */
export const EX_USAGE = 64;

/** Where a command reads and writes; a test gives it a clock as well. */
export type Shell = {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
  ambient?: Ambient;
  /** Asks a person; absent where nobody sits. */
  ask?: (question: string) => Promise<string>;
  /** What is piped in. */
  read?: () => Promise<string>;
};

export type Flags = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** What a command has at hand. */
export type Hand = {
  shell: Shell;
  flags: Flags;
  /** The one answer: JSON, or words where there are any. */
  item: (value: object, words?: string) => void;
  /** Many answers, one a line; `none` says in words that there is nothing. */
  list: (values: readonly object[], none: string) => void;
  /** Beside the answer: what is about to happen, what to do next. */
  tell: (text: string) => void;
  /** Says why it can not be, and is the exit code. */
  fail: (why: string) => number;
  /** Whether somebody says yes. Where nobody sits, `otherwise`. */
  agrees: (question: string, otherwise: boolean) => Promise<boolean>;
};

export type Command = {
  /** `cancel <id>` */
  usage: string;
  about: string;
  /** How many arguments, at least and at most. */
  takes: readonly [number, number];
  /** Not about one tenant: reads the settings as they are. */
  ofAll?: true;
  options?: ParseArgsConfig['options'];
  /** What `--help` of this command says beside. */
  more?: string;
  run: (hand: Hand, ...args: string[]) => Promise<number>;
};

/** Wrong usage that only the command itself can see. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** @throws {UsageError} */
export function wrongUsage(why: string): never {
  throw new UsageError(why);
}

export function createHand(shell: Shell, flags: Flags): Hand {
  const json = flags['json'] === true;
  const print = (value: unknown) => shell.out(`${JSON.stringify(value)}\n`);
  let answered = false;
  return {
    shell,
    flags,
    item(value, words) {
      answered = true;
      if (json || words === undefined) print(value);
      else shell.out(`${words}\n`);
    },
    list(values, none) {
      answered = true;
      if (json) print(values);
      else if (values.length === 0) shell.out(`${none}\n`);
      else for (const value of values) print(value);
    },
    tell: (text) => shell.err(`${text}\n`),
    fail(why) {
      if (json && !answered) print({ error: why });
      shell.err(`readdress: ${why}\n`);
      return 1;
    },
    async agrees(question, otherwise) {
      if (flags['yes'] === true) return true;
      if (!shell.ask) return otherwise;
      return /^y(es)?$/i.test((await shell.ask(`${question} [y/N] `)).trim());
    },
  };
}
