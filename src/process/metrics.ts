/**
 * What an operator watches, in Prometheus' words (docs/operations.md lists it). Labels are closed
 * sets, so that no id, address or path ever becomes one. Where there are several tenants, `tenant` is
 * the name of one of them in TENANTS_FILE; where there is one, nobody says it.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Signals } from '../signals.ts';
import type { ChangeStore } from '../store/changes.ts';
import type { Pulse } from '../store/pulse.ts';
import { KINDS } from '../store/lanes.ts';
import { StoreUnavailable } from '../store/redis.ts';

export type Metrics = ReturnType<typeof createMetrics>;

const QUICK_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const SLOW_S = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25];

/** The measures of one process. `process` adds Node's own: memory, event loop, garbage collection. */
export function createMetrics({ process = false } = {}) {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const ofEach = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['tenant'] as const, registers });
  if (process) collectDefaultMetrics({ register: registry });
  return {
    registry,
    requests: new Histogram({
      name: 'readdress_http_request_duration_seconds',
      help: 'Requests by route as written in the code and by status.',
      labelNames: ['method', 'route', 'status', 'tenant'] as const,
      buckets: QUICK_S,
      registers,
    }),
    denied: new Counter({
      name: 'readdress_denied_total',
      help: 'Requests that were answered 401 or 403, and why.',
      labelNames: ['why', 'tenant'] as const,
      registers,
    }),
    support: new Counter({
      name: 'readdress_support_calls_total',
      help: 'What support did at its own door: read, request, resend, cancel.',
      labelNames: ['call', 'tenant'] as const,
      registers,
    }),
    transitions: new Counter({
      name: 'readdress_transitions_total',
      help: 'Email changes that came to this status, and why.',
      labelNames: ['status', 'reason', 'tenant'] as const,
      registers,
    }),
    tasks: new Histogram({
      name: 'readdress_task_duration_seconds',
      help: 'Runs of tasks by kind and outcome: done, later, pause, parked, failed, stale, vanished.',
      labelNames: ['task', 'outcome', 'tenant'] as const,
      buckets: SLOW_S,
      registers,
    }),
    mails: new Counter({
      name: 'readdress_mails_total',
      help: 'Attempts at mails by template and outcome: sent, later, ours, relay, away, doubt, undeliverable, given-up, muted.',
      labelNames: ['template', 'outcome', 'tenant'] as const,
      registers,
    }),
    tenantCalls: new Histogram({
      name: 'readdress_tenant_call_duration_seconds',
      help: 'Calls to the Management API by method and status; none: no answer came.',
      labelNames: ['method', 'status', 'tenant'] as const,
      buckets: SLOW_S,
      registers,
    }),
    drift: new Counter({
      name: 'readdress_drift_in_doubt_total',
      help: "Readings that found somebody else's address while a write of ours may still land over it.",
      labelNames: ['tenant'] as const,
      registers,
    }),
    access: new Gauge({
      name: 'readdress_tenant_access',
      help: 'At the start of workers: 1 when the tenant takes our credentials, and grants the scopes; else 0.',
      labelNames: ['what', 'tenant'] as const,
      registers,
    }),
    clockSkew: gauge(
      'readdress_clock_skew_seconds',
      "How far this machine's wall clock is ahead of Redis' clock.",
    ),
    backlog: {
      redisUp: gauge('readdress_redis_up', '1 when Redis answers.'),
      redisWritable: gauge('readdress_redis_writable', '1 when Redis takes writes.'),
      overdue: ofEach('readdress_overdue_tasks', 'Due tasks that no worker has taken.'),
      oldest: ofEach('readdress_oldest_overdue_seconds', 'How long the oldest of them has waited.'),
      age: new Gauge({
        name: 'readdress_overdue_task_age_seconds',
        help: 'How long the oldest due task of each kind has waited for a worker; none: 0.',
        labelNames: ['task', 'tenant'] as const,
        registers,
      }),
      parked: ofEach('readdress_parked_tasks', 'Tasks out of the way until somebody replays them.'),
    },
  };
}

/** Which of several tenants a sample is of; nothing where there is one. */
type Of = { tenant?: string };
const of = (tenant: string | undefined): Of => (tenant === undefined ? {} : { tenant });

/** Counts what a tenant's doors tell. */
export function measureSignals({ hear }: Signals, metrics: Metrics, tenantName?: string): void {
  const tenant = of(tenantName);
  hear('request', ({ method, route, status, ms, why }) => {
    metrics.requests.observe({ method, route, status, ...tenant }, ms / 1000);
    if (why) metrics.denied.inc({ why, ...tenant });
  });
  hear('transition', ({ status, reason = '' }) =>
    metrics.transitions.inc({ status, reason, ...tenant }),
  );
  hear('task', ({ kind, word, seconds }) =>
    metrics.tasks.observe({ task: kind, outcome: word, ...tenant }, seconds),
  );
  hear('mail', ({ template, outcome }) => metrics.mails.inc({ template, outcome, ...tenant }));
  hear('support', ({ call }) => metrics.support.inc({ call, ...tenant }));
  hear('drift', () => metrics.drift.inc(tenant));
  hear('access', ({ what, isGranted }) =>
    metrics.access.set({ what, ...tenant }, isGranted ? 1 : 0),
  );
  hear('call', ({ method, status, seconds }) =>
    metrics.tenantCalls.observe({ method, status, ...tenant }, seconds),
  );
}

/** A tenant whose waiting tasks are counted. */
export type Waiting = {
  config: { tenantName?: string };
  changes: Pick<ChangeStore, 'backlog'>;
};

/** All measures as text; what waits in Redis is looked up whenever somebody asks. */
export async function readMetrics(
  { registry, backlog, clockSkew }: Metrics,
  tenants: readonly Waiting[],
  clock: Clock,
  pulse: Pulse,
): Promise<string> {
  clockSkew.set(clock.skewMs() / 1000);
  backlog.redisWritable.set(pulse.trouble() === undefined ? 1 : 0);
  try {
    const now = clock.now();
    const found = await Promise.all(tenants.map(({ changes }) => changes.backlog(now)));
    backlog.redisUp.set(1);
    for (const [i, { overdue, oldestMs, parked, ageMs }] of found.entries()) {
      const tenant = of(tenants[i]!.config.tenantName);
      backlog.overdue.set(tenant, overdue);
      backlog.oldest.set(tenant, oldestMs / 1000);
      backlog.parked.set(tenant, parked);
      for (const task of KINDS)
        backlog.age.set({ task, ...tenant }, Math.max(0, ageMs.get(task) ?? 0) / 1000);
    }
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    backlog.redisUp.set(0);
    backlog.redisWritable.set(0);
    // No answer is not zero.
    for (const gauge of [backlog.overdue, backlog.oldest, backlog.parked, backlog.age])
      gauge.reset();
  }
  return registry.metrics();
}
