/** The operator's command: its usage, its ways to answer, and what it does to changes and users. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readBothConfigs } from '../../src/config.ts';
import { readdress } from '../stories/operator.ts';
import { startReceiver } from '../stories/receiver.ts';
import { addPerson, ask, change, linkIn, until, use, view } from '../stories/steps.ts';
import { dump, quiet } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';

const COMMANDS =
  'start api workers init setup doctor token webhook status cancel resend keep forget parked replay bounce audit restored keys reseal'.split(
    ' ',
  );
const nobody = { env: {} };

describe('the usage', () => {
  test('is an answer where it is asked for, and names every command', async () => {
    for (const args of [['--help'], ['-h'], ['help']]) {
      const { code, lines, stderr } = await readdress(nobody, args);
      expect({ code, stderr }, args[0]).toEqual({ code: 0, stderr: '' });
      for (const name of COMMANDS) expect(lines.join('\n')).toContain(`readdress ${name}`);
    }
    for (const name of COMMANDS)
      for (const args of [
        [name, '--help'],
        ['help', name],
      ]) {
        const { code, lines } = await readdress(nobody, args);
        expect({ code, first: lines[0] }).toEqual({
          code: 0,
          first: expect.stringMatching(new RegExp(`^readdress ${name}\\b`)),
        });
      }
  });

  test('`--version` is that of the package', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    for (const args of [['--version'], ['version'], ['audit', '--version']])
      expect(await readdress(nobody, args)).toEqual({ code: 0, lines: [version], stderr: '' });
  });

  test.each([
    [],
    ['constructor'],
    ['__proto__'],
    ['nonsense', '--json'],
    ['help', 'nonsense'],
    ['cancel'],
    ['cancel', 'AAAAAAAAAAAAAAAAAAAAAA', 'more'],
    ['status'],
    ['forget'],
    ['replay'],
    ['parked', 'more'],
    ['parked', '--nonsense'],
    ['audit', 'ten'],
    ['restored', 'yesterday'],
    ['keys'],
    ['keys', 'nonsense'],
    ['webhook'],
    ['webhook', 'nonsense'],
    ['token'],
    ['init', '--set', 'NONSENSE=1', '/nowhere/.env'],
  ])('wrong usage is told with the right one, exit code 64: %s %s', async (...args) => {
    const { code, stderr } = await readdress(nobody, args);
    expect({ code, args }).toEqual({ code: 64, args });
    expect(stderr).toContain('readdress ');
  });

  test('settings that make no service are exit code 78, in JSON too', async () => {
    for (const args of [
      ['audit'],
      ['status', 'x'],
      ['token', 'x'],
      ['webhook', 'test'],
      ['parked'],
    ]) {
      const plain = await readdress(nobody, args);
      expect({ code: plain.code, lines: plain.lines }).toEqual({ code: 78, lines: [] });
      const json = await readdress(nobody, [...args, '--json']);
      expect(json).toMatchObject({ code: 78, lines: [{ error: 'settings' }] });
      expect(json.lines[0].problems.length).toBeGreaterThan(3);
    }
  });
});

describe('in a deployment', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ lasting: true });
    return () => world.close();
  });

  test('an empty answer is words, and an empty document with --json', async () => {
    for (const args of [['parked'], ['status', 'auth0|nobody'], ['status', 'nobody@example.com']]) {
      const plain = await readdress(world, args);
      expect(plain).toMatchObject({ code: 0, stderr: '' });
      expect(plain.lines, args.join(' ')).toEqual([
        expect.stringMatching(/^(nothing|there is no)/),
      ]);
      expect(await readdress(world, [...args, '--json'])).toEqual({
        code: 0,
        lines: [[]],
        stderr: '',
      });
    }
  });

  test('an id that begins with a dash is no option', async () => {
    for (const args of [
      ['cancel', '-AAAAAAAAAAAAAAAAAAAAA'],
      ['status', '--AAAAAAAAAAAAAAAAAAAA'],
    ])
      expect(await readdress(world, args)).toMatchObject({
        code: 1,
        stderr: 'readdress: there is no such change\n',
      });
    const task = '-AAAAAAAAAAAAAAAAAAAAA:event.pending';
    expect((await readdress(world, ['replay', task, '--json'])).code).toBe(1);
  });

  test('with --json a no is a document too', async () => {
    const id = 'AAAAAAAAAAAAAAAAAAAAAA';
    for (const args of [
      ['cancel', id],
      ['keep', id],
      ['resend', id],
      ['status', id],
      ['replay', 'all'],
    ])
      expect(await readdress(world, [...args, '--json']), args[0]).toMatchObject({
        code: 1,
        lines: [{ error: expect.any(String) }],
      });
  });

  test('`status` finds a change by its id, its user and either address, and shows no clear address', async () => {
    const ada = addPerson(world, 'ada.lovelace@old.example');
    const done = await change(world, ada, 'ada.lovelace@new.example');
    await quiet(world);
    for (const which of [
      done.id,
      ada.sub,
      'ADA.lovelace@old.example',
      'ada.lovelace@new.example',
    ]) {
      const { code, lines } = await readdress(world, ['status', which]);
      expect({ code, lines }, which).toMatchObject({
        code: 0,
        lines: [{ id: done.id, user: ada.sub, status: 'committed', undoUntil: expect.any(String) }],
      });
      expect(JSON.stringify(lines)).not.toMatch(/lovelace|secret/);
    }
  });

  test('`resend` mails a pending change again, and says why where it can not', async () => {
    const asked = await ask(world, addPerson(world, 'ben@old.example'), 'ben@new.example');
    await linkIn(world, asked, 'confirm', 'confirm');
    const early = await readdress(world, ['resend', asked.id]);
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('too-many-requests') });
    world.pass(61_000);
    expect(await readdress(world, ['resend', asked.id])).toMatchObject({
      code: 0,
      lines: [{ id: asked.id, status: 'pending' }],
    });
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm', 2));
    await until(world, asked, { status: 'committed' });
    expect(await readdress(world, ['resend', asked.id])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('committed'),
    });
  });

  test('`forget` says what it will do, and then nothing of the user is left but counters', async () => {
    const own = await startWorld();
    const [eve, other] = [addPerson(own, 'eve@old.example'), addPerson(own, 'flo@old.example')];
    await change(own, eve, 'eve@new.example');
    const open = await ask(own, eve, 'eve@third.example');
    await change(own, other, 'flo@new.example');
    await quiet(own);
    const before = await dump(own);

    const dry = await readdress(own, ['forget', eve.sub, '--dry-run']);
    expect(dry).toMatchObject({ code: 0, lines: [] });
    expect(dry.stderr).toMatch(/2 changes .* 1 of them open .* 1 with an undo right/);
    const refused = await readdress(own, ['forget', eve.sub], {}, { ask: async () => 'n' });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nothing was changed'),
    });
    expect(Object.keys(await dump(own)).toSorted()).toEqual(Object.keys(before).toSorted());

    const gone = await readdress(own, ['forget', eve.sub]);
    expect(gone).toMatchObject({ code: 0, lines: [{ changes: 2, auditLines: 4 }] });
    expect(gone.stderr).toBe(dry.stderr);
    const { lines: trail } = await readdress(own, ['audit', '1000']);
    expect(new Set(trail.map(({ sub }) => sub))).toEqual(new Set([other.sub]));
    expect((await readdress(own, ['status', eve.sub])).lines).toEqual([
      expect.stringContaining('there is no change'),
    ]);
    expect((await own.call('GET', '/v1/email-changes/current', { token: open.token })).status).toBe(
      404,
    );
    expect((await readdress(own, ['status', other.sub])).lines).toMatchObject([
      { status: 'committed' },
    ]);
    // Tasks that were due for what is gone end by themselves, and the user may begin anew.
    own.pass(40 * 24 * 3_600_000);
    await quiet(own);
    expect(own.logs.filter(({ level }) => level === 'error')).toEqual([]);
    const anew = await ask(own, eve, 'eve@fourth.example');
    expect((await view(own, anew)).status).toBe('pending');
  });

  test('`forget` leaves alone what is being carried out', async () => {
    const own = await startWorld();
    const asked = await ask(own, addPerson(own, 'gil@old.example'), 'gil@new.example');
    const confirm = await linkIn(own, asked, 'confirm', 'confirm');
    await quiet(own);
    await own.workers!.close();
    await use(own, 'confirm', confirm);
    const { code, stderr } = await readdress(own, ['forget', asked.sub]);
    expect(code).toBe(1);
    expect(stderr).toContain(`not now: ${asked.id}`);
    expect((await view(own, asked)).status).toBe('confirmed');
  });

  test('`restored` says what it will do, and leaves it where somebody says no', async () => {
    const own = await startWorld();
    const asked = await ask(own, addPerson(own, 'hal@old.example'), 'hal@new.example');
    for (const more of [['--dry-run'], []]) {
      const { stderr } = await readdress(own, ['restored', ...more], {}, { ask: async () => '' });
      expect(stderr).toContain('is withdrawn');
      expect(stderr).toContain(': 1 now');
    }
    expect((await view(own, asked)).status).toBe('pending');
    expect(await own.redis.exists(`${own.prefix}:lost`)).toBe(0);
    const { lines } = await readdress(own, ['restored', '--yes']);
    expect(lines).toEqual([{ closed: 1, leftToTheTenant: 0, unreadable: 0 }]);
  });

  test('`keys rotate` is what `reseal` was, and `keys new` makes a key that fits', async () => {
    const { lines } = await readdress(world, ['keys', 'new']);
    const rotated = { SEALING_KEYS: `${lines[0]},${world.env['SEALING_KEYS']}` };
    const done = await readdress(world, ['keys', 'rotate', '--json'], rotated);
    expect(done).toMatchObject({ code: 0, lines: [{ unreadable: 0 }] });
    expect(done.lines[0].resealed).toBeGreaterThan(0);
    expect(await readdress(world, ['reseal'], rotated)).toMatchObject({
      code: 0,
      lines: [{ resealed: 0, unreadable: 0 }],
    });
    // Back again, for the other tests.
    const back = { SEALING_KEYS: `${world.env['SEALING_KEYS']},${lines[0]}` };
    expect((await readdress(world, ['keys', 'rotate'], back)).code).toBe(0);
  });

  test('`webhook test` pings the receiver with a signature, and says what it answered', async () => {
    const receiver = await startReceiver();
    const hook = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRETS: `whsec_${'A'.repeat(32)}` };
    expect(await readdress(world, ['webhook', 'test', '--json'], hook)).toMatchObject({
      code: 0,
      lines: [{ status: 204 }],
    });
    expect(JSON.parse(receiver.deliveries[0]!.body)).toMatchObject({ type: 'readdress.ping' });
    receiver.react(() => 401);
    expect(await readdress(world, ['webhook', 'test'], hook)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('WEBHOOK_SECRETS'),
    });
    expect((await readdress(world, ['webhook', 'test'])).stderr).toContain(
      'WEBHOOK_URL is not set',
    );
  });

  test('`token` names all that is wrong with an access token, and prints nothing of it', async () => {
    const whysOf = async (token: string, env = {}): Promise<string[]> => {
      const { lines, stderr } = await readdress(world, ['token', token, '--json'], env);
      expect(JSON.stringify(lines) + stderr).not.toContain(token.slice(0, 30) || 'x');
      return lines[0].problems.map(({ why }: { why: string }) => why);
    };
    const good = await world.token('auth0|a');
    const bare = await world.tenant.accessToken({ sub: 'auth0|a', scope: 'openid' });
    expect(await whysOf(good)).toEqual([]);
    expect(await whysOf(`Bearer ${good}`)).toEqual([]);
    expect(await whysOf('opaque-token-without-dots')).toEqual(['malformed']);
    expect(await whysOf(bare)).toEqual(['scope', 'claim-missing']);
    expect(await whysOf(good, { AUTH0_AUDIENCE: 'https://other/' })).toEqual(['audience']);
    expect(await whysOf(good, { AUTH0_ISSUERS: 'https://other/' })).toEqual(['issuer']);
    expect(await whysOf(`${good.slice(0, -8)}AAAAAAAA`)).toEqual(['signature']);
    expect(await whysOf(good, { DPOP: 'required' })).toEqual(['unbound-token']);
    const old = await world.token('auth0|a', { claims: { 'https://readdress/auth_time': 1 } });
    expect(await whysOf(old)).toEqual(['too-old']);
    const read = async () => `${good}\n`;
    expect(await readdress(world, ['token', '-'], {}, { read })).toMatchObject({
      code: 0,
      lines: ['nothing is wrong with this token'],
    });
  });
});

test('of several tenants one is named, by its path or domain', async () => {
  const world = await startWorld({ workers: false });
  const folder = await mkdtemp(join(tmpdir(), 'readdress-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'tenants.json');
  const { AUTH0_DOMAIN: domain, SEALING_KEYS: own, ...rest } = world.env;
  const other = Buffer.alloc(32, 3).toString('base64');
  const tenants = [
    { path: '/a', AUTH0_DOMAIN: domain, SEALING_KEYS: own },
    { path: '/b', AUTH0_DOMAIN: 'other.test', SEALING_KEYS: other },
  ];
  await writeFile(file, JSON.stringify(tenants));
  const env = { ...rest, TENANTS_FILE: file };
  const unnamed = await readdress({ env }, ['parked']);
  expect(unnamed).toMatchObject({ code: 64, stderr: expect.stringContaining('/a, /b') });
  for (const name of ['/a', domain!])
    expect(await readdress({ env }, ['parked', '--tenant', name])).toMatchObject({
      code: 0,
      lines: ['nothing is parked'],
    });
  // Its own tenant alone: nothing was ever sealed for this one.
  expect((await readdress({ env }, ['parked', '--tenant', '/b'])).code).toBe(1);
});

test('`init` writes a .env that only its owner reads, asks what it must, and writes over nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'readdress-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, '.env');
  const answers: Record<string, string> = {
    REDIS_URL: '',
    AUTH0_DOMAIN: 'acme.eu.auth0.com',
    PUBLIC_URL: 'https://account.acme.example',
    AUTH0_AUDIENCE: 'https://account.acme.example/',
    AUTH0_CLIENT_ID: 'abc',
    AUTH0_CLIENT_SECRET: `it's "quoted" $HOME`,
    SMTP_URL: 'smtp://mail.acme.example:587',
  };
  const asked: string[] = [];
  const person = async (question: string) => {
    const name = /^(\w+)(?: \[.*\])?: $/m.exec(question)![1]!;
    asked.push(name);
    return answers[name] ?? '';
  };
  const given = ['--set', 'MAIL_FROM=Acme <no-reply@acme.example>'];
  const done = await readdress(nobody, ['init', file, ...given, '--json'], {}, { ask: person });
  expect(done).toMatchObject({ code: 0, lines: [{ file, problems: [] }] });
  expect(asked.toSorted()).toEqual(Object.keys(answers).toSorted());
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const { parseEnv } = await import('node:util');
  const env = parseEnv(await readFile(file, 'utf8'));
  expect(env['SEALING_KEYS']).toMatch(/^[\w+/]{43}=$/);
  expect(env['REDIS_PASSWORD']).toMatch(/^[0-9a-f]{48}$/);
  expect(env['AUTH0_CLIENT_SECRET']).toBe(answers['AUTH0_CLIENT_SECRET']);
  expect(readBothConfigs(env).workers.mailFrom).toBe('Acme <no-reply@acme.example>');

  const again = await readdress(nobody, ['init', file]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
  expect(parseEnv(await readFile(file, 'utf8'))).toEqual(env);
  const forced = await readdress(nobody, ['init', file, '--force', '--json']);
  expect(forced.lines[0].problems).toContainEqual(expect.stringContaining('AUTH0_DOMAIN: '));
  expect(parseEnv(await readFile(file, 'utf8'))['SEALING_KEYS']).not.toBe(env['SEALING_KEYS']);
});
