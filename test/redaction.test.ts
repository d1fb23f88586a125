/**
 * What a stolen log or a stolen dump of Redis would show: after a story with everything in it that
 * can go wrong, neither holds an address, a token, a secret or a user id, in clear or in base64.
 */
import { connect } from 'node:net';
import { expect, inject, onTestFinished, test } from 'vitest';
import { expectClean, spellings } from './support/spellings.ts';
import {
  ask,
  askAndReadMail,
  commitChange,
  confirm,
  dump,
  newUser,
  send,
  submit,
} from './support/wire.ts';
import { eventually, startWorld, tokenIn, untilStatus, type World } from './support/world.ts';

/**
 * Every command that touches this world's keys, as Redis itself hears it, scripts' inner ones too. By a
 * socket of our own: a busy Redis sends the first lines together with its OK, and ioredis chokes on them.
 */
async function listenToRedis(world: World): Promise<{ stop: () => string[] }> {
  const domain = world.prefix.slice(world.prefix.indexOf('{') + 1, -1);
  const { hostname, port, username, password } = new URL(inject('redisUrl'));
  const socket = connect(Number(port || 6379), hostname);
  onTestFinished(() => void socket.destroy());
  let heard = '';
  socket.setEncoding('latin1').on('data', (text: string) => (heard += text));
  const login = password === '' ? '' : `AUTH ${username || 'default'} ${password}\r\n`;
  socket.write(`${login}MONITOR\r\n`);
  await eventually(() => heard.includes('+OK'), 'Redis to be heard');
  return {
    stop() {
      socket.destroy();
      return heard.split('\r\n').filter((line) => line.includes(domain));
    },
  };
}

test('spellings are found where they hide', () => {
  const secret = 'ada.byron@old.example';
  for (const hidden of [
    secret.toUpperCase(),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
    Buffer.from(`x${secret}`).toString('base64'),
    Buffer.from(`{"email":"${secret}"}`).toString('base64url'),
    Buffer.from(secret).toString('hex'),
  ])
    expect(
      spellings(secret).some((spelling) => spelling.test(`… ${hidden} …`)),
      hidden,
    ).toBe(true);
  expect(spellings(secret).some((spelling) => spelling.test('ada is here'))).toBe(false);
});

test('neither the log at its most talkative nor Redis ever holds an address, a token, a secret or a user id', async () => {
  const world = await startWorld({
    env: {
      LOG_LEVEL: 'trace',
      CODE: 'on',
      LIMIT_LINK: '40/1m',
      RETURN_URLS: 'https://app.example/secret-return',
    },
  });
  const redis = await listenToRedis(world);
  const secrets: Record<string, string> = {
    'client secret': world.tenant.clientSecret,
    'sealing key': world.env['SEALING_KEYS']!,
  };
  const keep = (name: string, secret: string) => (secrets[name] = secret);
  const meet = async (name: string) => {
    const user = await newUser(world, `${name}.byron@old.example`);
    keep(`${name}: sub`, user.sub);
    keep(`${name}: id`, user.sub.replace('auth0|', ''));
    keep(`${name}: address`, user.email);
    keep(`${name}: local part`, `${name}.byron`);
    keep(`${name}: access token`, user.token);
    keep(`${name}: signature`, user.token.split('.')[2]!);
    return user;
  };

  // The whole way, and back.
  const ada = await meet('ada');
  const change = await commitChange(
    world,
    ada,
    'ada.lovelace@New.Example.org'.replace('New.Example', 'new.example'),
    {
      returnTo: 'https://app.example/secret-return',
      locale: 'de',
    },
  );
  keep('new address', change.email);
  keep('new local part', 'ada.lovelace');
  keep('confirm token', change.confirm);
  keep('cancel token', change.cancel);
  const changed = await world.inbox.waitFor((mail) => mail.text.includes('/undo#'));
  const undo = keep('undo token', tokenIn(changed.text, 'undo'));
  await world.call('POST', '/v1/undo', { body: { token: undo }, headers: { prefer: 'wait=10' } });
  await untilStatus(world, ada.token, change.id, 'undone');

  // A taken address.
  const bob = await meet('bob');
  world.tenant.addUser({ email: 'taken.one@new.example.org', password: 'correct horse' });
  keep('taken address', 'taken.one@new.example.org');
  const taken = await askAndReadMail(world, bob, 'taken.one@new.example.org');
  await confirm(world, taken.confirm);
  await untilStatus(world, bob.token, taken.id, 'rejected');

  // A mail server that refuses, and quotes what it refuses.
  const eve = await meet('eve');
  world.inbox.fault({
    stage: 'rcpt',
    match: /refused\.one@/,
    action: { code: 550, message: '5.1.1 <refused.one@new.example.org> is unknown here' },
  });
  keep('refused address', 'refused.one@new.example.org');
  const refused = await ask(world, eve.token, 'refused.one@new.example.org');
  await untilStatus(world, eve.token, refused.body.id, 'rejected');
  // One that only wants to be asked later.
  world.inbox.fault({
    stage: 'rcpt',
    match: /later\.one@/,
    times: 1,
    action: { code: 451, message: '4.7.1 <later.one@new.example.org> greylisted' },
  });
  keep('greylisted address', 'later.one@new.example.org');
  await ask(world, (await meet('kim')).token, 'later.one@new.example.org');
  await eventually(
    () => world.logs.some(({ event }) => event === 'task.later'),
    'the deferred mail',
  );

  // A tenant in trouble, which plays back what it was told.
  const max = await meet('max');
  const trouble = await askAndReadMail(world, max, 'trouble.one@new.example.org');
  keep('trouble address', 'trouble.one@new.example.org');
  world.tenant.faults.add({
    kind: 'status',
    status: 400,
    times: 1,
    match: { method: 'PATCH' },
    body: {
      statusCode: 400,
      error: 'Bad Request',
      message: `trouble.one@new.example.org of ${max.sub} is not welcome`,
      errorCode: 'x',
    },
  });
  await confirm(world, trouble.confirm);
  await eventually(() => world.logs.some(({ said }) => String(said).includes('is not welcome')));
  world.tenant.faults.add({
    kind: 'reset',
    times: 1,
    match: { method: 'GET', path: '/api/v2/users/' },
  });
  await ask(world, max.token, 'reset.one@new.example.org');
  keep('reset address', 'reset.one@new.example.org');

  // Every kind of bad request, with secrets in every place.
  const token = ada.token;
  const evil = keep('typed nonsense', 'nonsense.one@@new.example.org');
  await ask(world, token, evil);
  await ask(world, token, 'x@new.example.org', {
    returnTo: keep('bad return', 'https://evil.example/keep-me-out'),
  });
  await world.call('POST', '/v1/email-changes', { token, body: `{"email":"${evil}"` });
  await world.call('POST', '/v1/email-changes', { token: `${token}x`, body: {} });
  await world.call('GET', `/v1/email-changes/${change.confirm}?access_token=${token}`);
  await world.call('GET', `/v1/email-changes/%zz${change.confirm}`);
  await world.call('GET', `/confirm?token=${taken.confirm}`);
  await world.call('POST', '/v1/email-changes', {
    token,
    body: { email: 'a@b' },
    headers: { 'user-agent': `${evil}\u001b[2J`.replaceAll(/[^\x20-\x7e]/g, '') },
  });
  keep('taken confirm token', taken.confirm);
  await submit(world, '/confirm', taken.confirm);
  await submit(world, '/confirm', `${taken.confirm.slice(0, -1)}!`);
  await confirm(
    world,
    taken.confirm.replace(/^./, (it) => (it === 'A' ? 'B' : 'A')),
  );
  await world.call('POST', `/v1/email-changes/${trouble.id}/confirm`, {
    token: max.token,
    body: { code: '12345678' },
  });
  for (let i = 0; i < 40; i += 1) await confirm(world, taken.confirm);
  const asPlain = await send(world.api, '/v1/email-changes', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/plain' },
    body: evil,
  });
  expect(asPlain.status).toBe(415);

  const heard = redis.stop();
  expect(heard.length).toBeGreaterThan(100);
  const held = await dump(world);
  const events = new Set(world.logs.map(({ event }) => event));
  for (const event of [
    'request.done',
    'email_change.pending',
    'email_change.committed',
    'email_change.rejected',
    'email_change.undone',
    'task.done',
    'task.later',
  ])
    expect(events, event).toContain(event);
  for (const line of world.logs) expect(JSON.stringify(line).length).toBeLessThan(2000);

  const tokenKey = `${world.prefix}:management-token`;
  const stored = world.workers!.deps.sealer.open((await world.redis.get(tokenKey))!, tokenKey);
  const [jwt = ''] = /eyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(stored) ?? [];
  keep('management token', jwt);

  const logged = Object.fromEntries(
    world.logs.map((line, i) => [`log line ${i}`, JSON.stringify(line)]),
  );
  const commands = Object.fromEntries(heard.map((command, i) => [`Redis command ${i}`, command]));
  // The names of keys are as good as their values.
  const names = { 'the names of keys': Object.keys(held).join('\n') };
  expectClean({ ...logged, ...held, ...names, ...commands }, secrets);
}, 30_000);
