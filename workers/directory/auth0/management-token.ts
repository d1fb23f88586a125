/**
 * The Management API token: one per lifetime for the whole deployment, however many processes.
 * Sealed in Redis, fetched by one process at a time, renewed ahead of its expiry, and dropped by
 * generation, so that a hundred workers who saw the same 401 cause one new token.
 */
import { createHash } from 'node:crypto';
import type { WorkerConfig } from '../../../src/config.ts';
import type { Deps } from '../../../src/deps.ts';
import { SealError } from '../../../src/seal.ts';
import { answered } from '../../../src/store/redis.ts';
import { TenantFault } from './faults.ts';
import { probe, publicPart, requestToken, type ManagementToken } from './request-token.ts';
import { reached } from '../../../src/signals.ts';

const LOCK_MS = 15_000;
const POLL_MS = 50;
const PATIENCE_MS = 6000;

const DROP = `
local held = redis.call('GET', KEYS[1])
if held and redis.sha1hex(held) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`;
const UNLOCK = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1`;
/** After a failure the lock stays for a while without an owner, so that nobody asks meanwhile. */
const RESTING = 'resting';
const REST = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], '${RESTING}', 'PX', ARGV[2]) end
return 1`;
const REST_MS = 1000;
/** A token that was made within so many ms proves that its credentials are right. */
const PROOF_MS = 10_000;
/** Wrong credentials are not mended in a second. */
const CONFIGURATION_REST_MS = 5000;

export function createManagementTokens(deps: Deps<WorkerConfig>) {
  const { config, redis, prefix, sealer, now } = deps;
  const key = `${prefix}:management-token`;
  const lock = `${key}:lock`;
  /** What this process last read, and the digest of how it stands in Redis: its generation. */
  let held: { token: ManagementToken; generation: string } | undefined;
  let underWay: Promise<ManagementToken> | undefined;

  const readShared = async (): Promise<ManagementToken | undefined> => {
    const stored = await answered(redis.get(key));
    if (stored === null) return undefined;
    try {
      const token = JSON.parse(sealer.open(stored, key)) as ManagementToken;
      held = { token, generation: createHash('sha1').update(stored).digest('hex') };
      return token;
    } catch (error) {
      // Sealed with a key that has been rotated out: as good as none.
      if (error instanceof SealError) return undefined;
      throw error;
    }
  };

  const { clientId, credential, managementAudience } = config;
  const secret = credential.kind === 'key' ? publicPart(credential.key) : credential.secret;
  const by = sealer.fingerprint([clientId, secret, managementAudience].join('\n'), 'credentials');
  const isFresh = ({ renewAt }: ManagementToken): boolean => now() < renewAt;
  const isProof = ({ madeAt = 0, by: madeFor }: ManagementToken): boolean =>
    madeFor === by && now() - madeAt < PROOF_MS;

  const fetchShared = async (): Promise<ManagementToken | undefined> => {
    const owner = deps.random(9).toString('base64url');
    if ((await answered(redis.set(lock, owner, 'PX', LOCK_MS, 'NX'))) === null) {
      const restMs = await restLeft();
      if (restMs > 0) throw new TenantFault('busy', { retryAfterMs: restMs });
      return undefined;
    }
    try {
      // Whoever held the lock before us may have just stored one.
      const stored = await readShared();
      if (stored && isFresh(stored)) return stored;
      const token = { ...(await requestToken(deps)), madeAt: now(), by };
      reached('token.fetched');
      const sealed = sealer.seal(JSON.stringify(token), key);
      await answered(redis.set(key, sealed, 'PXAT', token.expiresAt));
      reached('token.stored');
      deps.log.info({ event: 'management_token.fetched', expiresAt: token.expiresAt });
      return await readShared();
    } catch (error) {
      if (error instanceof TenantFault) {
        const { answer, words: said, retryAfterMs } = error;
        const { status } = answer;
        deps.log.warn({ event: 'management_token.failed', status, said, retryAfterMs });
      }
      const restMs = error instanceof TenantFault ? restAfter(error) : REST_MS;
      await answered(redis.eval(REST, 1, lock, owner, String(restMs)));
      throw error;
    } finally {
      await answered(redis.eval(UNLOCK, 1, lock, owner));
    }
  };

  /** How long (ms) nobody is to ask, after somebody asked in vain. */
  const restLeft = async (): Promise<number> =>
    (await answered(redis.get(lock))) === RESTING ? answered(redis.pttl(lock)) : 0;

  const obtain = async (): Promise<ManagementToken> => {
    const patience = now() + PATIENCE_MS;
    while (now() < patience) {
      const shared = await readShared();
      if (shared && now() < shared.renewAt) return shared;
      const fetched = await fetchShared().catch((error: unknown) => {
        // A renewal that fails costs nothing while the old token still works.
        if (shared && now() < shared.expiresAt) return shared;
        throw error;
      });
      const usable = fetched ?? (shared && now() < shared.expiresAt ? shared : undefined);
      if (usable) return usable;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new TenantFault('away', { retryAfterMs: 1000 });
  };

  const get = async (): Promise<ManagementToken> => {
    if (held && isFresh(held.token)) return held.token;
    underWay ??= obtain().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };

  return {
    /** @throws {TenantFault} away, configuration */
    get,
    /**
     * Whether the credentials are still right: a cached token works on for its whole life after its secret was
     * rotated. It costs no token, and processes that start together ask once. @throws {TenantFault}
     */
    async prove(): Promise<ManagementToken> {
      const stored = await readShared();
      if (!stored || !isFresh(stored)) return get();
      const mark = `${key}:proof:${by}`;
      if (!isProof(stored) && (await answered(redis.set(mark, '1', 'PX', PROOF_MS, 'NX'))) !== null)
        await probe(deps);
      return stored;
    },
    /** The tenant refused this one. Only it is dropped, not a newer one. */
    async drop(token: ManagementToken): Promise<void> {
      if (held?.token.value !== token.value) return;
      const { generation } = held;
      held = undefined;
      await answered(redis.eval(DROP, 1, key, generation));
    },
  };
}

const restAfter = ({ kind, retryAfterMs = 0 }: TenantFault): number =>
  Math.max(retryAfterMs, kind === 'configuration' ? CONFIGURATION_REST_MS : REST_MS);
