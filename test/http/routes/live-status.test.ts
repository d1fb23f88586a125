/** A change followed live: what is recorded, at once and in order, to its owner alone. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { readBothConfigs } from '../../../src/config.ts';
import { startApi } from '../../../src/process/start-api.ts';
import { ask, askAndReadMail, confirm, expectProblem, newUser, send } from '../../support/wire.ts';
import { eventually, startWorld, type World } from '../../support/world.ts';

const JWKS = '/.well-known/jwks.json';

type Event = { event: string; data: { status?: string; id?: string } };

/** Opens the stream and reads it event by event. */
async function follow(
  world: World,
  token: string,
  id: string,
  headers: Record<string, string> = {},
) {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const response = await fetch(`${world.api}/v1/email-changes/${id}/events`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: abort.signal,
  });
  const events: Event[] = [];
  const read = async () => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = /^event: (.*)$/m.exec(block)?.[1];
        if (event)
          events.push({ event, data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '{}') });
      }
    }
  };
  const ended = response.status === 200 ? read() : Promise.resolve();
  ended.catch(() => undefined);
  return { response, events, ended, leave: () => abort.abort() };
}

describe('a followed change', () => {
  test('is told at once, then with every transition, until it is closed', async () => {
    const world = await startWorld({ env: { CORS_ORIGINS: 'https://spa.example' } });
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    const { response, events, ended } = await follow(world, user.token, change.id, {
      origin: 'https://spa.example',
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('access-control-allow-origin')).toBe('https://spa.example');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    await expect.poll(() => events.length).toBeGreaterThan(0);

    await confirm(world, change.confirm);
    await ended;
    const statuses = events.map(({ data }) => data.status);
    expect(statuses[0]).toBe('pending');
    expect(statuses).toContain('confirmed');
    expect(statuses.at(-1)).toBe('committed');
    expect(new Set(events.map(({ event }) => event))).toEqual(new Set(['change']));
    const { body } = await world.call('GET', `/v1/email-changes/${change.id}`, {
      token: user.token,
    });
    expect(events.at(-1)?.data).toEqual(body);
    expect(JSON.stringify(events)).not.toContain(user.email);
  });

  test('that is closed already is told once, and the stream ends', async () => {
    const world = await startWorld({ workers: false });
    const user = await newUser(world);
    const { body } = await ask(world, user.token, 'new@example.org');
    await world.call('DELETE', `/v1/email-changes/${body.id}`, { token: user.token });
    const { events, ended } = await follow(world, user.token, body.id);
    await ended;
    expect(events.map(({ data }) => data.status)).toEqual(['canceled']);
  });

  test('is followed across processes: what one API writes, a stream of the other tells', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    const other = await startApi(readBothConfigs(world.env).api, {
      logTo: { write: () => undefined },
    });
    onTestFinished(() => other.close());
    const elsewhere = { ...world, api: other.url };
    const one = await follow(world, user.token, change.id);
    const two = await eventually(async () => {
      const stream = await follow(elsewhere, user.token, change.id);
      return stream.response.status === 200 && stream;
    }, 'the second API');
    await confirm(world, change.confirm);
    await Promise.all([one.ended, two.ended]);
    expect(one.events.at(-1)?.data.status).toBe('committed');
    expect(two.events.at(-1)?.data.status).toBe('committed');
  });

  test('is followed by its owner alone; to others it is as unknown as any', async () => {
    const world = await startWorld({ workers: false });
    const [owner, other] = [await newUser(world), await newUser(world)];
    const { body } = await ask(world, owner.token, 'new@example.org');
    const path = (id: string) => `/v1/email-changes/${id}/events`;
    expectProblem(await world.call('GET', path(body.id), { token: other.token }), 'not-found');
    expectProblem(
      await world.call('GET', path('AAAAAAAAAAAAAAAAAAAAAA'), { token: owner.token }),
      'not-found',
    );
    expectProblem(await world.call('GET', path(body.id)), 'missing-token');
    const bare = await world.token(owner.sub, { scope: 'openid' });
    expectProblem(await world.call('GET', path(body.id), { token: bare }), 'insufficient-scope');
  });

  test('has a few streams per user, and one that is left makes room', async () => {
    const world = await startWorld({ workers: false });
    const [user, other] = [await newUser(world), await newUser(world)];
    const { body } = await ask(world, user.token, 'new@example.org');
    const streams = await Promise.all(
      Array.from({ length: 6 }, () => follow(world, user.token, body.id)),
    );
    expect(streams.map(({ response }) => response.status)).toEqual(Array(6).fill(200));
    const refused = await world.call('GET', `/v1/email-changes/${body.id}/events`, {
      token: user.token,
    });
    expectProblem(refused, 'too-many-requests');
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    const { body: others } = await ask(world, other.token, 'other@example.org');
    expect((await follow(world, other.token, others.id)).response.status).toBe(200);

    streams[0]?.leave();
    await expect
      .poll(async () => (await follow(world, user.token, body.id)).response.status, {
        interval: 50,
      })
      .toBe(200);
  });

  test('costs nothing when its reader leaves before the first byte', async () => {
    const world = await startWorld({ workers: false });
    const user = await newUser(world);
    const { body } = await ask(world, user.token, 'new@example.org');
    // A key that is not known yet, and a tenant that takes its time to name it.
    const token = await world.token(user.sub, { key: world.tenant.keys.next });
    let answer = (): void => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    const { struck } = world.tenant.faults.add({ kind: 'hold', until, match: { path: JWKS } });
    const gone = new AbortController();
    const left = Array.from({ length: 6 }, () =>
      fetch(`${world.api}/v1/email-changes/${body.id}/events`, {
        headers: { authorization: `Bearer ${token}` },
        signal: gone.signal,
      }),
    );
    await struck;
    // Sent after the six, so the server has them when this is answered.
    await send(world.api, '/livez');
    gone.abort();
    await Promise.allSettled(left);
    await send(world.api, '/livez');
    answer();
    await eventually(
      async () =>
        (await world.call('GET', `/v1/email-changes/${body.id}`, { token })).status === 200,
      'the key',
    );
    for (let i = 0; i < 6; i += 1)
      expect((await follow(world, token, body.id)).response.status).toBe(200);
  });

  test('when the service closes its readers are told to come back, and nothing hangs', async () => {
    const world = await startWorld({ workers: false });
    const user = await newUser(world);
    const { body } = await ask(world, user.token, 'new@example.org');
    const { events, ended } = await follow(world, user.token, body.id);
    await expect.poll(() => events.length).toBe(1);
    const startedAt = performance.now();
    await world.close();
    await ended;
    expect(performance.now() - startedAt).toBeLessThan(3000);
    expect(events.at(-1)?.event).toBe('reconnect');
  });
});
