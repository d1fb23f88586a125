/** What route tests look at besides a plain JSON call: bytes on the wire, and all that Redis holds. */
import { once } from 'node:events';
import {
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { connect } from 'node:net';
import { expect } from 'vitest';
import { PROBLEMS, type ProblemCode } from '../../src/http/problems.ts';
import { eventually, tokenIn, untilStatus, type Answer, type World } from './world.ts';

export type WireAnswer = { status: number; headers: IncomingHttpHeaders; text: string };
export type WireCall = {
  method?: string;
  headers?: OutgoingHttpHeaders | readonly string[];
  body?: string | Buffer;
  /** Reads no body of an answer with such headers: a stream may not end. */
  stopAt?: (headers: IncomingHttpHeaders) => boolean;
};

/** A request as it is: no header added but Host and framing, none forbidden, nothing followed. */
export async function send(base: string, path: string, call: WireCall = {}): Promise<WireAnswer> {
  const url = new URL(base);
  const sent = request({
    host: url.hostname,
    port: url.port,
    path,
    method: call.method ?? 'GET',
    agent: false,
    ...(call.headers ? { headers: call.headers } : {}),
  });
  sent.end(call.body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  if (call.stopAt?.(answer.headers) === true) answer.destroy();
  else for await (const chunk of answer) chunks.push(chunk as Buffer);
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: Buffer.concat(chunks).toString('utf8'),
  };
}

/** Bytes in, bytes out, until the server ends the connection. */
export async function sendBytes(base: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined); // A server that has answered may cut off what we still send.
  socket.write(bytes);
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  await once(socket, 'close');
  return text;
}

/** The answer to raw bytes, taken apart as strictly as a proxy would. */
export function parseAnswer(raw: string): WireAnswer {
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const [, status] = /^HTTP\/1\.1 (\d{3}) [\w ]+$/.exec(statusLine) ?? [];
  expect(status, raw).toBeDefined();
  const headers = Object.fromEntries(
    lines.map((line) => {
      const [, name = '', value = ''] = /^([\w-]+): (.*)$/.exec(line) ?? [];
      expect(name, line).not.toBe('');
      return [name.toLowerCase(), value];
    }),
  );
  return { status: Number(status), headers, text: rest.join('\r\n\r\n') };
}

/** A press of the button: the form as a browser sends it. */
export const submit = (
  world: World,
  path: string,
  token: string,
  headers: OutgoingHttpHeaders = {},
): Promise<WireAnswer> =>
  send(world.api, path, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'text/html',
      'sec-fetch-site': 'same-origin',
      ...headers,
    },
    body: new URLSearchParams({ token }).toString(),
  });

/** All that Redis holds of this world, as text by key, whatever its type. */
export async function dump({ redis, prefix }: World): Promise<Record<string, string>> {
  const domain = prefix.slice(prefix.indexOf('{') + 1, -1);
  const keys = (await redis.keys(`*${domain}*`)).toSorted();
  const entries = keys.map(
    async (key) => [key, JSON.stringify(await readKey(redis, key))] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function readKey(redis: World['redis'], key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'zset':
      return redis.zrangebyscore(key, '-inf', '+inf', 'WITHSCORES');
    case 'set':
      return redis.smembers(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      return type;
  }
}

/** The state of the service itself: no counters of limits, no wake-ups, no clock, no empty shells of keys. */
export async function state(world: World): Promise<Record<string, string>> {
  const all = Object.entries(await dump(world));
  return Object.fromEntries(
    all.filter(
      ([key, value]) =>
        !/:limit-|:(?:tenant|mail|event|upkeep):|:(?:budget|pulse|epoch:clock)$/.test(key) &&
        !/^("none"|\[\]|\{\})$/.test(value),
    ),
  );
}

/** The answer is this problem, whole and well formed (RFC 9457), and nothing keeps a copy of it. */
export function expectProblem(answer: Answer, code: ProblemCode, label: string = code): void {
  const { status, title } = PROBLEMS[code];
  expect(answer.body, label).toMatchObject({ status, code, title });
  expect(answer.status, label).toBe(status);
  expect(answer.headers.get('content-type'), label).toBe('application/problem+json; charset=utf-8');
  expect(answer.headers.get('cache-control'), label).toBe('no-store');
  const { errors, ...members } = answer.body;
  expect(members, label).toEqual({
    type: expect.stringMatching(new RegExp(`^https?://[^/]+/problems#${code}$`)),
    title,
    status,
    detail: expect.stringMatching(/\S/),
    code,
    instance: expect.stringMatching(/^urn:uuid:[\da-f-]{36}$/),
  });
  for (const error of errors ?? [])
    expect(error, label).toEqual({
      pointer: expect.stringMatching(/^#(\/|$)/),
      detail: expect.stringMatching(/\S/),
    });
}

/** An answer without what differs from one request to the next by nature. */
export function comparable(answer: Answer | WireAnswer): unknown {
  const headers: Record<string, unknown> =
    answer.headers instanceof Headers ? Object.fromEntries(answer.headers) : { ...answer.headers };
  for (const name of ['date', 'ratelimit', 'keep-alive', 'connection']) delete headers[name];
  const text = answer.text.replace(/"instance":"urn:uuid:[\da-f-]{36}"/, '"instance":"…"');
  return { status: answer.status, headers, text };
}

/** Waits until the workers have nothing left to do but what lies in the future. */
export const quiet = (world: World): Promise<true> =>
  eventually(async () => {
    const [leases, due] = await Promise.all([
      world.redis.hlen(`${world.prefix}:leases`),
      world.redis.zcount(`${world.prefix}:due`, '-inf', world.now()),
    ]);
    return leases === 0 && due === 0;
  }, 'the workers to be done');

let users = 0;
/** A new user of this world's tenant with a password, and a fresh access token. */
export async function newUser(
  world: World,
  email = `user${++users}@old.example`,
): Promise<{ sub: string; email: string; token: string }> {
  const { user_id: sub } = world.tenant.addUser({ email, password: 'correct horse' });
  return { sub, email, token: await world.token(sub) };
}

export const ask = (world: World, token: string, email: string, more: object = {}) =>
  world.call('POST', '/v1/email-changes', { token, body: { email, ...more } });

export type Mailed = { id: string; token: string; email: string; confirm: string; cancel: string };

/** A user's request for `email`, up to the moment when both mailboxes have their links. */
export async function askAndReadMail(
  world: World,
  user: { token: string; email: string },
  email: string,
  more: object = {},
): Promise<Mailed> {
  const seen = new Set(world.inbox.messages);
  const asked = await ask(world, user.token, email, more);
  expect(asked.status, asked.text).toBe(202);
  const fresh = (to: string) =>
    world.inbox.waitFor((mail) => mail.to.includes(to) && !seen.has(mail), 15_000);
  const [invitation, notice] = await Promise.all([fresh(email), fresh(user.email)]);
  return {
    id: asked.body.id,
    token: user.token,
    email,
    confirm: tokenIn(invitation.text, 'confirm'),
    cancel: tokenIn(notice.text, 'cancel'),
  };
}

export const confirm = (world: World, token: string, headers: Record<string, string> = {}) =>
  world.call('POST', '/v1/confirm', { body: { token }, headers });

/** The whole way to a committed change. */
export async function commitChange(
  world: World,
  user: { token: string; email: string },
  email: string,
  more: object = {},
): Promise<Mailed> {
  const change = await askAndReadMail(world, user, email, more);
  await confirm(world, change.confirm);
  await untilStatus(world, user.token, change.id, 'committed');
  return change;
}
