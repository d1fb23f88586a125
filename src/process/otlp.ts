/**
 * Sends traces to a collector by OTLP over HTTP (protobuf), with OpenTelemetry's own SDK, which is loaded only
 * where OTEL_EXPORTER_OTLP_ENDPOINT is set. A collector that is away costs spans and a line a minute, nothing else.
 */
import type * as Sdk from '@opentelemetry/sdk-trace';
import type { DestinationStream } from 'pino';
import { ConfigError, type Config } from '../config.ts';
import type { Traces } from '../config-traces.ts';
import { inTime, Late } from '../in-time.ts';
import { createLog, describeError } from './log.ts';
import type { Tracing } from './tracing.ts';

export type Traced = {
  /** `undefined`: nobody wants traces. */
  tracing: Tracing | undefined;
  /** Sends what is left, as long as a process that ends may wait. */
  close: () => Promise<void>;
};

const OFF: Traced = { tracing: undefined, close: async () => undefined };
const CLOSE_MS = 2000;
const TELL_EVERY_MS = 60_000;

/** @throws {ConfigError} where the SDK was left out when the packages were installed */
export async function openTraces(
  config: Pick<Config, 'traces' | 'logLevel'>,
  role: 'api' | 'workers' | 'both',
  logTo?: DestinationStream,
): Promise<Traced> {
  const { traces } = config;
  if (traces === undefined) return OFF;
  const { sdk, core, exporter, resources, createTracing } = await load();
  const log = createLog(config, role, logTo);
  let told = false;
  core.setGlobalErrorHandler((error) => {
    if (told) return;
    told = true;
    setTimeout(() => (told = false), TELL_EVERY_MS).unref();
    log.warn({ event: 'traces.lost', ...describeError(error) });
  });
  const provider = new sdk.TracerProvider({
    sampler: samplerOf(traces, sdk),
    resource: resources.defaultResource().merge(
      resources.resourceFromAttributes({
        'service.name': role === 'both' ? 'readdress' : `readdress-${role}`,
        ...traces.attributes,
        ...(traces.service === undefined ? {} : { 'service.name': traces.service }),
      }),
    ),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new exporter.OTLPTraceExporter({ url: traces.url, headers: traces.headers }),
      }),
    ],
  });
  return {
    tracing: createTracing(provider.getTracer('readdress')),
    close: () =>
      inTime(provider.shutdown(), CLOSE_MS).catch((error: unknown) => {
        const why = error instanceof Late ? { kind: 'Late' } : describeError(error);
        log.warn({ event: 'traces.lost', ...why });
      }),
  };
}

async function load() {
  try {
    const [sdk, core, exporter, resources, { createTracing }] = await Promise.all([
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/core'),
      import('@opentelemetry/exporter-trace-otlp-proto'),
      import('@opentelemetry/resources'),
      import('./tracing.ts'),
    ]);
    return { sdk, core, exporter, resources, createTracing };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new ConfigError([
      'OTEL_EXPORTER_OTLP_ENDPOINT: needs the optional packages @opentelemetry/*, which were not installed',
    ]);
  }
}

function samplerOf({ sampler, share }: Traces, sdk: typeof Sdk): Sdk.Sampler {
  const plain = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(share),
  };
  const name = sampler.replace('parentbased_', '') as keyof typeof plain;
  const root = plain[name]();
  return name === sampler ? root : new sdk.ParentBasedSampler({ root });
}
