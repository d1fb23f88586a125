/**
 * JSON logs by pino. Ids, never addresses; never a token, link, header, body or query string: what
 * could hold one is not logged in the first place, and redaction is the second line. Event names
 * are a documented contract (docs/operations.md).
 */
import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Signals } from '../signals.ts';

const SECRETS = ['token', 'email', 'secret', 'password', 'authorization', 'code', 'link', 'sub'];

/** The codes of a mail server are no secret; one that a person types has eight digits. */
const SMTP_CODE = /^(?:\d{3}(?: [45]\.\d{1,3}\.\d{1,3})?|E[A-Z]+)$/;
const censor = (value: unknown, [name]: string[]): unknown =>
  name === 'code' && typeof value === 'string' && SMTP_CODE.test(value) ? value : '[redacted]';

export function createLog(
  { logLevel, tenantName }: Pick<Config, 'logLevel' | 'tenantName'>,
  role: string,
  destination?: DestinationStream,
): Logger {
  return pino(
    {
      level: logLevel,
      base: tenantName === undefined ? { role } : { role, tenant: tenantName },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor },
    },
    destination,
  );
}

type Line = readonly ['info' | 'warn' | 'error', event: string, more?: object];
/** How the run of a task ended, in one word, and how that is logged. */
const TASKS = {
  done: ['info', 'task.done', { outcome: 'done' }],
  vanished: ['info', 'task.done', { outcome: 'vanished' }],
  pause: ['info', 'task.done', { outcome: 'pause' }],
  later: ['info', 'task.later'],
  unable: ['error', 'task.given_back'],
  parked: ['error', 'task.parked'],
  stale: ['warn', 'task.stale'],
  failed: ['error', 'task.failed'],
  // Said at once (end-task.ts): nobody knows when such a run can end.
  'store-unavailable': undefined,
} as const satisfies Record<string, Line | undefined>;
export type TaskWord = keyof typeof TASKS;

/** What came of a mail where somebody may have to look; the rest is in the line of its task. */
const MAILS: Record<string, Line> = {
  muted: ['warn', 'mail.muted'],
  undeliverable: ['warn', 'mail.undeliverable', { why: 'address' }],
  'given-up': ['warn', 'mail.undeliverable', { why: 'too-late' }],
  // No user's address is to blame for that, so no user is told so; somebody has to mend it.
  bounced: ['warn', 'mail.bounced'],
  complained: ['warn', 'mail.complained'],
  ours: ['error', 'mail.refused'],
  relay: ['error', 'mail.refused'],
};

/** Writes a line for what a deployment tells. */
export function logSignals({ hear }: Signals, log: Logger): void {
  hear('request', ({ requestId: reqId, method, route, status, ms: exact, why, quiet }) => {
    const ms = Math.round(exact * 10) / 10;
    if (!quiet) log.info({ event: 'request.done', reqId, method, route, status, ms, why });
  });
  hear('transition', ({ status, change, requestId, reason }) =>
    log.info({ event: `email_change.${status}`, change, requestId, reason }),
  );
  hear('act', ({ act, change, requestId, reason }) => {
    if (act === 'undo-refused')
      log.info({ event: 'email_change.undo_refused', change, requestId, reason });
  });
  hear('support', ({ call, change, requestId }) =>
    log[call === 'read' ? 'info' : 'warn']({ event: `support.${call}`, change, requestId }),
  );
  hear('drift', ({ change }) => log.warn({ event: 'commit.drift_in_doubt', change }));
  const write = ([level, event, more]: Line, what: object) =>
    log[level]({ event, ...what, ...more });
  hear('task', ({ change, task, attempt, requestId, word, alarm, told }) => {
    const line: Line | undefined = alarm ? ['error', 'task.later'] : TASKS[word];
    if (line) write(line, { change, task, attempt, requestId, ...told });
  });
  hear('mail', ({ change, template, outcome, code }) => {
    const line = MAILS[outcome];
    if (line) write(line, { change, template, code });
  });
}

/**
 * An error as it may be logged: what kind, where, and why underneath. Messages of other systems
 * are left out, since SMTP and HTTP errors quote addresses and bodies.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { kind: typeof error };
  const { code } = error as { code?: unknown };
  return {
    kind: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { errorCode: code } : {}),
    at: error.stack
      ?.split('\n')
      .find((line) => line.includes(' at '))
      ?.trim(),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
