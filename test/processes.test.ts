import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { spawnRedis } from '../demo/redis.ts';
import { createAppKey, proofOf } from './support/dpop.ts';
import { startCollector, type ReceivedSpan } from './support/otlp.ts';
import { startProcess } from './support/processes.ts';
import { newUser, quiet } from './support/wire.ts';
import { callApi, eventually, startWorld, tokenIn } from './support/world.ts';

beforeAll(() => {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: ['ignore', 'ignore', 'inherit'] });
});

describe('settings', () => {
  test.each(['api', 'workers', 'both'] as const)(
    'the %s process lists every problem in one message and exits with EX_CONFIG before it opens anything',
    async (role) => {
      const service = await startProcess(role, {
        SEALING_KEYS: 'short',
        PUBLIC_URL: 'http://example.com',
      });
      expect(await service.exited).toBe(78);
      for (const name of ['REDIS_URL', 'SEALING_KEYS', 'AUTH0_DOMAIN', 'PUBLIC_URL'])
        expect(service.stderr()).toContain(`${name}: `);
      expect(service.stderr()).not.toContain('short');
      await expect(fetch(service.url)).rejects.toThrow('fetch failed');
    },
  );
});

describe('the built service', () => {
  test('tells the whole story across two APIs and two workers with one management token', async () => {
    const world = await startWorld({ workers: false });
    const apis = await Promise.all([
      startProcess('api', world.env),
      startProcess('api', world.env, 'command'),
    ]);
    const workers = await Promise.all([
      startProcess('workers', world.env),
      startProcess('workers', world.env, 'command'),
    ]);
    await Promise.all([...apis, ...workers].map((service) => service.untilReady()));

    const people = Array.from({ length: 6 }, (_, i) => `person${i}`);
    await Promise.all(
      people.map(async (name, i) => {
        const { user_id: sub } = world.tenant.addUser({ email: `${name}@example.com` });
        const token = await world.token(sub);
        const [asks, clicks] = [apis[i % 2]!, apis[(i + 1) % 2]!];
        const email = `${name}.new@example.org`;
        const asked = await callApi(asks.url, 'POST', '/v1/email-changes', {
          token,
          body: { email },
        });
        expect(asked.status).toBe(202);
        const mail = await world.inbox.waitFor({ to: email });
        const clicked = await callApi(clicks.url, 'POST', '/v1/confirm', {
          body: { token: tokenIn(mail.text, 'confirm') },
          headers: { prefer: 'wait=10' },
        });
        expect(clicked).toMatchObject({ status: 200, body: { status: 'committed' } });
        expect(world.tenant.user(sub)).toMatchObject({ email, email_verified: true });
      }),
    );
    expect(world.tenant.tokenRequests()).toHaveLength(1);
    expect(world.tenant.patches()).toHaveLength(people.length);
  });

  test('tells one story as one trace to a collector: request, mails, click, commit', async () => {
    const collector = await startCollector();
    const world = await startWorld({ workers: false });
    const env = {
      ...world.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=s%C3%A9cret',
      DRAIN_DELAY: '0s',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    };
    const [api, workers] = await Promise.all([
      startProcess('api', env),
      startProcess('workers', env),
    ]);
    await Promise.all([api.untilReady(), workers.untilReady()]);

    const user = await newUser(world);
    const email = 'new.address@example.org';
    const asked = await callApi(api.url, 'POST', '/v1/email-changes', {
      token: user.token,
      body: { email },
    });
    expect(asked.status, asked.text).toBe(202);
    const mail = await world.inbox.waitFor({ to: email });
    const token = tokenIn(mail.text, 'confirm');
    const clicked = await callApi(api.url, 'POST', '/v1/confirm', {
      body: { token },
      headers: { prefer: 'wait=10' },
    });
    expect(clicked.body.status).toBe('committed');
    await world.inbox.waitFor({ to: user.email, subject: /changed/i });
    await quiet(world);
    for (const service of [api, workers]) service.child.kill('SIGTERM');
    expect(await Promise.all([api.exited, workers.exited])).toEqual([0, 0]);

    const { traceId } = collector.spans.find(({ name }) => name === 'POST /v1/email-changes')!;
    const story = collector.spans.filter((span) => span.traceId === traceId);
    const named = (name: string): ReceivedSpan => {
      const found = story.filter((span) => span.name === name);
      expect(found.length, name).toBeGreaterThan(0);
      return found[0]!;
    };
    const root = named('POST /v1/email-changes');
    const click = named('POST /v1/confirm');
    const commit = story.find(({ events }) => events.includes('email_change.committed'))!;
    expect(root).toMatchObject({ parentId: '', kind: 2, service: 'readdress-api' });
    expect(root.events).toEqual(['email_change.pending']);
    expect(named('process invite')).toMatchObject({
      parentId: root.spanId,
      kind: 5,
      service: 'readdress-workers',
    });
    expect(click.events).toEqual(['email_change.confirmed']);
    expect(commit.parentId).toBe(click.spanId);
    expect(commit).toMatchObject({ name: 'process commit', isError: false });
    expect(named('PATCH')).toMatchObject({
      parentId: commit.spanId,
      kind: 3,
      attributes: { 'http.response.status_code': 200, 'server.address': 'localhost' },
    });
    const sent = story.filter((span) => span.attributes['readdress.mail.outcome'] === 'sent');
    expect(
      sent.map(({ attributes }) => String(attributes['readdress.mail.template'])).toSorted(),
    ).toEqual(['changed', 'confirm', 'done', 'notice']);
    // Whole: every part but the first follows from another one that is there, and no earlier than it.
    const byId = new Map(story.map((span) => [span.spanId, span]));
    for (const span of story) {
      expect(span.endedAt).toBeGreaterThanOrEqual(span.startedAt);
      if (span === root) continue;
      expect(byId.has(span.parentId), span.name).toBe(true);
    }
    for (const { attributes } of [root, click, commit])
      expect(attributes['readdress.change.id']).toBe(asked.body.id);

    expect(collector.calls[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'content-type': 'application/x-protobuf', 'x-api-key': expect.any(String) },
    });
    const bytes = collector.bytes();
    expect(bytes.includes('deployment.environment.name')).toBe(true);
    for (const secret of [user.sub, user.sub.split('|')[1]!, user.email, email, token, user.token])
      expect(bytes.includes(secret), secret).toBe(false);
    expect(bytes.includes(token.slice(-20))).toBe(false);
  });

  test('takes a DPoP proof once, whichever process it comes to', async () => {
    const world = await startWorld({ workers: false });
    const env: Record<string, string> = { ...world.env, DPOP: 'required' };
    const apis = await Promise.all([startProcess('api', env), startProcess('api', env)]);
    await Promise.all(apis.map((service) => service.untilReady()));
    const key = createAppKey();
    const path = '/v1/email-changes/current';
    const token = await world.token('auth0|u', { claims: { cnf: { jkt: key.jkt } } });
    const url = `${env['PUBLIC_URL']}${path}`;
    const headers = {
      authorization: `DPoP ${token}`,
      dpop: proofOf({ key, method: 'GET', url, token }),
    };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => callApi(apis[i % 2]!.url, 'GET', path, { headers })),
    );
    const codes = answers.map(({ body }) => body.code as string).toSorted();
    expect(codes).toEqual([...Array<string>(9).fill('invalid-dpop-proof'), 'not-found']);
  });

  test('SIGTERM to the npm that runs it ends the service too', async () => {
    const world = await startWorld({ workers: false });
    const service = await startProcess('both', world.env, 'npm');
    await service.untilReady();
    service.child.kill('SIGTERM');
    await eventually(
      () =>
        fetch(`${service.url}/livez`).then(
          () => false,
          () => true,
        ),
      'the service to be gone',
      15_000,
    );
    const closed = () => service.logs.some(({ event }) => event === 'workers.closed');
    expect(await eventually(closed, 'its last word', 15_000)).toBe(true);
  });

  test('a .env in its folder is read, and the environment goes before it', async () => {
    const world = await startWorld({ workers: false });
    const folder = await mkdtemp(join(tmpdir(), 'readdress-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const lines = Object.entries({ ...world.env, BRAND_NAME: 'By File', REDIS_URL: 'none' });
    await writeFile(join(folder, '.env'), lines.map(([k, v]) => `${k}="${v}"`).join('\n'));
    const own = { REDIS_URL: world.env['REDIS_URL']! };
    const service = await startProcess('both', own, 'dist', folder);
    await service.untilReady();
    expect(await (await fetch(`${service.url}/confirm`)).text()).toContain('By File');
  });

  test('SIGTERM drains and exits 0, also twice in a row', async () => {
    const world = await startWorld({ workers: false });
    const services = await Promise.all(
      (['api', 'workers', 'both'] as const).map((role) => startProcess(role, world.env)),
    );
    await Promise.all(services.map((service) => service.untilReady()));
    for (const { child } of services) {
      child.kill('SIGTERM');
      child.kill('SIGTERM');
    }
    expect(await Promise.all(services.map((service) => service.exited))).toEqual([0, 0, 0]);
  });
});

describe('Redis at start', () => {
  test('a Redis without AOF is refused, and accepted only by name', async () => {
    const world = await startWorld({ workers: false });
    await world.redis.config('GET', 'appendonly');
    const redis = await spawnRedis();
    try {
      const { Redis } = await import('ioredis');
      const client = new Redis(redis.url);
      await client.config('SET', 'appendonly', 'no');
      client.disconnect();
      const env = { ...world.env, REDIS_URL: redis.url };
      const refused = await startProcess('api', env);
      expect(await refused.exited).toBe(78);
      expect(refused.stderr()).toContain('appendonly');

      const allowed = await startProcess('api', { ...env, ALLOW_VOLATILE_REDIS: '1' });
      await allowed.untilReady();
      expect(allowed.logs).toContainEqual(
        expect.objectContaining({ event: 'config.weakened', level: 'warn' }),
      );
    } finally {
      await redis.stop();
    }
  });

  test('a service that starts without Redis is alive, not ready, and recovers alone', async () => {
    const world = await startWorld({ workers: false });
    const redis = await spawnRedis();
    await redis.kill();
    const env = { ...world.env, REDIS_URL: redis.url };
    const [api, workers] = await Promise.all([
      startProcess('api', env),
      startProcess('workers', env),
    ]);
    for (const { url } of [api, workers]) {
      await eventually(
        async () => (await fetch(`${url}/livez`).catch(() => undefined))?.ok,
        'life',
      );
      expect((await fetch(`${url}/readyz`)).status).toBe(503);
    }
    const again = await spawnRedis({ port: redis.port, dir: redis.dir });
    try {
      await Promise.all([api.untilReady(), workers.untilReady()]);
    } finally {
      await again.stop();
    }
  });
});
