/** How a record lies in Redis: `<version> <schema> <sealed JSON>`, sealed to the place where it lies. */
import type { Sealer } from '../seal.ts';
import { answered, type RedisClient } from './redis.ts';

/** The shape of what is sealed. Records of a newer shape are left alone and reported. */
const SCHEMA = 1;

/** A record that this version can not read: altered, sealed by an unknown key, or from the future. */
export class UnreadableRecord extends Error {
  override name = 'UnreadableRecord';
}

export type Found<T> = { value: T; version: number };

/** @throws {UnreadableRecord} */
export async function readRecord<T>(
  redis: RedisClient,
  sealer: Sealer,
  key: string,
  place: string,
): Promise<Found<T> | undefined> {
  const stored = await answered(redis.get(key));
  return stored === null ? undefined : openRecord(sealer, stored, place);
}

/** @throws {UnreadableRecord} */
export function openRecord<T>(sealer: Sealer, stored: string, place: string): Found<T> {
  const [, version = '', schema = '', sealed = ''] = /^(\d+) (\d+) (\S+)$/.exec(stored) ?? [];
  if (Number(schema) !== SCHEMA) throw new UnreadableRecord(`${place}: schema ${schema || '?'}`);
  try {
    return { value: JSON.parse(sealer.open(sealed, place)) as T, version: Number(version) };
  } catch (cause) {
    throw new UnreadableRecord(place, { cause });
  }
}

/** `after`: the version that the new one follows, where it is not the one that is written over. */
export type RecordWrite = { version: string; body?: string; keepUntil?: string; after?: string };

/** One write of a plan for swap.lua: over this version (0 = must not exist), to be kept until then. */
export const recordWrite = (
  sealer: Sealer,
  place: string,
  value: object,
  version: number,
  until: number | undefined,
): RecordWrite => ({
  version: String(version),
  body: `${SCHEMA} ${sealer.seal(JSON.stringify(value), place)}`,
  ...(until === undefined ? {} : { keepUntil: String(until) }),
});
