/**
 * JSON logs by pino. Ids, never addresses; never a token, link, header, body or query string: what
 * could hold one is not logged in the first place, and redaction is the second line. Event names
 * are a documented contract (docs/operations.md).
 */
import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../config.ts';

const SECRETS = ['token', 'email', 'secret', 'password', 'authorization', 'code', 'link', 'sub'];

/** The codes of a mail server are no secret; one that a person types has eight digits. */
const SMTP_CODE = /^(?:\d{3}(?: [45]\.\d{1,3}\.\d{1,3})?|E[A-Z]+)$/;
const censor = (value: unknown, [name]: string[]): unknown =>
  name === 'code' && typeof value === 'string' && SMTP_CODE.test(value) ? value : '[redacted]';

export function createLog(
  config: Pick<Config, 'logLevel'>,
  role: string,
  destination?: DestinationStream,
): Logger {
  return pino(
    {
      level: config.logLevel,
      base: { role },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor },
    },
    destination,
  );
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
