/**
 * Where traces go: the names of OpenTelemetry's specification, as far as we read them ourselves
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 */
import { z } from 'zod';
import { isLoopback } from './config-grammar.ts';

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** A collector stands beside us more often than not, without TLS: what we send it holds ids only. */
const endpoint = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    'write the URL of a collector that takes OTLP over HTTP, like http://127.0.0.1:4318',
  )
  .refine(
    (text) => !URL.canParse(text) || new URL(text).username + new URL(text).password === '',
    'leave credentials out of the URL: OTEL_EXPORTER_OTLP_HEADERS holds them',
  );

/** `name=value,name=value`, where values are percent-encoded (W3C Baggage). */
const PAIRS = /^\s*[\w.-]+\s*=[^,;\s]+\s*(?:,\s*[\w.-]+\s*=[^,;\s]+\s*)*$/;

const isDecoded = (text: string): boolean => {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
};
const pairs = z.string().refine((text) => PAIRS.test(text) && isDecoded(text), {
  message: 'write name=value, comma list; values are percent-encoded',
});

export const traces = {
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs.optional(),
  OTEL_SERVICE_NAME: z.string().max(255).optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs.optional(),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS, `write one of ${SAMPLERS.join(', ')}`)
    .default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(?:0(?:\.\d{1,9})?|1(?:\.0+)?)$/, 'write a share from 0 to 1, like 0.1')
    .transform(Number)
    .prefault('1'),
  OTEL_SDK_DISABLED: z.enum(['true', 'false'], 'write true or false').default('false'),
};

type Values = z.output<z.ZodObject<typeof traces>>;

/** `undefined` where nobody wants traces. */
export const tracesOf = (s: Values) =>
  s.OTEL_EXPORTER_OTLP_ENDPOINT === undefined || s.OTEL_SDK_DISABLED === 'true'
    ? undefined
    : {
        url: `${s.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/+$/, '')}/v1/traces`,
        headers: recordOf(s.OTEL_EXPORTER_OTLP_HEADERS),
        service: s.OTEL_SERVICE_NAME,
        attributes: recordOf(s.OTEL_RESOURCE_ATTRIBUTES),
        sampler: s.OTEL_TRACES_SAMPLER,
        share: s.OTEL_TRACES_SAMPLER_ARG,
      };
export type Traces = NonNullable<ReturnType<typeof tracesOf>>;

const recordOf = (text = ''): Record<string, string> =>
  Object.fromEntries(
    text
      .split(',')
      .filter((pair) => pair.trim() !== '')
      .map((pair) => {
        const at = pair.indexOf('=');
        return [pair.slice(0, at).trim(), decodeURIComponent(pair.slice(at + 1).trim())];
      }),
  );

/** A key of an observability service is not sent in clear across a network. */
export function checkTraces(s: Record<string, unknown>): string[] {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_HEADERS: headers } = s;
  if (headers === undefined || typeof url !== 'string' || !URL.canParse(url)) return [];
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopback(hostname)
    ? ['OTEL_EXPORTER_OTLP_HEADERS: goes with an https OTEL_EXPORTER_OTLP_ENDPOINT only']
    : [];
}
