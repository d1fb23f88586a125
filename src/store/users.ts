/**
 * What a user has going lies under a fingerprint of who they are, by one of the sealing keys. While a
 * key is rotated it may lie under either: it is looked for under all, and written under the first.
 */
import type { UserChanges } from '../domain/email-change.ts';
import type { Sealer } from '../seal.ts';
import { readRecord, recordWrite, type Found, type RecordWrite } from './records.ts';
import type { RedisClient } from './redis.ts';

/** `key`: where it was found. */
export type FoundUser = Found<UserChanges> & { key?: string };
/** `sub`: so that it can be moved to where another key puts it (reseal.ts). */
export type StoredUser = UserChanges & { sub: string };

/** The user's index under the first of `keys` that has one; an empty one, at version 0, if none has. */
export async function findUser(
  redis: RedisClient,
  sealer: Sealer,
  keys: readonly string[],
): Promise<FoundUser> {
  for (const key of keys) {
    const found = await readRecord<UserChanges>(redis, sealer, key, key);
    if (found) return { ...found, key };
  }
  return { value: { committed: [] }, version: 0 };
}

/**
 * Writes a user's index to the first of `keys`. It goes from wherever else it was found, and nothing may
 * lie in the other places: two processes that seal under different keys must not each begin one.
 */
export function userWrites(
  sealer: Sealer,
  keys: readonly string[],
  user: StoredUser,
  found: FoundUser | undefined,
  until: number | undefined,
): RecordWrite[] {
  const versionAt = (key: string) => (found?.key === key ? found.version : 0);
  return keys.map((key, i) =>
    i === 0
      ? // It may come back to where it was: a version is never used twice.
        {
          ...recordWrite(sealer, key, user, versionAt(key), until),
          after: String(found?.version ?? 0),
        }
      : { version: String(versionAt(key)) },
  );
}
