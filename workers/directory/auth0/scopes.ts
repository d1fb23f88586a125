/** What the machine client of the workers has to be granted at the Management API, and what it need not be. */
import type { WorkerConfig } from '../../../src/config.ts';

/** Without these nothing can be changed. */
const NEEDED = ['read:users', 'update:users'];
/** These end sessions after an undo, and after a commit with REVOKE; they do something on Enterprise plans only. */
const HELPFUL = ['delete:sessions', 'delete:refresh_tokens'];

export type ScopesFound = {
  missing: string[];
  /** Asked for by REVOKE, and not granted. */
  unmet: string[];
  excessive: string[];
};

export function judgeScopes(
  { revoke }: Pick<WorkerConfig, 'revoke'>,
  scopes: readonly string[],
): ScopesFound {
  const lacks = (names: string[]) => names.filter((name) => !scopes.includes(name));
  const asked = { none: [], sessions: HELPFUL.slice(0, 1), all: HELPFUL }[revoke];
  return {
    missing: lacks(NEEDED),
    unmet: lacks(asked),
    excessive: scopes.filter((name) => ![...NEEDED, ...HELPFUL].includes(name)),
  };
}
