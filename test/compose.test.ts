/** The compose file: who reaches whom, what each may do, and that no setting is lost on the way. */
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnRedis } from '../demo/redis.ts';
import { ALL_SETTINGS, settingsOf, type Process } from '../cli/settings-files.ts';
import { commitChange, newUser } from './support/wire.ts';
import { eventually, startWorld } from './support/world.ts';

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const compose = read('docker-compose.yml');
const trial = read('compose.trial.yml');
const docker = read('Dockerfile');
/** The text of one service, or of a shared part at the top: its line, and all that stands deeper. */
function part(name: string, text = compose): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => new RegExp(`^(?:  )?${name}:`).test(line));
  const depth = lines[start]!.search(/\S/);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.trim() !== '' && line.search(/\S/) <= depth);
  return rest.slice(0, end).join('\n');
}
const networksOf = (service: string, text = compose): string[] =>
  [
    ...(/networks:\n((?: {6}- .*\n?)+)/.exec(part(service, text))?.[1] ?? '').matchAll(/- (\w+)/g),
  ].map(([, name]) => name!);

test('every setting reaches the process that it is for, and no secret reaches another', () => {
  const has = (text: string, name: string) => new RegExp(`^ +${name}(_FILE)?: `, 'm').test(text);
  const own = { both: 'x-shared', api: 'api', workers: 'workers' } as const;
  for (const [process, where] of Object.entries(own))
    for (const { name } of settingsOf(process as Process))
      expect(has(part(where), name), `${name} of ${where}`).toBe(true);
  const secrets = ALL_SETTINGS.filter(({ secret }) => secret).map(({ name }) => name);
  const ofWorkers = settingsOf('workers').map(({ name }) => name);
  for (const secret of secrets.filter((name) => ofWorkers.includes(name)))
    expect(has(part('api') + part('x-shared'), secret), secret).toBe(false);
  // Secrets come as files, which no `inspect` shows.
  for (const secret of secrets)
    expect(compose, secret).not.toMatch(new RegExp(`^ +${secret}: `, 'm'));
});

test('what .env says reaches the process as it stands there, but for what the containers are', () => {
  const fixed = ['REDIS_URL', 'HOST', 'PORT', 'NODE_ENV', 'WORKER_HOST'];
  for (const { name, secret } of ALL_SETTINGS.filter((one) => !fixed.includes(one.name)))
    expect(compose, name).toMatch(
      secret
        ? new RegExp(`^ {4}environment: ${name}$`, 'm')
        : new RegExp(`^ +${name}: \\$\\{${name}(:-|:\\?[^}]+)\\}$`, 'm'),
    );
});

test('the API reaches no mail server, the inbox reaches no Redis, and Redis nobody outside', () => {
  expect(networksOf('redis')).toEqual(['store']);
  expect(networksOf('api')).toEqual(['front', 'store']);
  expect(networksOf('workers')).toEqual(['back', 'store']);
  expect(networksOf('inbox', trial)).toEqual(['back']);
  expect(compose).toMatch(/^ {2}store:\n {4}internal: true$/m);
});

test('every container is confined, and the image says itself whether it is healthy', () => {
  const inbox = part('inbox', trial);
  for (const confined of [part('x-confined'), inbox])
    for (const line of [
      'read_only: true',
      '- ALL',
      'no-new-privileges:true',
      'pids_limit:',
      'mem_limit:',
    ])
      expect(confined).toContain(line);
  for (const name of ['redis', 'x-readdress']) expect(part(name)).toContain('*confined');
  for (const name of ['api', 'workers']) expect(part(name)).toContain('*readdress');
  expect(docker).toMatch(/^USER node$/m);
  expect(docker).toMatch(/^HEALTHCHECK /m);
});

test('the health check of the image tells a door that is ready from one that is not', async () => {
  const world = await startWorld();
  const [, script] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(docker) ?? [];
  const [, flag, code] = JSON.parse(script!) as string[];
  expect(flag).toBe('-e');
  const { spawn } = await import('node:child_process');
  const check = (PORT: string, WORKER_PORT: string) =>
    new Promise<number | null>((resolve) => {
      spawn(process.execPath, ['-e', code!], { env: { PORT, WORKER_PORT } }).on('exit', resolve);
    });
  const port = new URL(world.api).port;
  const workerPort = new URL(world.workers!.url).port;
  expect(await check(port, workerPort)).toBe(0);
  // The API alone, the workers alone, nobody.
  expect(await check(port, '1')).toBe(0);
  expect(await check('1', workerPort)).toBe(0);
  expect(await check('1', '1')).toBe(1);
});

describe('the users of Redis', () => {
  const rules = (name: string): string[] =>
    new RegExp(`^ +user ${name} (.*)$`, 'm')
      .exec(compose)![1]!
      .replace(/\$\{REDIS_PASSWORD[^}]*\}/, 'secret')
      .split(' ');

  test('the service does its whole work with its own rights, and no operator’s work', async () => {
    const server = await spawnRedis();
    onTestFinished(() => server.stop());
    const admin = new Redis(server.url);
    onTestFinished(() => admin.disconnect());
    await admin.call('ACL', 'SETUSER', 'operator', 'on', '>operator', '~*', '&*', '+@all');
    await admin.auth('operator', 'operator');
    await admin.call('ACL', 'SETUSER', 'readdress', ...rules('readdress'));
    await admin.call('ACL', 'SETUSER', 'default', ...rules('default'));

    const url = new URL(server.url);
    const as = (user: string) => `redis://${user}${url.host}`;
    const world = await startWorld({ env: { REDIS_URL: as('readdress:secret@') } });
    await eventually(async () => (await fetch(`${world.api}/readyz`)).ok, 'ready');
    await eventually(async () => (await fetch(`${world.workers!.url}/readyz`)).ok, 'ready');
    const user = await newUser(world);
    await commitChange(world, user, 'new@example.org');
    expect(world.logs.filter(({ level }) => level === 'error')).toEqual([]);
    expect(JSON.stringify(world.logs)).not.toContain('NOPERM');

    const service = new Redis(as('readdress:secret@'));
    const anybody = new Redis(as(''), { enableReadyCheck: false });
    onTestFinished(() => {
      service.disconnect();
      anybody.disconnect();
    });
    for (const command of [
      ['FLUSHALL'],
      ['CONFIG', 'GET', '*'],
      ['KEYS', '*'],
      ['GET', 'other'],
      ['ACL', 'LIST'],
    ])
      await expect(service.call(command[0]!, ...command.slice(1))).rejects.toThrow(/NOPERM/);
    expect(await anybody.ping()).toBe('PONG');
    await expect(anybody.get('readdress:x')).rejects.toThrow(/NOPERM/);
  });
});
