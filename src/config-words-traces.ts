/** What the settings of traces are, in words. */
import type { traces } from './config-traces.ts';
import type { WordsOf } from './config-words.ts';

export const TRACES: WordsOf<{ shape: typeof traces }> = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    about:
      'The collector that takes traces by OTLP over HTTP (docs/operations.md). Off when empty; the names are those of OpenTelemetry',
    example: 'http://127.0.0.1:4318',
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    about: 'Sent along with traces: name=value, comma list, values percent-encoded',
    secret: true,
  },
  OTEL_SERVICE_NAME: {
    about: 'What traces call this process',
    example: 'email-change',
    otherwise: 'readdress-api, readdress-workers, or readdress for both in one',
  },
  OTEL_RESOURCE_ATTRIBUTES: {
    about: 'What else traces say of this process: name=value, comma list',
    example: 'deployment.environment.name=production',
  },
  OTEL_TRACES_SAMPLER: { about: 'Which traces are kept; a change is kept whole or not at all' },
  OTEL_TRACES_SAMPLER_ARG: { about: 'The share of traces that a traceidratio keeps, 0 to 1' },
  OTEL_SDK_DISABLED: { about: 'true: no traces, whatever else is set' },
};
