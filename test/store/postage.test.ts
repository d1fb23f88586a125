import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { expect, inject, onTestFinished, test } from 'vitest';
import { readSharedConfig } from '../../src/config.ts';
import { createSealer } from '../../src/seal.ts';
import { createPostOffice } from '../../src/store/postage.ts';
import { SITUATIONS } from '../domain/stories.ts';

const OTHERS = ['auth0|1', 'auth0|2'];
const OLD = 'ada@old.example';
const NEW = 'ada@new.example';
/** What the newest change says of the current address. */
const latest = { ...SITUATIONS.committed, email: OLD };

/** A post office on keys of its own: one further mail and two first ones a day, six for each user. */
async function openOffice() {
  const redis = new Redis(inject('redisUrl'));
  onTestFinished(() => redis.disconnect());
  await once(redis, 'ready');
  const config = readSharedConfig({
    REDIS_URL: inject('redisUrl'),
    SEALING_KEYS: randomBytes(32).toString('base64'),
    AUTH0_DOMAIN: 'tenant.example',
    PUBLIC_URL: 'https://readdress.example',
    LIMIT_ADDRESS: '1/24h',
    LIMIT_ADDRESS_FIRST: '2/24h',
    LIMIT_USER_MAILS: '6/24h',
  });
  const sealer = createSealer(config.sealingKeys, randomBytes);
  const prefix = `readdress:{p-${randomUUID()}}`;
  const office = createPostOffice({ redis, prefix, sealer, config, now: Date.now });
  const weigh = async (sub: string, email: string, more: { latest?: typeof latest } = {}) =>
    (await office.weigh({ sub, email, own: undefined, latest: more.latest })).postage;
  return { ...office, weigh };
}

test('a request whose warning the current mailbox may not get any more is refused, and costs nothing', async () => {
  const office = await openOffice();
  for (let i = 0; i < 6; i += 1) await office.count(OTHERS[0]!, OLD, true);
  const refused = await office.weigh('auth0|ada', NEW, { latest });
  expect(refused.notBefore).toBeGreaterThan(Date.now());
  expect(await office.weigh('auth0|ada', NEW)).toEqual({
    muted: false,
    paid: { first: 1, more: 0 },
  });
});

test('a mail that is muted for the mails of others is not paid for by its user', async () => {
  const office = await openOffice();
  for (const other of OTHERS) expect((await office.weigh(other, NEW)).muted).toBe(false);
  // Its share of mails to one mailbox is one: the second would be refused if the first had counted.
  for (let i = 0; i < 2; i += 1)
    expect(await office.weigh('auth0|ada', NEW)).toEqual({ muted: true });
});

test('an information that is not sent does not use up the one of the day', async () => {
  const office = await openOffice();
  for (const other of OTHERS) expect(await office.mayInform(other, OLD)).toBe(true);
  expect(await office.mayInform('auth0|ada', OLD)).toBe(false);
  expect(await office.mayInform('auth0|ada', 'elsewhere@old.example')).toBe(true);
  expect(await office.mayInform('auth0|ada', 'again@old.example')).toBe(false);
});
