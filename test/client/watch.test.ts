import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createEmailChangeClient,
  EmailChangeError,
  type EmailChange,
  type Fetch,
  type WatchOptions,
} from '../../client/index.ts';
import {
  CHANGE,
  COMMITTED,
  CONFIRMED,
  json,
  problem,
  startService,
  type Answering,
  type Service,
} from './service.ts';

const services: Service[] = [];
afterEach(() => Promise.all(services.splice(0).map((service) => service.stop())));

/** For streams that are meant to disappoint. */
const IMPATIENT = { patienceMs: 200 };

const isStream = ({ path }: { path: string }) => path.endsWith('/events');
const openStream = (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });
const eventOf = (change: EmailChange, more = '') => `${more}data: ${JSON.stringify(change)}\n\n`;

/** A service whose change is `recorded`, and which answers for streams as the test says. */
async function watched(
  streams: Answering,
  more: WatchOptions & { fetch?: Fetch; polls?: Answering } = {},
) {
  const record = { change: CHANGE };
  const polls: Answering = (asked, response) => {
    const etag = `"${record.change.status}"`;
    if (asked.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end();
    else json(response, 200, record.change, { etag });
  };
  const service = await startService((asked, response, request) =>
    (isStream(asked) ? streams : (more.polls ?? polls))(asked, response, request),
  );
  services.push(service);
  const client = createEmailChangeClient({
    baseUrl: service.baseUrl,
    getAccessToken: () => 'token',
    ...(more.fetch ? { fetch: more.fetch } : {}),
  });
  const seen: string[] = [];
  const options = { pollMs: 10, patienceMs: more.patienceMs ?? 2000, signal: more.signal };
  const watch = (onChange: (change: EmailChange) => void = () => undefined) =>
    client.watch(
      CHANGE.id,
      (change) => {
        seen.push(change.status);
        onChange(change);
      },
      options,
    );
  return { service, record, seen, watch, polls };
}

const countOf = (service: Service, streams: boolean) =>
  service.asked.filter((asked) => isStream(asked) === streams).length;

describe('by stream', () => {
  test('every state is told once, and the final one ends it and closes the stream', async () => {
    let closed = false;
    const { service, seen, watch } = await watched((_, response, request) => {
      openStream(response).write(eventOf(CHANGE) + eventOf(CHANGE) + eventOf(CONFIRMED));
      response.write(`: heartbeat\n\n${eventOf(COMMITTED)}`);
      request.on('close', () => {
        closed = true;
      });
    });
    expect(await watch()).toEqual(COMMITTED);
    expect(seen).toEqual(['pending', 'confirmed', 'committed']);
    await expect.poll(() => closed).toBe(true);
    const [first, second] = service.asked;
    expect(first!.path).toBe(`/v1/email-changes/${CHANGE.id}`);
    expect(second!.path).toBe(`/v1/email-changes/${CHANGE.id}/events`);
    expect(second!.headers).toMatchObject({
      accept: 'text/event-stream',
      authorization: 'Bearer token',
    });
  });

  test('events may arrive in any pieces, with either line ends and fields in any order', async () => {
    const change = { ...COMMITTED, email: 'ada@exämple.test' };
    const text = [
      ': hello',
      '',
      'event: change',
      'id: 7',
      `data:${JSON.stringify(CONFIRMED)}`,
      '',
      `data: ${JSON.stringify(change)}`,
      'retry: 1000',
      '',
      '',
    ].join('\r\n');
    const { seen, watch } = await watched((_, response) => {
      openStream(response).socket!.setNoDelay(true);
      const bytes = [...Buffer.from(text)];
      const next = () => {
        response.write(Buffer.of(bytes.shift()!));
        if (bytes.length > 0) setImmediate(next);
      };
      next();
    });
    expect(await watch()).toEqual(change);
    expect(seen).toEqual(['pending', 'confirmed', 'committed']);
  });

  test('a stream that ends or breaks is taken up again', async () => {
    let streams = 0;
    const { service, seen, watch } = await watched((_, response) => {
      streams += 1;
      openStream(response);
      if (streams === 1) response.end(eventOf(CHANGE));
      else if (streams === 2) response.write(eventOf(CONFIRMED), () => response.destroy());
      else response.write(eventOf(COMMITTED));
    });
    expect((await watch()).status).toBe('committed');
    expect(seen.at(-1)).toBe('committed');
    expect(countOf(service, true)).toBe(3);
  });

  test('a stream that falls silent is given up for a new one', async () => {
    let streams = 0;
    const { watch, seen } = await watched((_, response) => {
      streams += 1;
      openStream(response).write(eventOf(streams === 1 ? CHANGE : COMMITTED));
    }, IMPATIENT);
    expect((await watch()).status).toBe('committed');
    expect(seen).toEqual(['pending', 'committed']);
    expect(streams).toBe(2);
  });

  test('a service that shuts down sends its readers elsewhere', async () => {
    let streams = 0;
    const { seen, watch } = await watched((_, response) => {
      streams += 1;
      const goodbye = 'retry: 1000\nevent: reconnect\ndata: {}\n\n';
      if (streams === 1) openStream(response).end(eventOf(CHANGE, 'event: change\n') + goodbye);
      else openStream(response).write(eventOf(COMMITTED, 'event: change\n'));
    });
    expect(await watch()).toEqual(COMMITTED);
    expect(seen).toEqual(['pending', 'committed']);
    expect(streams).toBe(2);
  });

  test('what is no change of ours in a stream is passed over', async () => {
    const { seen, watch } = await watched((_, response) => {
      openStream(response).write(`data: {"broken\n\ndata:\n\nretry: 5\n\n${eventOf(COMMITTED)}`);
    });
    expect((await watch()).status).toBe('committed');
    expect(seen).toEqual(['pending', 'committed']);
  });
});

describe('by polling', () => {
  const moveOn = (record: { change: EmailChange }, service: Service) =>
    service
      .until(() => countOf(service, false) >= 4)
      .then(() => Object.assign(record, { change: COMMITTED }));

  test.each<[string, Answering]>([
    ['has no more streams to give', (_, response) => problem(response, 429, 'too-many-requests')],
    ['has no streams', (_, response) => problem(response, 404, 'not-found')],
    ['breaks streams before the first event', (_, response) => response.destroy()],
    ['ends streams before the first event', (_, response) => openStream(response).end(': hi\n\n')],
    ['never lets a stream begin', () => undefined],
    ['holds back every event', (_, response) => openStream(response).flushHeaders()],
  ])('where something on the way %s', async (_, streams) => {
    const { service, record, seen, watch } = await watched(streams, IMPATIENT);
    const watching = watch();
    await moveOn(record, service);
    expect(await watching).toEqual(COMMITTED);
    expect(seen).toEqual(['pending', 'committed']);
    expect(countOf(service, true)).toBe(1);
  });

  test('where fetch has no body to read, as in React Native', async () => {
    const withoutBody: Fetch = async (url, init) => {
      const { ok, status, headers, ...rest } = await fetch(url, init).then(async (answer) => ({
        ok: answer.ok,
        status: answer.status,
        headers: answer.headers,
        body: await answer.text(),
      }));
      return { ok, status, headers, text: async () => rest.body };
    };
    const { service, record, seen, watch } = await watched(
      (_, response) => openStream(response).end(eventOf(CHANGE)),
      { fetch: withoutBody },
    );
    const watching = watch();
    await moveOn(record, service);
    expect(await watching).toEqual(COMMITTED);
    expect(seen).toEqual(['pending', 'committed']);
  });

  test('where there is no TextDecoder', async () => {
    const { TextDecoder } = globalThis;
    const { service, record, watch } = await watched(() => undefined);
    Reflect.deleteProperty(globalThis, 'TextDecoder');
    const watching = watch();
    globalThis.TextDecoder = TextDecoder;
    await moveOn(record, service);
    expect((await watching).status).toBe('committed');
    expect(countOf(service, true)).toBe(0);
  });

  test('an unchanged change is asked for by its ETag and told once', async () => {
    const { service, record, seen, watch } = await watched((_, response) => response.destroy());
    const watching = watch();
    await moveOn(record, service);
    await watching;
    const tags = service.asked
      .filter((asked) => !isStream(asked))
      .map(({ headers }) => headers['if-none-match']);
    expect(new Set(tags)).toEqual(new Set([undefined, '"pending"']));
    expect(tags[0]).toBeUndefined();
    expect(seen).toEqual(['pending', 'committed']);
  });

  test('outages are sat out, for as long as the service asks', async () => {
    const times: number[] = [];
    const { service, seen, watch } = await watched((_, response) => response.destroy(), {
      polls: (_, response) => {
        times.push(performance.now());
        if (times.length === 1) problem(response, 503, 'unavailable');
        else if (times.length === 2) response.destroy();
        else if (times.length === 3) response.end('<html>Wi-Fi</html>');
        else if (times.length === 4)
          problem(response, 429, 'too-many-requests', { headers: { 'retry-after': '1' } });
        else json(response, 200, COMMITTED);
      },
    });
    expect((await watch()).status).toBe('committed');
    expect(seen).toEqual(['committed']);
    expect(times[4]! - times[3]!).toBeGreaterThan(790);
    expect(countOf(service, true)).toBe(0);
  });
});

describe('ends', () => {
  test('at once for a change that is closed already, without a stream', async () => {
    const { service, record, seen, watch } = await watched(() => undefined);
    record.change = { ...COMMITTED, status: 'rejected', reason: 'email-taken' };
    expect(await watch()).toMatchObject({ status: 'rejected', reason: 'email-taken' });
    expect(seen).toEqual(['rejected']);
    expect(service.asked.length).toBe(1);
  });

  test.each([
    [404, 'not-found'],
    [401, 'invalid-token'],
    [403, 'insufficient-scope'],
  ])('with the error when the service answers %i', async (status, code) => {
    const { service, watch } = await watched(() => undefined, {
      polls: (_, response) => problem(response, status, code),
    });
    await expect(watch()).rejects.toMatchObject({ name: 'EmailChangeError', code });
    expect(service.asked.length).toBe(1);
  });

  test('with what the callback throws, by stream as by polling', async () => {
    const bug = new Error('bug in the app');
    const { watch } = await watched((_, response) => {
      openStream(response).write(eventOf(CONFIRMED));
    });
    const throwAt = (status: string) =>
      watch((change) => {
        if (change.status === status) throw bug;
      });
    await expect(throwAt('pending')).rejects.toBe(bug);
    await expect(throwAt('confirmed')).rejects.toBe(bug);
  });

  test('with the reason when it is aborted, and asks no more', async () => {
    const reason = new Error('left the page');
    for (const streams of [
      (_: unknown, response: ServerResponse) => void openStream(response).write(eventOf(CHANGE)),
      (_: unknown, response: ServerResponse) => void response.destroy(),
      () => undefined,
    ]) {
      const controller = new AbortController();
      const { service, watch } = await watched(streams, { signal: controller.signal });
      const watching = watch();
      await service.until((asked) => asked.length >= 2);
      controller.abort(reason);
      await expect(watching).rejects.toBe(reason);
      const { length } = service.asked;
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(service.asked.length).toBe(length);
    }
  });

  test('before the first call when it was aborted before', async () => {
    const { service, watch } = await watched(() => undefined, { signal: AbortSignal.abort() });
    await expect(watch()).rejects.toMatchObject({ name: 'AbortError' });
    expect(service.asked).toEqual([]);
  });

  test('with an AbortError where the runtime gives no reason', async () => {
    const controller = new AbortController();
    const signal = new Proxy(controller.signal, {
      get: (target, key) => {
        const value: unknown = key === 'reason' ? undefined : Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const { watch } = await watched(() => undefined, { signal });
    controller.abort();
    const error: unknown = await watch().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(error).not.toBeInstanceOf(EmailChangeError);
  });
});
