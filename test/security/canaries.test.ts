/**
 * What a thief of files would get: after a whole story between real processes, everything that Redis
 * wrote to disk, byte for byte, everything the processes printed, their measures and the webhook are
 * searched for every address, token and secret of the story, in any spelling.
 */
import { createSealer } from '../../src/seal.ts';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/ports.ts';
import { spawnRedis } from '../../demo/redis.ts';
import { startReceiver } from '../stories/receiver.ts';
import { startProcess } from '../support/processes.ts';
import { expectClean } from '../support/spellings.ts';
import { newUser } from '../support/wire.ts';
import { callApi, startWorld, tokenIn } from '../support/world.ts';

/** Every file under a directory, as text that keeps each byte. */
const filesIn = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(dir, name)).isFile())
      .map((name) => [name, readFileSync(join(dir, name), 'latin1')]),
  );

test('no file of Redis, no output, no measure and no webhook holds an address, a token or a secret', async () => {
  const disk = await spawnRedis({ appendfsync: 'always' });
  onTestFinished(() => disk.stop());
  const redis = new Redis(disk.url);
  onTestFinished(() => redis.disconnect());
  // Compressed, a secret would be there and not be found.
  await redis.config('SET', 'rdbcompression', 'no');
  const receiver = await startReceiver();
  const world = await startWorld({ workers: false });
  const webhookSecret = randomBytes(32).toString('base64');
  const smtpPassword = 'smtp-pass-canary-1';
  const metricsPort = await freePort(0);
  const { host: smtpHost } = new URL(world.inbox.smtpUrl);
  const env: Record<string, string> = {
    ...world.env,
    REDIS_URL: disk.url,
    LOG_LEVEL: 'trace',
    CODE: 'on',
    METRICS_PORT: String(metricsPort),
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRETS: `whsec_${webhookSecret}`,
    SMTP_URL: `smtp://mailer-canary:${smtpPassword}@${smtpHost}`,
  };
  const services = await Promise.all([
    startProcess('api', env, 'source'),
    startProcess('workers', env, 'source'),
  ]);
  await Promise.all(services.map((service) => service.untilReady()));
  const [api, workers] = services;

  const secrets: Record<string, string> = {
    'sealing key': env['SEALING_KEYS']!,
    'client secret': world.tenant.clientSecret,
    'webhook secret': webhookSecret,
    'SMTP password': smtpPassword,
  };
  const keep = (name: string, secret: string) => (secrets[name] = secret);
  const meet = async (name: string) => {
    const user = await newUser(world, `${name}.canary@old.example`);
    for (const [what, secret] of Object.entries({
      sub: user.sub,
      address: user.email,
      'local part': `${name}.canary`,
      'access token': user.token,
      signature: user.token.split('.')[2]!,
    }))
      keep(`${name}: ${what}`, secret);
    return user;
  };
  const post = (path: string, body: object, token?: string) =>
    callApi(api.url, 'POST', path, {
      body,
      headers: { prefer: 'wait=10' },
      ...(token ? { token } : {}),
    });
  const askFor = async (user: Awaited<ReturnType<typeof meet>>, email: string) => {
    keep(email, email);
    const { body } = await post('/v1/email-changes', { email }, user.token);
    const mail = await world.inbox.waitFor({ to: email });
    const notice = await world.inbox.waitFor({ to: user.email });
    keep(`${email}: code`, /\b\d{4} \d{4}\b/.exec(mail.text)![0].replace(' ', ''));
    keep(`${email}: cancel`, tokenIn(notice.text, 'cancel'));
    return {
      id: String(body.id),
      confirm: keep(`${email}: confirm`, tokenIn(mail.text, 'confirm')),
    };
  };

  // There and back.
  const ada = await meet('ada');
  const change = await askFor(ada, 'ada.new@new.example');
  expect((await post('/v1/confirm', { token: change.confirm })).body.status).toBe('committed');
  const changed = await world.inbox.waitFor((mail) => mail.text.includes('/undo#'));
  const undo = keep('undo', tokenIn(changed.text, 'undo'));
  expect((await post('/v1/undo', { token: undo })).body.status).toBe('undone');
  // Refused in the end, and mistaken for once.
  const bob = await meet('bob');
  world.tenant.addUser({ email: 'taken.canary@new.example' });
  const taken = await askFor(bob, 'taken.canary@new.example');
  await post(`/v1/email-changes/${taken.id}/confirm`, { code: '00000000' }, bob.token);
  await post('/v1/confirm', { token: `${taken.confirm.slice(0, -4)}AAAA` });
  expect((await post('/v1/confirm', { token: taken.confirm })).body.status).toBe('rejected');
  await post('/v1/email-changes', { email: keep('nonsense', 'non.sense@@new.example') }, bob.token);
  await receiver.received(change, 'undone');
  await receiver.received(taken, 'rejected');

  const tokenKey = (await redis.keys('*:management-token'))[0]!;
  const sealer = createSealer([Buffer.from(env['SEALING_KEYS']!, 'base64')], randomBytes);
  const held = sealer.open((await redis.get(tokenKey))!, tokenKey);
  keep('management token', (JSON.parse(held) as { value: string }).value);

  const measures = await Promise.all(
    [`http://127.0.0.1:${metricsPort}`, workers.url].map(async (url) =>
      (await fetch(`${url}/metrics`)).text(),
    ),
  );
  for (const { child } of services) child.kill('SIGTERM');
  expect(await Promise.all(services.map(({ exited }) => exited))).toEqual([0, 0]);
  await redis.call('SAVE');
  const files = filesIn(disk.dir);
  const names = Object.keys(files).join();
  expect(names).toContain('dump.rdb');
  expect(names).toMatch(/appendonly\S*\.incr\.aof/);
  const printed = Object.fromEntries(
    services.flatMap((service, i) => [
      [`stdout of ${i}`, service.logs.map((line) => JSON.stringify(line)).join('\n')],
      [`stderr of ${i}`, service.stderr()],
    ]),
  );

  // Where ids may be they are found, so the search sees what there is.
  const incremental = Object.entries(files).find(([name]) => name.endsWith('.incr.aof'))?.[1];
  for (const text of [
    files['dump.rdb'],
    incremental,
    printed['stdout of 0'],
    printed['stdout of 1'],
  ])
    expect(text).toContain(change.id);
  expect(measures.join('\n')).toContain('readdress_transitions_total{status="undone"');
  expectClean({ ...files, ...printed, measures: measures.join('\n') }, secrets);
  // The webhook names users by their id, as documented, and nothing else.
  const hooks = receiver.deliveries.map(({ body }) => body).join('\n');
  const apartFromIds = Object.entries(secrets).filter(([name]) => !name.endsWith(': sub'));
  expectClean({ hooks }, Object.fromEntries(apartFromIds));
}, 60_000);
