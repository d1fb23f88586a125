/** The HTTP door while Redis is away: an honest 503 at once, nothing half-done, and it recovers alone. */
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { spawnRedis, type SpawnedRedis } from '../../../demo/redis.ts';
import { freePort } from '../../../demo/redis/ready.ts';
import { ask, askAndReadMail, confirm, expectProblem, newUser } from '../../support/wire.ts';
import {
  eventually,
  startWorld,
  untilStatus,
  type Answer,
  type World,
} from '../../support/world.ts';

const ANSWER_MS = 1500;
const RECOVERY_MS = 3000;

async function ownRedis(options: { port?: number; dir?: string } = {}): Promise<SpawnedRedis> {
  const redis = await spawnRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}

const TOKEN = 'A'.repeat(64);

/** Every call that needs Redis: 503 soon, with a time to come back. */
async function expectUnavailable(world: World, token: string, id: string): Promise<void> {
  const calls: [string, string, object?][] = [
    ['POST', '/v1/email-changes', { email: 'new@example.org' }],
    ['GET', '/v1/email-changes/current'],
    ['GET', `/v1/email-changes/${id}`],
    ['DELETE', `/v1/email-changes/${id}`],
    ['POST', `/v1/email-changes/${id}/resend`],
    ['POST', '/v1/links/inspect', { token: TOKEN }],
    ['POST', '/v1/confirm', { token: TOKEN }],
    ['POST', '/v1/approve', { token: TOKEN }],
    ['POST', '/v1/cancel', { token: TOKEN }],
    ['POST', '/v1/undo', { token: TOKEN }],
  ];
  await Promise.all(
    calls.map(async ([method, path, body]) => {
      const startedAt = performance.now();
      const answer = await world.call(method, path, { token, ...(body ? { body } : {}) });
      const tookMs = performance.now() - startedAt;
      expectProblem(answer, 'unavailable', `${method} ${path}`);
      expect(answer.headers.get('retry-after'), path).toMatch(/^[1-9]\d*$/);
      expect(tookMs, path).toBeLessThan(ANSWER_MS);
    }),
  );
}

const readyz = (world: World) => world.call('GET', '/readyz');
const page = (world: World, path: string): Promise<Answer> =>
  world.call('GET', path, { headers: { accept: 'text/html' } });

test('Redis killed: 503 within 1.5 s with Retry-After; started again: back within 3 s, nothing lost', async () => {
  const redis = await ownRedis();
  const world = await startWorld({ workers: false, env: { REDIS_URL: redis.url } });
  const user = await newUser(world);
  await eventually(async () => (await readyz(world)).status === 200, 'ready');
  const { body: change } = await ask(world, user.token, 'new@example.org');
  // Long enough for `everysec` to be no excuse: the kill leaves what the kernel has.
  await redis.kill();
  await expectUnavailable(world, user.token, change.id);

  const notReady = await readyz(world);
  expect([notReady.status, notReady.body]).toMatchObject([503, { reason: 'redis' }]);
  expect(notReady.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  // The process itself lives, and pages that only show a button still do.
  expect((await world.call('GET', '/livez')).status).toBe(200);
  expect((await page(world, '/confirm')).status).toBe(200);
  const words = await page(world, '/result?receipt=x');
  expect(words.status).toBe(404);

  await ownRedis({ port: redis.port, dir: redis.dir });
  const backAt = Date.now();
  await eventually(async () => (await readyz(world)).status === 200, 'ready again', RECOVERY_MS);
  const again = await world.call('GET', `/v1/email-changes/${change.id}`, { token: user.token });
  expect(again.body).toEqual(change);
  expect((await ask(world, user.token, 'other@example.org')).status).toBe(202);
  expect(Date.now() - backAt).toBeLessThan(RECOVERY_MS);
});

test('Redis killed while a click waits for its outcome: the click was recorded, and that is the answer', async () => {
  const redis = await ownRedis();
  const world = await startWorld({ env: { REDIS_URL: redis.url } });
  const user = await newUser(world);
  await eventually(async () => (await readyz(world)).status === 200, 'ready');
  const change = await askAndReadMail(world, user, 'new@example.org');
  await world.workers?.close();
  const waiting = confirm(world, change.confirm, { prefer: 'wait=2' });
  await untilStatus(world, user.token, change.id, 'confirmed');
  await redis.kill();
  const { status, body } = await waiting;
  expect([status, body]).toEqual([202, { status: 'confirmed' }]);
});

test('Redis frozen: the answer is a 503 within 1.5 s, and none of it happens later', async () => {
  const redis = await ownRedis();
  const world = await startWorld({ workers: false, env: { REDIS_URL: redis.url } });
  const user = await newUser(world);
  await eventually(async () => (await readyz(world)).status === 200, 'ready');
  const { body: change } = await ask(world, user.token, 'new@example.org');
  process.kill(redis.pid, 'SIGSTOP');
  onTestFinished(() => void process.kill(redis.pid, 'SIGCONT'));
  await expectUnavailable(world, user.token, change.id);

  process.kill(redis.pid, 'SIGCONT');
  const seen = await eventually(async () => {
    const answer = await world.call('GET', '/v1/email-changes/current', { token: user.token });
    return answer.status === 200 && answer;
  }, 'an answer');
  expect(seen.body).toEqual(change);
});

test('an API that starts while Redis is down listens, says that it is not ready, and is when Redis is', async () => {
  const port = await freePort();
  const world = await startWorld({
    workers: false,
    env: { REDIS_URL: `redis://127.0.0.1:${port}` },
  });
  const user = await newUser(world);
  expect((await world.call('GET', '/livez')).status).toBe(200);
  expect([(await readyz(world)).status, (await readyz(world)).body]).toMatchObject([
    503,
    { reason: 'starting' },
  ]);
  await expectUnavailable(world, user.token, 'AAAAAAAAAAAAAAAAAAAAAA');

  await ownRedis({ port });
  await eventually(async () => (await readyz(world)).status === 200, 'ready', RECOVERY_MS);
  expect((await ask(world, user.token, 'new@example.org')).status).toBe(202);
});

test('Redis that refuses writes: not ready with its own word, a measure says so, and it recovers alone', async () => {
  const redis = await ownRedis();
  const port = await freePort();
  const world = await startWorld({
    workers: false,
    env: { REDIS_URL: redis.url, METRICS_PORT: String(port) },
  });
  await eventually(async () => (await readyz(world)).status === 200, 'ready');
  const writable = async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return /^readdress_redis_writable (\d)$/m.exec(text)?.[1];
  };
  expect(await writable()).toBe('1');
  const operator = new Redis(redis.url);
  onTestFinished(() => operator.disconnect());
  await operator.config('SET', 'maxmemory', '1');
  const refused = await eventually(async () => {
    const answer = await readyz(world);
    return answer.status === 503 && answer;
  }, 'not ready');
  expect(refused.body.reason).toBe('redis: OOM');
  expect(await writable()).toBe('0');
  await operator.config('SET', 'maxmemory', '0');
  await eventually(async () => (await readyz(world)).status === 200, 'ready again');
  expect(await writable()).toBe('1');
});

test('any number may wait for one outcome, and Node warns of no leak', async () => {
  const world = await startWorld();
  const change = await askAndReadMail(world, await newUser(world), 'new@example.org');
  await world.workers?.close();
  const warnings: string[] = [];
  const note = ({ name }: Error) => void warnings.push(name);
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  const waiting = Array.from({ length: 25 }, () =>
    confirm(world, change.confirm, { prefer: 'wait=2' }),
  );
  for (const { body } of await Promise.all(waiting)) expect(body).toEqual({ status: 'confirmed' });
  expect(warnings).toEqual([]);
});
