import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { TenantOptions } from '../../stand-ins/tenant/options.ts';
import { createSealer } from '../../src/seal.ts';
import { allKeys } from '../store/all-keys.ts';
import { startWorld, type World } from '../support/world.ts';
import {
  click,
  commit,
  effectivePatches,
  invite,
  sealerOf,
  startDeployment,
  untilStatus,
} from './steps.ts';

/** A tenant and a budget that are in nobody's way. */
const wide = (tenant: TenantOptions = {}) => ({
  tenant: { rateLimit: { burst: 10_000, perSecond: 10_000 }, ...tenant },
  env: { AUTH0_RATE: '1000' },
});

const people = (world: World, name: string, count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, i) =>
      invite(world, { email: `${name}${i}@example.com`, to: `${name}${i}@example.org` }),
    ),
  );

const clickAll = async (world: World, all: Awaited<ReturnType<typeof people>>) => {
  await Promise.all(all.map(({ link }) => click(world, link)));
  await Promise.all(all.map((one) => untilStatus(world, one, 'committed')));
};

describe('eight worker processes', () => {
  test('ask for one token for forty commits, one more when it runs out, and one more when it is revoked', async () => {
    const world = await startWorld({ ...wide({ managementTokenTtlSeconds: 600 }), workers: false });
    await Promise.all(Array.from({ length: 8 }, () => startDeployment(world)));
    const [first, second, third] = [
      await people(world, 'a', 40),
      await people(world, 'b', 20),
      await people(world, 'c', 20),
    ];
    await clickAll(world, first);
    expect(world.tenant.tokenRequests()).toHaveLength(1);

    // Ahead of the end, while the old one would still do.
    world.pass(541_000);
    await clickAll(world, second);
    expect(world.tenant.tokenRequests()).toHaveLength(2);

    world.tenant.expireManagementTokens();
    await clickAll(world, third);
    expect(world.tenant.tokenRequests()).toHaveLength(3);
    expect(world.tenant.tokenRequests().map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(effectivePatches(world)).toHaveLength(80);
    // Nobody had to be called, and no click had to wait.
    expect(world.logs.filter(({ event }) => event === 'task.later')).toEqual([]);
  });

  test('that start after it was fetched ask for none', async () => {
    const world = await startWorld(wide());
    await commit(world);
    await world.workers!.close();
    await startDeployment(world);
    await commit(world, { email: 'other@example.com', to: 'other@example.org' });
    expect(world.tenant.tokenRequests()).toHaveLength(1);
  });
});

describe('how it is asked for', () => {
  test('with the secret: client credentials for the Management API, and nothing else', async () => {
    const world = await startWorld();
    await invite(world);
    expect(world.tenant.tokenRequests().map(({ method, body }) => ({ method, body }))).toEqual([
      {
        method: 'POST',
        body: {
          grant_type: 'client_credentials',
          client_id: world.tenant.clientId,
          audience: `${world.tenant.url}/api/v2/`,
        },
      },
    ]);
  });

  test('with a private key: an assertion of our own, a fresh one every time', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = (key: KeyObject, type: 'spki' | 'pkcs8') =>
      String(key.export({ format: 'pem', type }));
    const world = await startWorld({
      tenant: { clientPublicKey: pem(publicKey, 'spki') },
      env: {
        AUTH0_CLIENT_SECRET: '',
        AUTH0_PRIVATE_KEY: pem(privateKey, 'pkcs8').replaceAll('\n', String.raw`\n`),
      },
    });
    const invited = await invite(world);
    world.tenant.expireManagementTokens();
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    const requests = world.tenant.tokenRequests();
    expect(requests.map(({ status }) => status)).toEqual([200, 200]);
    expect(requests[0]?.body).toMatchObject({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
  });
});

describe('how it is kept', () => {
  test('sealed, under its own name, for no longer than it lives', async () => {
    const world = await startWorld();
    await invite(world);
    const key = `${world.prefix}:management-token`;
    const stored = (await world.redis.get(key))!;
    const { value } = JSON.parse(sealerOf(world).open(stored, key)) as { value: string };
    expect(value).toMatch(/^eyJ/);
    const everything = JSON.stringify(await allKeys(world.redis, world.prefix));
    expect(everything).not.toContain(value);
    expect(everything).not.toContain('eyJ');
    expect(await world.redis.pttl(key)).toBeLessThanOrEqual(86_400_000);
    expect(await world.redis.pttl(key)).toBeGreaterThan(86_300_000);
    expect(JSON.stringify(world.logs)).not.toContain(value);
  });

  test('sealed with a key that is out of use it is as good as none', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await world.workers!.close();
    const key = `${world.prefix}:management-token`;
    const stranger = createSealer([Buffer.alloc(32, 1)], (n) => Buffer.alloc(n, 2));
    await world.redis.set(key, stranger.seal('{"value":"x"}', key), 'PX', 60_000);
    await startDeployment(world);
    await click(world, invited.link);
    await untilStatus(world, invited, 'committed');
    expect(world.tenant.tokenRequests()).toHaveLength(2);
  });

  test('a process that died with the lock in its hand holds up the others for no longer than the lock', async () => {
    const world = await startWorld({ workers: false });
    await world.redis.set(`${world.prefix}:management-token:lock`, 'dead', 'PX', 1500);
    await startDeployment(world);
    await invite(world);
    expect(world.tenant.tokenRequests()).toHaveLength(1);
  });
});
