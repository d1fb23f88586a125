/**
 * A sealed canary for each tenant: a process whose SEALING_KEYS do not open it would lose every link and
 * answer every click with an error, so it does not start. Any of the keys may open it; `readdress reseal`
 * seals it anew under the first.
 */
import type { Sealer } from '../seal.ts';
import { SealError } from '../seal.ts';
import type { Keys } from './keys.ts';
import { openRecord, UnreadableRecord } from './records.ts';
import { answered, type RedisClient } from './redis.ts';
import { keysLike } from './reseal.ts';

/** What is in Redis was sealed under other keys than ours. */
export class WrongSealingKeys extends Error {
  override name = 'WrongSealingKeys';
}

/** So many records are tried where there is no canary yet: Redis was filled by an older version. */
const SAMPLE = 20;

/**
 * At the start of a process: whoever is the first on this Redis puts the canary there.
 * @throws {WrongSealingKeys} @throws {StoreUnavailable}
 */
export async function checkCanary(redis: RedisClient, sealer: Sealer, keys: Keys): Promise<void> {
  const place = keys.canary;
  if ((await answered(redis.exists(place))) === 0) {
    await openSample(redis, sealer, keys);
    // Whoever else starts at the same time may be first; then its canary is ours to open.
    await answered(redis.set(place, sealer.seal('canary', place), 'NX'));
  }
  await isKnown(redis, sealer, keys);
}

/**
 * Whether Redis holds anything of this tenant, which our keys then open. Writes nothing: an operator's
 * shell with a wrong setting must not decide which keys are the right ones.
 * @throws {WrongSealingKeys} @throws {StoreUnavailable}
 */
export async function isKnown(redis: RedisClient, sealer: Sealer, keys: Keys): Promise<boolean> {
  const sealed = await answered(redis.get(keys.canary));
  if (sealed === null) return openSample(redis, sealer, keys);
  try {
    sealer.open(sealed, keys.canary);
    return true;
  } catch (error) {
    if (error instanceof SealError) throw new WrongSealingKeys(WAY_OUT);
    throw error;
  }
}

const WAY_OUT =
  'SEALING_KEYS do not open what is in Redis: add the key that sealed it, or use another REDIS_URL or AUTH0_DOMAIN';

/** Whether there are records. */
async function openSample(redis: RedisClient, sealer: Sealer, keys: Keys): Promise<boolean> {
  let isAny = false;
  let tried = 0;
  for await (const key of keysLike(redis, keys.change(''))) {
    const stored = await answered(redis.get(key));
    if (stored === null) continue;
    isAny = true;
    try {
      openRecord(sealer, stored, key.slice(keys.change('').length));
      return true;
    } catch (error) {
      if (!(error instanceof UnreadableRecord)) throw error;
      // One of a newer version says nothing about the keys.
      if (!(error.cause instanceof SealError)) continue;
      tried += 1;
      if (tried === SAMPLE) break;
    }
  }
  if (tried > 0) throw new WrongSealingKeys(WAY_OUT);
  return isAny;
}

/** Seals the canary under the first key. */
export async function resealCanary(redis: RedisClient, sealer: Sealer, keys: Keys): Promise<void> {
  await answered(redis.set(keys.canary, sealer.seal('canary', keys.canary)));
}
