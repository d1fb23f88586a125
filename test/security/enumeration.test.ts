/**
 * Before its mailbox's owner clicks, nothing tells whether an address is taken: not the answer, not
 * what is stored, not what is done, not how long it takes (OWASP Authentication Cheat Sheet, CWE-204,
 * CWE-208).
 */
import { expect, onTestFinished, test } from 'vitest';
import { readBothConfigs } from '../../src/config.ts';
import { startWorkers } from '../../workers/start-workers.ts';
import { ask, comparable, dump, newUser, quiet } from '../support/wire.ts';
import { eventually, startWorld, TICK_MS, type World } from '../support/world.ts';
import { compare } from './ranks.ts';

/** Whose an address already is. All are of one length. */
const KINDS = {
  free: () => undefined,
  taken: (world: World, email: string) =>
    world.tenant.addUser({ email, email_verified: true, password: 'x' }),
  // The requester's own account at Google, say.
  other: (world: World, email: string) =>
    world.tenant.addUser({ user_id: `google-oauth2|${email.length}${email}`, email }),
} as const;
type Kind = keyof typeof KINDS;
const KIND_NAMES = Object.keys(KINDS) as Kind[];
const addressOf = (kind: string, i = 0): string =>
  `${kind.padEnd(5, '-')}${String(i).padStart(4, '0')}@example.org`;

/** How long what is random is, and that a time is one: not which, since no two are the same. */
const plain = (text: string): string =>
  text.replaceAll(/[\w-]{20,}/g, (random) => `<${random.length}>`).replaceAll(/\d{10,}/g, 'time');

/** All keys, and what each holds or how much of it. */
async function shapeOf(world: World): Promise<[key: string, value: string][]> {
  const entries = Object.entries(await dump(world)).map(([key, value]): [string, string] => [
    plain(key.replace(world.prefix, '')),
    plain(value.replaceAll(world.env['AUTH0_DOMAIN']!, 'tenant')),
  ]);
  return entries
    .filter(
      ([key]) => !/:stalled-check$|:meta$|:tenant:events|:mail:events|:upkeep:|:pulse$/.test(key),
    )
    .toSorted(([a, n], [b, m]) => a.localeCompare(b) || n.localeCompare(m));
}

/** One for all three, for records name the key that sealed them. */
const SEALING_KEYS = Buffer.alloc(32, 7).toString('base64');

async function seen(kind: Kind) {
  const world = await startWorld({ workers: false, env: { SEALING_KEYS } });
  const user = await newUser(world, 'me@old.example');
  const address = addressOf(kind);
  KINDS[kind](world, address);
  const answer = await ask(world, user.token, address);
  // The bell is rung after the answer.
  const rung = async () => (await world.redis.exists(`${world.prefix}:tenant:1`)) === 1;
  await eventually(rung, 'the ring');
  const blank = (text: string) =>
    text.replaceAll(answer.body.id, 'id').replaceAll(address, 'email');
  const { status, headers, text } = JSON.parse(blank(JSON.stringify(comparable(answer))));
  const asked = {
    status,
    headers,
    text: (text as string).replaceAll(/\d{4}-[\dT:.-]+Z/g, 'time'),
    state: await shapeOf(world),
  };

  // Up to the click of the new mailbox, what the workers do is the same as well.
  const workers = await startWorkers(readBothConfigs(world.env).workers, {
    now: () => world.now(),
    tickMs: TICK_MS,
    logTo: { write: () => undefined },
  });
  onTestFinished(() => workers.close());
  await Promise.all([address, user.email].map((to) => world.inbox.waitFor({ to }, 15_000)));
  await quiet(world);
  const { body } = await world.call('GET', '/v1/email-changes/current', { token: user.token });
  return {
    ...asked,
    after: {
      shown: Object.keys(body).toSorted(),
      status: body.status,
      state: (await shapeOf(world)).filter(([key]) => /:(?:change|user|due|audit)/.test(key)),
      mails: world.inbox.messages.map(({ html }) => html.length).toSorted((a, b) => a - b),
      calls: world.tenant.calls.map(
        ({ method, path }) => `${method} ${path.replace(/auth0.*$/, '…')}`,
      ),
    },
  };
}

test('a free address, a taken one and one of another connection get the same answer, records, jobs, mails and calls', async () => {
  const [free, taken, other] = await Promise.all(KIND_NAMES.map(seen));
  expect(taken).toEqual(free);
  expect(other).toEqual(free);
  // There was something to compare.
  expect(free!.status).toBe(202);
  expect(free!.state.length).toBeGreaterThan(6);
  expect(free!.after.mails).toHaveLength(2);
  expect(free!.after.calls.length).toBeGreaterThan(1);
});

/** Three times as many with the properties (npm run test:properties). */
const TRIES = Number(process.env['TRIES'] ?? 100);
/** Seen over a network nothing smaller tells anything. */
const BAND_MS = 5;
/** A difference of one kind against itself is noise; this much more is not. */
const CLEAR_Z = 4;

async function timesOf(world: World, round: number): Promise<Record<string, number[]>> {
  // The fourth kind is free as well: what it differs by is the noise of this machine, just now.
  const kinds = [...KIND_NAMES, 'same'];
  const times: Record<string, number[]> = Object.fromEntries(kinds.map((kind) => [kind, []]));
  for (let i = 0; i < TRIES; i += 1) {
    const tries = await Promise.all(
      kinds.map(async (kind) => {
        const email = addressOf(kind, round * TRIES + i);
        if (kind !== 'same') KINDS[kind as Kind](world, email);
        return { kind, email, token: await world.token(`auth0|${kind}${round}-${i}`) };
      }),
    );
    // Each kind is in each place as often as any other.
    for (let place = 0; place < tries.length; place += 1) {
      const { kind, email, token } = tries[(place + i) % tries.length]!;
      const at = performance.now();
      const { status } = await ask(world, token, email);
      times[kind]!.push(performance.now() - at);
      expect(status).toBe(202);
    }
  }
  return times;
}

test(`${TRIES} tries of each kind take the same time`, { timeout: 180_000 }, async () => {
  const world = await startWorld({ workers: false, env: { LOG_LEVEL: 'warn' } });
  for (let i = 0; i < 30; i += 1)
    await ask(world, await world.token(`auth0|warm${i}`), addressOf('warm', i));

  const suspicions: string[][] = [];
  // Other work on this machine may strike one kind harder once; a leak is there every time.
  for (let round = 0; round < 3 && suspicions.length === round; round += 1) {
    const { same, free, ...rest } = await timesOf(world, round);
    const noise = compare(same!, free!);
    const suspicious = Object.entries(rest).flatMap(([kind, times]) => {
      const { differenceMs, z } = compare(times, free!);
      const clear = Math.abs(z) > CLEAR_Z && Math.abs(z) > 2 * Math.abs(noise.z);
      return clear || Math.abs(differenceMs) > BAND_MS
        ? [`${kind} differs by ${differenceMs.toFixed(2)} ms, z = ${z.toFixed(1)}`]
        : [];
    });
    if (suspicious.length > 0) suspicions.push(suspicious);
  }
  expect(suspicions.length, JSON.stringify(suspicions)).toBeLessThan(3);
});
