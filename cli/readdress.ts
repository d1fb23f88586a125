/**
 * `readdress`: what an operator does by hand. Reads the settings that both processes share, talks
 * to Redis alone, and prints JSON lines.
 */
import { afterWrite } from '../src/after-write.ts';
import { ConfigError, EX_CONFIG, readSharedConfig, type Config } from '../src/config.ts';
import { closeDeps, openDeps, type Ambient, type Deps } from '../src/deps.ts';
import {
  cancel,
  isOpen,
  recorded,
  type EmailChange,
  type Verdict,
} from '../src/domain/email-change.ts';
import { keep, keepingOf } from '../src/domain/keep.ts';
import { isChangeId } from '../src/links.ts';
import { createLog } from '../src/process/log.ts';
import { SealError } from '../src/seal.ts';
import { isKnown, resealCanary, WrongSealingKeys } from '../src/store/canary.ts';
import type { Rule } from '../src/store/changes.ts';
import { UnreadableRecord } from '../src/store/records.ts';
import { StoreUnavailable } from '../src/store/redis.ts';

const USAGE = `readdress: what an operator does by hand

  readdress cancel <id>        withdraws an open change; its links then say so
  readdress keep <id>          ends the undo right of a committed change, 72 hours after its mailbox was told
  readdress audit [count]      the newest lines of the audit trail, oldest first (default 100)
  readdress parked             tasks that were taken out of the way
  readdress replay <task>|all  puts parked tasks back among the due ones
  readdress restored [time]    after an older Redis file was put back: withdraws what was open before
  readdress reseal             seals all records anew with the first of SEALING_KEYS

Reads REDIS_URL, SEALING_KEYS, AUTH0_DOMAIN and PUBLIC_URL from the environment.
`;

/** Where a command reads and writes; a test gives it a clock as well. */
export type Shell = {
  env: Record<string, string | undefined>;
  out: (text: string) => void;
  err: (text: string) => void;
  ambient?: Ambient;
};

/** What a command has at hand: `fail` says why, and is its exit code. */
type Hand = { deps: Deps; print: (value: unknown) => void; fail: (why: string) => number };

type Command = (hand: Hand, argument: string | undefined) => Promise<number>;

/** Writes what a rule says of a change, or says why it can not. */
async function decide(
  deps: Deps,
  id: string | undefined,
  rule: Rule,
): Promise<EmailChange | string> {
  if (id === undefined || !isChangeId(id)) return 'needs the id of a change';
  const decided = await deps.changes.decide(id, rule, { cause: { actor: 'operator' } });
  if (!decided) return 'there is no such change';
  if (!('change' in decided)) return `not possible: ${decided.verdict.refusal.code}`;
  afterWrite(deps, decided);
  return decided.change;
}

const COMMANDS: Record<string, Command> = {
  async cancel({ deps, print, fail }, id) {
    const change = await decide(deps, id, (latest) => cancel(latest, 'operator', deps.now()));
    if (typeof change === 'string') return fail(change);
    print({ id, status: change.status, canceledBy: change.canceledBy });
    return 0;
  },
  async keep({ deps, print, fail }, id) {
    const change = await decide(deps, id, (latest) => keep(latest, deps.now()));
    if (typeof change === 'string') return fail(change);
    if (!change.keep) return fail('not possible: nobody may undo this change');
    print({ id, status: change.status, keep: keepingOf(change, deps.now()) });
    return 0;
  },
  async audit({ deps, print, fail }, count = '100') {
    if (!/^[1-9]\d{0,6}$/.test(count)) return fail('audit takes a number of lines');
    const { entries, unreadable } = await deps.changes.readAudit(Number(count));
    for (const { at, ...entry } of entries) print({ at: new Date(at).toISOString(), ...entry });
    return unreadable === 0
      ? 0
      : fail(`${unreadable} ${unreadable === 1 ? 'line' : 'lines'} could not be read`);
  },
  async parked({ deps, print }) {
    for (const { task } of await deps.changes.parked()) print({ task });
    return 0;
  },
  async replay({ deps, print, fail }, which) {
    if (which === undefined) return fail('replay needs a task, or all');
    const parked = (await deps.changes.parked()).map(({ task }) => task);
    const tasks = which === 'all' ? parked : parked.filter((task) => task === which);
    if (tasks.length === 0) return fail('there is no such parked task');
    for (const task of tasks) print({ task, replayed: await deps.changes.replay(task) });
    return 0;
  },
  async restored({ deps, print, fail }, time) {
    const before = Math.min(time === undefined ? Infinity : Date.parse(time), deps.now());
    if (Number.isNaN(before)) return fail('restored takes a time like 2026-11-25T20:00:00Z');
    await deps.pulse.noteLost(before);
    const count = { closed: 0, leftToTheTenant: 0, unreadable: 0 };
    for await (const id of deps.changes.ids()) {
      const fate = await closeOpen(deps, id, before);
      if (fate) count[fate] += 1;
    }
    print(count);
    return count.unreadable === 0 ? 0 : fail('some changes could not be read');
  },
  async reseal({ deps, print, fail }) {
    const count = await deps.changes.resealAll(deps.now);
    await resealCanary(deps.redis, deps.sealer, deps.changes.keys);
    print(count);
    return count.unreadable === 0
      ? 0
      : fail('some records were left as they are: keep the old keys');
  },
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

/**
 * An operator's shell rarely has all settings of the service. What the command writes is told to
 * the webhook if the workers have one, and the length of the audit trail is the service's to cut.
 */
const leftToTheService = ({ webhookUrl, auditLength }: Config) => ({
  webhookUrl: webhookUrl ?? 'known to the workers',
  auditLength: auditLength === 0 ? 0 : MAX_AUDIT_LENGTH,
});
const MAX_AUDIT_LENGTH = 10_000_000;

/**
 * Runs one command and says how it ended: 0 done, 1 not possible, 64 no such command, 78 the settings
 * do not make a service (EX_CONFIG).
 */
export async function readdress(
  [name = '', argument]: readonly string[],
  { env, out, err, ambient = {} }: Shell,
): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    err(USAGE);
    return EX_USAGE;
  }
  const fail = (why: string): number => {
    err(`readdress: ${why}\n`);
    return 1;
  };
  let deps: Deps | undefined;
  try {
    const config = readSharedConfig(env);
    const log = createLog({ logLevel: 'error' }, 'cli', ambient.logTo);
    deps = openDeps({ ...config, ...leftToTheService(config) }, log, ambient);
    const { redis } = deps;
    await within(5000, new Promise<void>((resolve) => redis.once('ready', () => resolve())));
    if (!(await isKnown(redis, deps.sealer, deps.changes.keys)))
      return fail(
        'Redis holds nothing of this AUTH0_DOMAIN: is it the right one, and the right Redis?',
      );
    const print = (value: unknown) => out(`${JSON.stringify(value)}\n`);
    return await command({ deps, print, fail }, argument);
  } catch (error) {
    if (error instanceof ConfigError) {
      err(`${error.message}\n`);
      return EX_CONFIG;
    }
    if (error instanceof WrongSealingKeys) return fail(error.message);
    if (error instanceof StoreUnavailable) return fail('Redis does not answer');
    if (error instanceof UnreadableRecord || error instanceof SealError)
      return fail('sealed by none of SEALING_KEYS, altered, or written by a newer version');
    throw error;
  } finally {
    if (deps) await closeDeps(deps);
  }
}

/** sysexits.h. */
const EX_USAGE = 64;

const within = (ms: number, work: Promise<void>): Promise<void> =>
  Promise.race([
    work,
    new Promise<never>((_, reject) => {
      setTimeout(() => reject(new StoreUnavailable('late')), ms).unref();
    }),
  ]);
