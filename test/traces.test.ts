/** Traces: one change is one trace, whatever process did its parts; ids only; and nothing where they are off. */
import { channel } from 'node:diagnostics_channel';
import { readdirSync, readFileSync } from 'node:fs';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../demo/ports.ts';
import { openReaddress } from '../index.ts';
import { readBothConfigs, readWorkerConfig } from '../src/config.ts';
import { misspeltIn } from '../src/misspelt.ts';
import { openTraces } from '../src/process/otlp.ts';
import { createTracing } from '../src/process/tracing.ts';
import { openSignals } from '../src/signals.ts';
import { newUser } from './support/wire.ts';
import { eventually, startWorld, untilStatus } from './support/world.ts';

test('what a backend runs goes to the tracer of that backend, and each change has a trace of its own', async () => {
  const world = await startWorld({ workers: false });
  const { tracer, spans } = inMemory();
  // What the backend says to its own SDK is not ours to judge.
  const settings = { ...world.env, OTEL_TRACES_SAMPLER: 'xray' };
  const readdress = await openReaddress(settings, { tracer, logTo: { write: () => undefined } });
  onTestFinished(() => readdress.close());
  const user = await newUser(world);
  const ask = (email: string) =>
    readdress.fetch(
      new Request(`${world.env['PUBLIC_URL']}/v1/email-changes`, {
        method: 'POST',
        headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ email }),
      }),
      { ip: '127.0.0.1' },
    );
  /** The traces in which somebody was invited. */
  const invited = () => [
    ...new Set(
      spans()
        .filter(({ name }) => name === 'process invite')
        .map((span) => span.spanContext().traceId),
    ),
  ];
  const untilInvited = (count: number) =>
    eventually(
      async () => {
        await readdress.runDueTasks({ forMs: 2000 });
        return invited().length === count;
      },
      'the invitation',
      20_000,
    );
  expect((await ask('one@example.org')).status).toBe(202);
  await untilInvited(1);
  expect((await ask('two@example.org')).status).toBe(202);
  await untilInvited(2);

  const requests = spans().filter(({ name }) => name === 'POST /v1/email-changes');
  const [first, second] = requests.map((span) => span.spanContext().traceId);
  expect(first).not.toBe(second);
  expect(invited()).toEqual([first, second]);
});

test('with several tenants in one process each span is made once, and says whose it is', async () => {
  const { tracer, spans } = inMemory();
  const tracing = createTracing(tracer);
  const tenants = ['acme', 'other'].map((name) => {
    const signals = openSignals();
    onTestFinished(() => signals.close());
    const carry = tracing.follow(signals, { host: `${name}.test`, name });
    return { name, signals, carry };
  });
  const written = await Promise.all(
    tenants.map(({ name, signals, carry }) => {
      const task = { change: name, kind: 'commit', attempt: 1, requestId: undefined };
      return signals.during('task', task, async () => {
        // Of the request that asked for it; whoever waits in between is still the same.
        const trace = `00-${name === 'acme' ? 'a' : 'b'}${'0'.repeat(30)}1-${'1'.repeat(16)}-01`;
        signals.tell('opened', { change: name, trace });
        await new Promise((resolve) => setImmediate(resolve));
        signals.tell('call', { method: 'PATCH', status: '200', seconds: 0.1 });
        const carried = carry(trace);
        signals.tell('task', {
          ...task,
          task: 'commit',
          seconds: 0.1,
          word: 'done',
          alarm: false,
          told: {},
        });
        return carried;
      });
    }),
  );
  const tasks = spans().filter(({ name }) => name === 'process commit');
  expect(tasks.map(({ attributes }) => attributes['readdress.tenant'])).toEqual(['acme', 'other']);
  for (const [i, task] of tasks.entries()) {
    const { traceId, spanId } = task.spanContext();
    expect(written[i]).toBe(`00-${traceId}-${spanId}-01`);
    expect(traceId).toBe(`${'ab'[i]}${'0'.repeat(30)}1`);
    const call = spans().find((span) => span.parentSpanContext?.spanId === spanId)!;
    expect(call.attributes['server.address']).toBe(`${tenants[i]!.name}.test`);
  }
  expect(spans()).toHaveLength(4);
  // Outside of a request or task a change keeps the trace that it has.
  expect(tenants[0]!.carry('kept')).toBe('kept');
  expect(tenants[0]!.carry(undefined)).toBeUndefined();
});

describe('where nobody wants traces', () => {
  test('no SDK is loaded, nobody follows, and no record knows of a trace', async () => {
    const world = await startWorld();
    expect(channel('readdress.task.during').hasSubscribers).toBe(false);
    expect(channel('readdress.request.during').hasSubscribers).toBe(false);
    const user = await newUser(world);
    const { body } = await world.call('POST', '/v1/email-changes', {
      token: user.token,
      body: { email: 'new@example.org' },
    });
    await untilStatus(world, user.token, body.id, 'pending');
    const found = await world.workers!.deps.changes.findChange(body.id);
    expect(found!.value).not.toHaveProperty('trace');
    expect((await openTraces(readBothConfigs(world.env).api, 'api')).tracing).toBeUndefined();

    // What is imported by name is loaded always; these only by those who want them.
    const files = ['src', 'workers', 'cli'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `${folder}/${name}`),
    );
    const importers = (what: string) =>
      [...files, 'home.ts', 'index.ts', 'lambda.ts', 'start.ts'].filter((file) =>
        new RegExp(`^import (?!type )[^;]*?from '[^']*${what}`, 'm').test(
          readFileSync(file, 'utf8'),
        ),
      );
    expect(importers('@opentelemetry/')).toEqual(['src/process/tracing.ts']);
    expect(importers('/tracing.ts')).toEqual([]);
    expect(importers('/otlp.ts')).toEqual(['src/server.ts', 'workers/main.ts', 'start.ts']);
  });
});

test('a collector that is away costs a line, and a process that ends waits two seconds for it', async () => {
  const lines: string[] = [];
  const env = {
    ...(await startWorld({ workers: false })).env,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort(0)}`,
  };
  const logTo = { write: (line: string) => void lines.push(line) };
  const traces = await openTraces(readBothConfigs(env).api, 'api', logTo);
  const world = await startWorld({ tracing: traces.tracing });
  const user = await newUser(world);
  const asked = await world.call('POST', '/v1/email-changes', {
    token: user.token,
    body: { email: 'new@example.org' },
  });
  expect(asked.status).toBe(202);
  const startedAt = performance.now();
  await traces.close();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  const events = () => lines.map((line) => (JSON.parse(line) as { event: string }).event);
  await eventually(() => events().includes('traces.lost'), 'the line');
  // The service goes on.
  await world.inbox.waitFor({ to: 'new@example.org' });
});

describe('the settings', () => {
  const base = {
    REDIS_URL: 'redis://127.0.0.1:6379',
    SEALING_KEYS: Buffer.alloc(32, 1).toString('base64'),
    AUTH0_DOMAIN: 'acme.eu.auth0.com',
    PUBLIC_URL: 'https://account.acme.test',
    AUTH0_CLIENT_ID: 'id',
    AUTH0_CLIENT_SECRET: 'secret-of-acme',
    SMTP_URL: 'smtps://mail.acme.test',
    MAIL_FROM: 'no-reply@acme.test',
  };
  const url = 'http://collector:4318/';
  const read = (own: Record<string, string>) => readWorkerConfig({ ...base, ...own }).traces;

  test('an endpoint switches them on, and OTEL_SDK_DISABLED off', () => {
    expect(read({})).toBeUndefined();
    expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
    expect(
      read({
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_RESOURCE_ATTRIBUTES: 'a=1, b=%2C%3D',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.25',
      }),
    ).toEqual({
      url: 'http://collector:4318/v1/traces',
      headers: {},
      service: undefined,
      attributes: { a: '1', b: ',=' },
      sampler: 'parentbased_traceidratio',
      share: 0.25,
    });
  });

  test.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /ENDPOINT: write the URL/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a:b@c.test' }, /ENDPOINT: leave credentials out/],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'no pair' }, /HEADERS: write name=value/],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=%E0%A4%A' }, /HEADERS: write name=value/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: 'k=v' }, /HEADERS: goes with/],
    [{ OTEL_TRACES_SAMPLER: 'sometimes' }, /SAMPLER: write one of always_on/],
    [{ OTEL_TRACES_SAMPLER_ARG: '1.5' }, /SAMPLER_ARG: write a share/],
    [{ OTEL_SDK_DISABLED: 'yes' }, /SDK_DISABLED: write true or false/],
  ])('%j is refused with what to write', (own, problem) => {
    expect(() => read(own as Record<string, string>)).toThrow(problem);
  });

  test('a slip in one of their names is told; what only the SDK reads is none', () => {
    const names = (env: Record<string, string>) => misspeltIn(env).map(({ meant }) => meant);
    expect(names({ OTEL_EXPORTER_OTLP_ENDPONT: url })).toEqual(['OTEL_EXPORTER_OTLP_ENDPOINT']);
    for (const name of [
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
      'OTEL_EXPORTER_OTLP_LOGS_HEADERS',
      'OTEL_EXPORTER_OTLP_TIMEOUT',
      'OTEL_METRICS_EXPORTER',
      'OTEL_TRACES_EXPORTER',
    ])
      expect(names({ [name]: 'x' }), name).toEqual([]);
  });
});

function inMemory() {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  return {
    tracer: provider.getTracer('backend'),
    spans: (): ReadableSpan[] => exporter.getFinishedSpans(),
  };
}
