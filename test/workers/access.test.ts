/** Whether the tenant lets us work is asked at the start: a cached token works on for its day, whatever became of its secret. */
import { expect, test } from 'vitest';
import { eventually, startWorld, type LogLine, type World } from '../support/world.ts';
import { startDeployment } from './steps.ts';

const HOUR = 3_600_000;
const told = (world: World): LogLine[] =>
  world.logs.filter(({ event }) => event?.startsWith('access.'));
const fetched = (world: World): number =>
  world.logs.filter(({ event }) => event === 'management_token.fetched').length;
const measured = async (url: string): Promise<string[]> =>
  (await (await fetch(`${url}/metrics`)).text()).match(/^readdress_tenant_access\{.*$/gm) ?? [];

test('what is right is a measure and no line, and one token for all workers that start together', async () => {
  const world = await startWorld();
  await Promise.all([startDeployment(world), startDeployment(world)]);
  await eventually(async () => (await measured(world.workers!.url)).length === 2);
  expect(await measured(world.workers!.url)).toEqual([
    'readdress_tenant_access{what="credentials"} 1',
    'readdress_tenant_access{what="scopes"} 1',
  ]);
  expect(told(world)).toEqual([]);
  expect(world.tenant.tokenRequests()).toHaveLength(1);
});

test('a wrong secret is an error line and a measure at once, names the setting, and stops no process', async () => {
  const world = await startWorld({ workers: false });
  const workers = await startDeployment(world, {
    AUTH0_CLIENT_SECRET: 'wrong-secret-wrong-secret',
  });
  await eventually(() => told(world).length > 0);
  expect(told(world)).toMatchObject([
    { level: 'error', event: 'access.refused', setting: 'AUTH0_CLIENT_SECRET', status: 401 },
  ]);
  expect(JSON.stringify(world.logs)).not.toContain('wrong-secret');
  expect(await measured(workers.url)).toEqual(['readdress_tenant_access{what="credentials"} 0']);
  expect((await fetch(`${workers.url}/readyz`)).status).toBe(200);
});

test('a secret that was rotated meanwhile is told, also while the cached token goes on to work', async () => {
  const world = await startWorld();
  await eventually(() => fetched(world) === 1);
  world.tenant.rotateClientSecret();
  // With other credentials than those of the cached token, at once; with the same ones, when it is no proof any more.
  const start = (secret: string) => startDeployment(world, { AUTH0_CLIENT_SECRET: secret });
  await start('another-one-another-one');
  await eventually(() => told(world).length === 1);
  world.pass(HOUR);
  await start(world.env['AUTH0_CLIENT_SECRET']!);
  await eventually(() => told(world).length === 2);
  expect(new Set(told(world).map(({ event }) => event))).toEqual(new Set(['access.refused']));
  const { url } = await start(world.tenant.clientSecret);
  await eventually(async () => (await measured(url)).length > 0);
  expect(await measured(url)).toContain('readdress_tenant_access{what="credentials"} 1');
  expect(told(world)).toHaveLength(2);
  // To ask costs no token: there is one for its whole life.
  expect(fetched(world)).toBe(1);
});

test('scopes that are missing are an error, those that REVOKE asks for a warning', async () => {
  const world = await startWorld({
    env: { REVOKE: 'all' },
    tenant: { managementScopes: ['read:users'] },
  });
  await eventually(() => told(world).length === 2);
  expect(told(world)).toMatchObject([
    { level: 'error', event: 'access.scopes_missing', missing: ['update:users'] },
    {
      level: 'warn',
      event: 'access.scopes_unmet',
      missing: ['delete:sessions', 'delete:refresh_tokens'],
    },
  ]);
  expect(await measured(world.workers!.url)).toContain('readdress_tenant_access{what="scopes"} 0');
});
