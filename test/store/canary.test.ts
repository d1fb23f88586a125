import { randomBytes, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createSealer } from '../../src/seal.ts';
import { checkCanary, isKnown, resealCanary, WrongSealingKeys } from '../../src/store/canary.ts';
import { keysOf } from '../../src/store/keys.ts';
import { recordWrite } from '../../src/store/records.ts';

function open() {
  const redis = new Redis(inject('redisUrl'));
  const prefix = `readdress:{c-${randomUUID()}}`;
  const places: string[] = [];
  onTestFinished(async () => {
    await redis.del(`${prefix}:canary`, ...places);
    redis.disconnect();
  });
  const door = (...keys: Buffer[]) => {
    const sealer = createSealer(keys, randomBytes);
    return { sealer, keys: keysOf(prefix, sealer) };
  };
  const check = (...keys: Buffer[]) => {
    const { sealer, keys: places_ } = door(...keys);
    return checkCanary(redis, sealer, places_);
  };
  const putRecord = async (key: Buffer, schema = '1') => {
    const id = randomBytes(16).toString('base64url');
    const { body } = recordWrite(door(key).sealer, id, { id }, 0, undefined);
    places.push(`${prefix}:change:${id}`);
    await redis.set(places.at(-1)!, `1 ${body!.replace(/^1/, schema)}`);
  };
  return { redis, door, check, putRecord, prefix };
}

const [a, b, c] = [randomBytes(32), randomBytes(32), randomBytes(32)];

test('any of the keys opens the canary, and none other; once resealed, the first alone', async () => {
  const { redis, door, check } = open();
  await check(a);
  await check(b, a);
  await expect(check(b)).rejects.toThrow(WrongSealingKeys);
  const { sealer, keys } = door(b, a);
  await resealCanary(redis, sealer, keys);
  await check(b);
  await expect(check(a)).rejects.toThrow(/add the key that sealed it/);
});

test('two processes that start at once on an empty Redis agree', async () => {
  const { check } = open();
  await Promise.all(Array.from({ length: 10 }, () => check(a)));
  expect(await check(a)).toBeUndefined();
});

test('of two deployments with different keys on an empty Redis one is refused, and stays so', async () => {
  const { check } = open();
  const fates = await Promise.allSettled([check(a), check(b)]);
  expect(fates.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  const wrong = fates[0].status === 'rejected' ? a : b;
  await expect(check(wrong)).rejects.toThrow(WrongSealingKeys);
});

test('where an older version left records and no canary, the wrong keys are found by them and lay none', async () => {
  const { redis, check, putRecord, prefix } = open();
  await putRecord(a);
  await expect(check(b, c)).rejects.toThrow(WrongSealingKeys);
  expect(await redis.exists(`${prefix}:canary`)).toBe(0);
  await check(a);
});

test('records of a newer version say nothing about the keys', async () => {
  const { check, putRecord } = open();
  await putRecord(a, '2');
  expect(await check(a)).toBeUndefined();
});

test.each(['', 'canary', 'AAAAAA.AAAA', '\u0000'])(
  'a canary that is %j opens with no key',
  async (text) => {
    const { redis, check, prefix } = open();
    await redis.set(`${prefix}:canary`, text);
    await expect(check(a)).rejects.toThrow(WrongSealingKeys);
  },
);

test('whoever only looks lays no canary, and learns whether there is anything to open', async () => {
  const { redis, door, check, putRecord, prefix } = open();
  const look = (...keys: Buffer[]) => isKnown(redis, door(...keys).sealer, door(...keys).keys);
  expect(await look(b)).toBe(false);
  expect(await redis.exists(`${prefix}:canary`)).toBe(0);
  await putRecord(a);
  expect(await look(a)).toBe(true);
  await expect(look(b)).rejects.toThrow(WrongSealingKeys);
  await check(a);
  expect(await look(a)).toBe(true);
  await expect(look(b)).rejects.toThrow(WrongSealingKeys);
});
