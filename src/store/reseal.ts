/**
 * Seals everything anew under the first of SEALING_KEYS, so that the others can be dropped
 * (docs/security.md). Each record is compared and swapped like any other write, while the service
 * goes on; its life is not prolonged. The audit trail is not rewritten.
 */
import { Cluster } from 'ioredis';
import type { Clock } from '../clock.ts';
import type { Sealer } from '../seal.ts';
import type { Keys } from './keys.ts';
import { outboxArgs, outboxKeys } from './outbox.ts';
import { readRecord, recordWrite, UnreadableRecord, type RecordWrite } from './records.ts';
import { answered, type RedisClient } from './redis.ts';
import { userWrites, type StoredUser } from './users.ts';

/** `resealed` now; `current` already; `unreadable`: left as they are, so their key is still needed. */
export type Resealed = { resealed: number; current: number; unreadable: number };
type Fate = keyof Resealed | 'gone' | 'conflict';

const PAGE = 200;
/** A record that a user keeps busy is read again. */
const RACES = 50;

export function createResealer(
  redis: RedisClient,
  sealer: Sealer,
  keys: Keys,
  prefix: string,
  clock: Clock,
) {
  const swap = async (names: readonly string[], writes: readonly RecordWrite[]): Promise<Fate> => {
    const plan = JSON.stringify({ writes, tasks: [], audit: [], auditLength: 0 });
    const all = [...outboxKeys(keys), keys.audit, keys.pulse, ...names];
    const result = await answered(redis.swap(all.length, ...all, ...outboxArgs(clock), plan));
    return result === 'written' ? 'resealed' : 'conflict';
  };

  /** Seals what lies at `key` anew, if another key than the first has sealed it. */
  const reseal = async (key: string, now: () => number): Promise<Fate> => {
    const id = key.startsWith(`${prefix}:change:`) ? key.slice(`${prefix}:change:`.length) : key;
    const [stored, ttl] = await answered(Promise.all([redis.get(key), redis.pttl(key)]));
    if (stored === null) return 'gone';
    if (sealer.isNewest(stored.split(' ')[2] ?? '')) return 'current';
    const found = await readRecord<object>(redis, sealer, key, id);
    if (!found) return 'gone';
    const until = ttl < 0 ? undefined : now() + ttl;
    if (id !== key)
      return swap([key], [recordWrite(sealer, id, found.value, found.version, until)]);
    const user = found.value as StoredUser;
    // Of a version that did not note whose it is: it moves with the user's next write.
    if (typeof user.sub !== 'string') return 'unreadable';
    const places = keys.user(user.sub);
    const at = { value: user, version: found.version, key };
    return swap(places, userWrites(sealer, places, user, at, until));
  };

  return {
    async resealAll(now: () => number): Promise<Resealed> {
      const count: Resealed = { resealed: 0, current: 0, unreadable: 0 };
      for (const kind of ['change', 'user'])
        for await (const key of keysLike(redis, `${prefix}:${kind}:`)) {
          let fate: Fate = 'conflict';
          try {
            for (let race = 0; fate === 'conflict' && race < RACES; race += 1)
              fate = await reseal(key, now);
          } catch (error) {
            if (!(error instanceof UnreadableRecord)) throw error;
            fate = 'unreadable';
          }
          if (fate === 'conflict') fate = 'unreadable';
          if (fate !== 'gone') count[fate] += 1;
        }
      return count;
    },
  };
}

/** Every key that starts like this, in no order. */
export async function* keysLike(redis: RedisClient, start: string): AsyncGenerator<string> {
  const pattern = `${start.replaceAll(/[[\]*?^\\]/g, String.raw`\$&`)}*`;
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  for (const node of nodes) {
    let cursor = '0';
    do {
      const [next, found] = await answered(node.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE));
      yield* found;
      cursor = next;
    } while (cursor !== '0');
  }
}
