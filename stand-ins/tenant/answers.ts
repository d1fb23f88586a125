/** What an endpoint answers, as a value: faults can then withhold, cut or replace it. */
import { STATUS_CODES } from 'node:http';

export interface Answer {
  status: number;
  headers: Record<string, string | number | string[]>;
  body: Buffer;
}

export function json(status: number, body: unknown, headers: Answer['headers'] = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: Buffer.from(JSON.stringify(body)),
  };
}

export function empty(status: number): Answer {
  return { status, headers: {}, body: Buffer.alloc(0) };
}

/** The Management API's error body: `{statusCode, error, message, errorCode?, attributes?}`. */
export function managementError(status: number, message: string, errorCode?: string): Answer {
  return json(status, {
    statusCode: status,
    error: STATUS_CODES[status],
    message,
    ...(errorCode === undefined ? {} : { errorCode }),
  });
}

/** The Management API's 401, which carries `attributes` and no `errorCode`. */
export function unauthorized(message: string): Answer {
  return json(401, {
    statusCode: 401,
    error: 'Unauthorized',
    message,
    attributes: { error: message },
  });
}

/** The Authentication API's error body. */
export function oauthError(status: number, error: string, description: string): Answer {
  return json(status, { error, error_description: description }, { 'cache-control': 'no-store' });
}
