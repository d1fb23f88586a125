/** Commands that look into Redis: opens it with the settings that both processes share, and canary first. */
import { afterWrite } from '../src/after-write.ts';
import { readSharedConfig, type Config } from '../src/config.ts';
import { closeDeps, openDeps, type Deps } from '../src/deps.ts';
import type { EmailChange } from '../src/domain/email-change.ts';
import { isChangeId } from '../src/links.ts';
import { createLog } from '../src/process/log.ts';
import { SealError } from '../src/seal.ts';
import { isKnown, WrongSealingKeys } from '../src/store/canary.ts';
import type { Decided, Rule } from '../src/store/changes.ts';
import { UnreadableRecord } from '../src/store/records.ts';
import { StoreUnavailable } from '../src/store/redis.ts';
import { wrongUsage, type Command, type Hand, type Shell } from './command.ts';

type WithStore = (hand: Hand & { deps: Deps }, ...args: string[]) => Promise<number>;

/** `empty`: the command has something to say also of a Redis that holds nothing of this tenant. */
export const withStore =
  (run: WithStore, empty?: (hand: Hand) => number): Command['run'] =>
  async (hand, ...args) => {
    const deps = openStore(hand.shell);
    const { redis } = deps;
    try {
      await within(5000, new Promise<void>((resolve) => redis.once('ready', () => resolve())));
      if (!(await isKnown(redis, deps.sealer, deps.changes.keys)))
        return (empty ?? unknownTenant)(hand);
      return await run({ ...hand, deps }, ...args);
    } catch (error) {
      if (error instanceof WrongSealingKeys) return hand.fail(error.message);
      if (error instanceof StoreUnavailable) return hand.fail('Redis does not answer');
      if (error instanceof UnreadableRecord || error instanceof SealError)
        return hand.fail('sealed by none of SEALING_KEYS, altered, or written by a newer version');
      throw error;
    } finally {
      await closeDeps(deps);
    }
  };

const unknownTenant = (hand: Hand): number =>
  hand.fail('Redis holds nothing of this AUTH0_DOMAIN: is it the right one, and the right Redis?');

function openStore({ env, ambient = {} }: Shell): Deps {
  const config = readSharedConfig(env);
  const log = createLog({ logLevel: 'error' }, 'cli', ambient.logTo);
  return openDeps({ ...config, ...leftToTheService(config) }, log, ambient);
}

/**
 * An operator's shell rarely has all settings of the service. What the command writes is told to
 * the webhook if the workers have one, and the length of the audit trail is the service's to cut.
 */
const leftToTheService = ({ webhookUrl, auditLength }: Config) => ({
  webhookUrl: webhookUrl ?? 'known to the workers',
  auditLength: auditLength === 0 ? 0 : MAX_AUDIT_LENGTH,
});
const MAX_AUDIT_LENGTH = 10_000_000;

/** Writes what a rule says of a change, or says why it can not. */
export async function decide(deps: Deps, id: string, rule: Rule): Promise<EmailChange | string> {
  if (!isChangeId(id)) wrongUsage('needs the id of a change');
  const decided = await deps.changes.decide(id, rule, { cause: { actor: 'operator' } });
  return decided ? written(deps, decided) : 'there is no such change';
}

/** The change as it is written now, or why nothing was. */
export function written(deps: Deps, decided: Decided): EmailChange | string {
  if (!('change' in decided)) {
    const { refusal } = decided.verdict;
    const until = 'retryAt' in refusal ? ` until ${new Date(refusal.retryAt).toISOString()}` : '';
    return `not possible: ${refusal.code}${until}`;
  }
  afterWrite(deps, decided);
  return decided.change;
}

const within = (ms: number, work: Promise<void>): Promise<void> =>
  Promise.race([
    work,
    new Promise<never>((_, reject) => {
      setTimeout(() => reject(new StoreUnavailable('late')), ms).unref();
    }),
  ]);
