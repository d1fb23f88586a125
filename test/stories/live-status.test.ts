/** A change followed live: the state at once, then every transition, whichever process it happens in. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/ports.ts';
import { spawnRedis } from '../../demo/redis.ts';
import { readApiConfig } from '../../src/config.ts';
import { startApi, type Running } from '../../src/process/start-api.ts';
import { comparable, expectProblem, quiet } from '../support/wire.ts';
import { callApi, eventually, startWorld, type LogLine, type World } from '../support/world.ts';
import { gate, recordOf, sealerOf } from '../workers/steps.ts';
import { readdress } from './operator.ts';
import { addPerson, ask, change, linkIn, SECOND, until, use, view, type Change } from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';

// oxlint-disable-next-line typescript/no-explicit-any -- tests read what the wire says.
type Sent = { event?: string; id?: string; retry?: string; data: any };
type Stream = {
  response: Response;
  /** The events so far. */
  events: Sent[];
  /** What each `change` event said of the status. */
  statuses(): string[];
  comments(): number;
  /** Resolves when the server has ended it, with `true`, or the connection broke. */
  ended: Promise<boolean>;
  close(): void;
};

const pathOf = ({ id }: Pick<Change, 'id'>) => `/v1/email-changes/${id}/events`;

/** Opens a stream at one of the APIs and reads on until it ends. It is closed when the test ends. */
async function follow(api: string, asked: Pick<Change, 'id' | 'token'>): Promise<Stream> {
  const hangUp = new AbortController();
  onTestFinished(() => hangUp.abort());
  const response = await fetch(`${api}${pathOf(asked)}`, {
    headers: { authorization: `Bearer ${asked.token}` },
    signal: hangUp.signal,
  });
  const events: Sent[] = [];
  let comments = 0;
  const read = async () => {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        if (block.startsWith(':')) comments += 1;
        else events.push(parse(block));
      }
    }
    return true;
  };
  return {
    response,
    events,
    statuses: () => events.filter(({ event }) => event === 'change').map(({ data }) => data.status),
    comments: () => comments,
    ended: read().catch(() => false),
    close: () => hangUp.abort(),
  };
}

const parse = (block: string): Sent => {
  const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s)));
  return { ...fields, data: JSON.parse(fields['data']) };
};

/** One more API of the same deployment. */
async function startAnotherApi(world: World): Promise<Running> {
  const logTo = { write: (line: string) => void world.logs.push(JSON.parse(line) as LogLine) };
  const running = await startApi(readApiConfig(world.env), { now: () => world.now(), logTo });
  onTestFinished(() => running.close());
  await eventually(async () => (await fetch(`${running.url}/readyz`)).ok);
  return running;
}

const untilStatuses = (stream: Stream, statuses: string[]) =>
  eventually(
    () => JSON.stringify([...new Set(stream.statuses())]) === JSON.stringify(statuses),
    `${statuses.join()}, got ${stream.statuses().join()}`,
  );

describe('a stream', () => {
  test('that can tell no more ends, says so in the log, and its reader is answered what is wrong', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const stream = await follow(world.api, asked);
    await untilStatuses(stream, ['pending']);
    const rejections: unknown[] = [];
    const note = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));

    await world.redis.set(`${world.prefix}:change:${asked.id}`, '7 1 nonsense');
    await world.redis.publish(`${world.prefix}:changed`, asked.id);
    expect(await stream.ended).toBe(true);
    expect(stream.events.at(-1)?.event).toBe('reconnect');
    const faults = world.logs.filter(({ event }) => event === 'request.unavailable');
    expect(faults).toHaveLength(1);
    expectProblem(await world.call('GET', pathOf(asked), { token: asked.token }), 'unavailable');
    expect(rejections).toEqual([]);
  });

  test('tells the state at once, then every transition, whichever process made it, and ends with the last', async () => {
    const world = await startWorld({ env: { CONFIRMATION: 'both' } });
    const other = await startAnotherApi(world);
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const [here, there] = [await follow(world.api, asked), await follow(other.url, asked)];
    for (const stream of [here, there]) {
      const { status, headers } = stream.response;
      expect(status).toBe(200);
      expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-accel-buffering')).toBe('no');
      await untilStatuses(stream, ['pending']);
    }
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    const approve = await linkIn(world, asked, 'approve', 'approve');
    await callApi(world.api, 'POST', '/v1/confirm', { body: { token: confirm } });
    for (const { events } of [here, there])
      await eventually(() => events.some(({ data }) => data.awaiting?.join() === 'current'));
    const { shut, open } = gate();
    world.tenant.faults.add({ kind: 'hold', until: shut, match: { method: 'PATCH' } });
    await callApi(other.url, 'POST', '/v1/approve', { body: { token: approve } });
    for (const stream of [here, there]) await untilStatuses(stream, ['pending', 'confirmed']);
    open();

    for (const stream of [here, there]) {
      expect(await stream.ended).toBe(true);
      expect([...new Set(stream.statuses())]).toEqual(['pending', 'confirmed', 'committed']);
      expect(stream.events.at(-1)!.data).toEqual(await view(world, asked));
      // Each of them says something new, and an id that only grows.
      const told = stream.events.map(({ data }) => JSON.stringify(data));
      expect(new Set(told).size).toBe(told.length);
      const ids = stream.events.map(({ id }) => Number(id));
      expect(ids.toSorted((a, b) => a - b)).toEqual(ids);
    }
  });

  test('of a closed change says what became of it and ends', async () => {
    const world = await startWorld();
    const committed = await change(world, addPerson(world, OLD), NEW);
    await quiet(world);
    const stream = await follow(world.api, committed);
    expect(await stream.ended).toBe(true);
    expect(stream.statuses()).toEqual(['committed']);
  });

  test('goes on while an undo is under way, and ends with it', async () => {
    const world = await startWorld();
    const committed = await change(world, addPerson(world, OLD), NEW);
    const undo = await linkIn(world, committed, 'changed', 'undo');
    const { shut, open } = gate();
    world.tenant.faults.add({ kind: 'hold', until: shut, match: { method: 'PATCH' } });
    await use(world, 'undo', undo);
    const stream = await follow(world.api, committed);
    await untilStatuses(stream, ['committed']);
    open();
    expect(await stream.ended).toBe(true);
    expect(stream.statuses().at(-1)).toBe('undone');
  });

  test.each(['expired', 'superseded', 'canceled', 'rejected'])(
    'ends when the change is %s',
    async (status) => {
      const world = await startWorld({ env: status === 'expired' ? { LINK_TTL: '2s' } : {} });
      const ada = addPerson(world, OLD);
      const asked = await ask(world, ada, NEW);
      const stream = await follow(world.api, asked);
      await untilStatuses(stream, ['pending']);
      if (status === 'superseded') await ask(world, ada, 'ada@third.example');
      if (status === 'canceled') await readdress(world, ['cancel', asked.id]);
      if (status === 'rejected') {
        const confirm = await linkIn(world, asked, 'confirm', 'confirm');
        world.tenant.updateUser(ada.sub, { blocked: true });
        await use(world, 'confirm', confirm);
      }
      expect(await stream.ended).toBe(true);
      expect(stream.statuses().at(-1)).toBe(status);
    },
  );

  test('beats while nothing happens, and with each beat finds what no message told it', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await linkIn(world, asked, 'confirm', 'confirm');
    await quiet(world);
    const stream = await follow(world.api, asked);
    await untilStatuses(stream, ['pending']);
    // Redis promises no delivery: a write whose message is lost.
    const key = `${world.prefix}:change:${asked.id}`;
    const [version] = (await world.redis.get(key))!.split(' ');
    const canceled = {
      ...(await recordOf(world, asked.id)),
      status: 'canceled',
      closedAt: world.now(),
    };
    const sealed = sealerOf(world).seal(JSON.stringify(canceled), asked.id);
    await world.redis.set(key, `${Number(version) + 1} 1 ${sealed}`);

    expect(await stream.ended).toBe(true);
    expect(stream.comments()).toBeGreaterThanOrEqual(1);
    expect(stream.statuses()).toEqual(['pending', 'canceled']);
  }, 30_000);

  test('tells of a confirmation also when the end came before anybody looked', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const stream = await follow(world.api, asked);
    await untilStatuses(stream, ['pending']);
    const key = `${world.prefix}:change:${asked.id}`;
    const [version] = (await world.redis.get(key))!.split(' ');
    const confirmedAt = world.now();
    const rejected = {
      ...(await recordOf(world, asked.id)),
      status: 'rejected',
      reason: 'email-taken',
      agreed: { new: confirmedAt },
      confirmedAt,
      closedAt: confirmedAt + 1,
    };
    const sealed = sealerOf(world).seal(JSON.stringify(rejected), asked.id);
    await world.redis.set(key, `${Number(version) + 2} 1 ${sealed}`);
    await world.redis.publish(`${world.prefix}:changed`, asked.id);

    expect(await stream.ended).toBe(true);
    expect(stream.statuses()).toEqual(['pending', 'confirmed', 'rejected']);
    const [, confirmed, last] = stream.events.map(({ data }) => data);
    expect(confirmed).not.toHaveProperty('reason');
    expect(last.reason).toBe('email-taken');
    const ids = stream.events.map(({ id }) => Number(id));
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  });

  test('ends with the access token that opened it, and tells the app to come back', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const token = await world.token(asked.sub, { expiresIn: 2 });
    const stream = await follow(world.api, { ...asked, token });
    const began = Date.now();
    expect(await stream.ended).toBe(true);
    expect(Date.now() - began).toBeLessThan(4 * SECOND);
    expect(stream.events.at(-1)).toMatchObject({ event: 'reconnect', data: {} });
    expect(stream.statuses()).toEqual(['pending']);
  });

  test('outlives the loss of its connection to Redis', async () => {
    const redis = await spawnRedis();
    onTestFinished(() => redis.stop());
    const client = new Redis(redis.url);
    onTestFinished(() => client.disconnect());
    const world = await startWorld({ env: { REDIS_URL: redis.url } });
    for (const url of [world.api, world.workers!.url])
      await eventually(async () => (await fetch(`${url}/readyz`)).ok);
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    const stream = await follow(world.api, asked);
    await untilStatuses(stream, ['pending']);
    for (let n = 0; n < 3; n += 1) {
      await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await use(world, 'confirm', confirm);
    expect(await stream.ended).toBe(true);
    expect(stream.statuses().at(-1)).toBe('committed');
  });
});

describe('who may listen', () => {
  test('its owner alone: to everybody else the change is as unknown as one that never was', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const token = await world.token(addPerson(world, 'eve@old.example').sub);
    const [foreign, unknown] = [
      await world.call('GET', pathOf(asked), { token }),
      await world.call('GET', pathOf({ id: 'AAAAAAAAAAAAAAAAAAAAAA' }), { token }),
    ];
    expectProblem(foreign, 'not-found');
    expect(comparable(foreign)).toEqual(comparable(unknown));
    expectProblem(await world.call('GET', pathOf(asked)), 'missing-token');
    expectProblem(await world.call('GET', pathOf(asked), { token: `${token}x` }), 'invalid-token');
  });

  test('with six streams at once; the seventh is 429 until one is closed, and others are not concerned', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const streams = await Promise.all(Array.from({ length: 6 }, () => follow(world.api, asked)));
    for (const stream of streams) await untilStatuses(stream, ['pending']);
    const refused = await world.call('GET', pathOf(asked), { token: asked.token });
    expectProblem(refused, 'too-many-requests');
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);

    const eve = await ask(world, addPerson(world, 'eve@old.example'), 'eve@new.example');
    expect((await follow(world.api, eve)).response.status).toBe(200);
    streams[0]!.close();
    await eventually(async () => (await follow(world.api, asked)).response.status === 200);
  });

  test('also after a hundred connections that were given up before they were answered', async () => {
    const world = await startWorld({ workers: false });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    await Promise.all(Array.from({ length: 100 }, (_, n) => giveUp(world, asked, n % 10)));
    const streams = await eventually(async () => {
      const opened = await Promise.all(Array.from({ length: 6 }, () => follow(world.api, asked)));
      if (opened.every(({ response }) => response.status === 200)) return opened;
      for (const each of opened) each.close();
      return undefined;
    }, 'all six places to be free');
    for (const stream of streams) await untilStatuses(stream, ['pending']);
    expect(streams).toHaveLength(6);
  });
});

/** Asks for a stream and hangs up after so many milliseconds. */
async function giveUp(world: World, asked: Change, afterMs: number): Promise<void> {
  const sent = request(`${world.api}${pathOf(asked)}`, {
    agent: false,
    headers: { authorization: `Bearer ${asked.token}` },
  });
  sent.on('error', () => undefined);
  sent.on('response', (answer) => answer.on('error', () => undefined));
  sent.end();
  await once(sent, 'finish');
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  sent.destroy();
}

describe('a shutdown', () => {
  test('ends every stream cleanly, tells the apps to come back, and waits for none of them', async () => {
    const world = await startWorld({ workers: false });
    const other = await startAnotherApi(world);
    const people = Array.from({ length: 3 }, (_, n) => addPerson(world, `u${n}@old.example`));
    const changes = await Promise.all(
      people.map((each, n) => ask(world, each, `u${n}@new.example`)),
    );
    const streams = await Promise.all(changes.map((each) => follow(other.url, each)));
    for (const stream of streams) await untilStatuses(stream, ['pending']);
    const began = Date.now();
    await other.close();
    expect(Date.now() - began).toBeLessThan(2 * SECOND);
    for (const stream of streams) {
      expect(await stream.ended).toBe(true);
      expect(stream.events.at(-1)).toEqual({ event: 'reconnect', retry: '1000', data: {} });
    }
    // Elsewhere the same change is told on.
    const again = await follow(world.api, changes[0]!);
    await untilStatuses(again, ['pending']);
  });

  test(
    'by SIGTERM exits 0 with streams open, long before the grace is over',
    { timeout: 60_000 },
    async () => {
      const world = await startWorld({ workers: false });
      const asked = await ask(world, addPerson(world, OLD), NEW);
      const port = String(await freePort(0));
      const child = spawn(process.execPath, ['--import', 'tsx', 'src/server.ts'], {
        env: { PATH: process.env['PATH'], ...world.env, PORT: port },
        stdio: 'ignore',
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      const exited = once(child, 'exit');
      const url = `http://127.0.0.1:${port}`;
      const isReady = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok;
      await eventually(isReady, 'the process to be ready', 20_000);
      const stream = await follow(url, asked);
      await untilStatuses(stream, ['pending']);
      const began = Date.now();
      child.kill('SIGTERM');
      expect(await stream.ended).toBe(true);
      expect(stream.events.at(-1)!.event).toBe('reconnect');
      expect(await exited).toEqual([0, null]);
      expect(Date.now() - began).toBeLessThan(5 * SECOND);
    },
  );
});

test('a stream that ends leaves nothing behind: two hundred of them in turn by one user', async () => {
  const world = await startWorld();
  const committed = await change(world, addPerson(world, OLD), NEW);
  await until(world, committed, { status: 'committed' });
  for (let n = 0; n < 200; n += 1) {
    const { response, ended } = await follow(world.api, committed);
    expect(response.status).toBe(200);
    expect(await ended).toBe(true);
  }
});
