/**
 * Traces by OpenTelemetry: what is told (src/signals.ts) as spans. A change carries its trace in its record, so
 * that request, mails, click and commit are one trace, whichever process did them. Ids only, as in the log.
 * Loaded only where somebody wants traces; the names are those of OpenTelemetry's conventions where it has some.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace as spans,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { wallClock } from '../clock.ts';
import type { Signals } from '../signals.ts';
import type { Carry } from '../store/swap.ts';

export type Tracing = {
  /** Makes spans of what this deployment tells. `host`: whom its calls go to; `name`: which of several tenants it is. */
  follow(signals: Signals, tenant: { host: string; name: string | undefined }): Carry;
};

/** A request or task. Its span begins when it is known which trace it is of, with the time of its own beginning. */
type Scope = {
  name: string;
  kind: SpanKind;
  attributes: Attributes;
  begunAt: number;
  /** Where a host has traces of its own: the span in which we were called. */
  within: Context;
  trace?: string | undefined;
  span?: Span;
};

/** Requests whose end was not told yet. Of a connection that broke it never is. */
const MAX_REQUESTS = 10_000;

/** Endings of tasks that somebody has to look at. */
const FAULTS = ['failed', 'parked', 'unable', 'store-unavailable'];

export function createTracing(tracer: Tracer): Tracing {
  /** The span of what is being done, in the trace that a change belongs to, if it is about one. */
  const spanOf = (scope: Scope, trace = scope.trace): Span => {
    const parent = trace === undefined ? undefined : contextOf(trace);
    scope.span ??= tracer.startSpan(
      scope.name,
      {
        kind: scope.kind,
        attributes: scope.attributes,
        startTime: scope.begunAt,
        links: parent ? linksTo(scope.within) : [],
      },
      parent ?? scope.within,
    );
    return scope.span;
  };

  return {
    follow(signals, tenant) {
      const { hear } = signals;
      const doing = new AsyncLocalStorage<Scope | undefined>();
      const requests = new Map<string, Scope>();

      signals.follow('request', doing, ({ requestId, method, route }) => {
        const known = requests.get(requestId);
        if (known) return known;
        const [oldest] = requests.keys();
        if (oldest !== undefined && requests.size >= MAX_REQUESTS) requests.delete(oldest);
        const scope = begin(SpanKind.SERVER, route === undefined ? method : `${method} ${route}`, {
          'readdress.tenant': tenant.name,
          'http.request.method': method,
          'http.route': route,
          'readdress.request.id': requestId,
        });
        requests.set(requestId, scope);
        return scope;
      });
      hear('request', ({ requestId, status, why, quiet }) => {
        const scope = requests.get(requestId);
        requests.delete(requestId);
        // What is asked all the time, and did nothing, is no story.
        if (!scope || (quiet && !scope.span)) return;
        const span = spanOf(scope);
        span.setAttributes({ 'http.response.status_code': status, 'readdress.why': why });
        end(span, status >= 500 ? String(status) : undefined);
      });

      signals.follow('task', doing, ({ change, kind, attempt, requestId }) =>
        begin(SpanKind.CONSUMER, `process ${kind}`, {
          'readdress.tenant': tenant.name,
          'readdress.change.id': change,
          'readdress.task.kind': kind,
          'readdress.task.attempt': attempt,
          'readdress.request.id': requestId,
        }),
      );
      hear('opened', ({ trace }) => {
        const scope = doing.getStore();
        if (scope) scope.trace = trace;
      });
      hear('task', ({ word, alarm }) => {
        const scope = doing.getStore();
        if (!scope) return;
        const span = spanOf(scope).setAttribute('readdress.task.outcome', word);
        end(span, alarm || FAULTS.includes(word) ? word : undefined);
      });

      hear('call', ({ method, status, seconds }) => {
        const scope = doing.getStore();
        const endedAt = wallClock();
        const call = tracer.startSpan(
          method,
          {
            kind: SpanKind.CLIENT,
            startTime: endedAt - seconds * 1000,
            attributes: { 'http.request.method': method, 'server.address': tenant.host },
          },
          scope ? spans.setSpan(ROOT_CONTEXT, spanOf(scope)) : ROOT_CONTEXT,
        );
        if (status !== 'none') call.setAttribute('http.response.status_code', Number(status));
        end(call, status === 'none' || Number(status) >= 400 ? status : undefined, endedAt);
      });

      const onSpan = (note: (span: Span) => void) => {
        const scope = doing.getStore();
        if (scope) note(spanOf(scope));
      };
      hear('transition', ({ change, status, reason }) =>
        onSpan((span) =>
          span
            .setAttribute('readdress.change.id', change)
            .addEvent(`email_change.${status}`, { 'readdress.reason': reason }),
        ),
      );
      hear('mail', ({ template, outcome, code }) =>
        onSpan((span) =>
          span.setAttributes({
            'readdress.mail.template': template,
            'readdress.mail.outcome': outcome,
            'readdress.mail.code': code,
          }),
        ),
      );

      return (trace) => {
        const scope = doing.getStore();
        return scope ? traceparentOf(spanOf(scope, trace ?? scope.trace)) : trace;
      };
    },
  };
}

const begin = (kind: SpanKind, name: string, attributes: Attributes): Scope => ({
  name,
  kind,
  attributes,
  begunAt: wallClock(),
  within: context.active(),
});

function end(span: Span, fault: string | undefined, endedAt = wallClock()): void {
  if (fault !== undefined) {
    span.setAttribute('error.type', fault);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end(endedAt);
}

function linksTo(within: Context): Link[] {
  const host = spans.getSpanContext(within);
  return host ? [{ context: host }] : [];
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^00-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/;

function traceparentOf(span: Span): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const text = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  return spans.isSpanContextValid(span.spanContext()) ? text : undefined;
}

function contextOf(trace: string): Context | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(trace) ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  const traceFlags = Number.parseInt(flags!, 16);
  return spans.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}
