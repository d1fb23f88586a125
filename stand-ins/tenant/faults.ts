/** Trouble on demand: what a network and a provider can do to a request, one kind at a time. */
import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { json, type Answer } from './answers.ts';

export type FaultAction =
  /** Answers with this, and does nothing. */
  | { kind: 'status'; status: number; body?: unknown; headers?: Record<string, string> }
  /** Never answers. */
  | { kind: 'hang' }
  /** Cuts the connection before anything is done. */
  | { kind: 'reset' }
  /** Carries the request out, then cuts the connection. */
  | { kind: 'executeThenReset' }
  /** Carries the request out, then answers with this (default 500). */
  | {
      kind: 'executeThenStatus';
      status?: number;
      body?: unknown;
      headers?: Record<string, string>;
    }
  /** Answers with this at once, as an impatient gateway does, and carries the request out then, or after so many ms. */
  | { kind: 'statusThenExecute'; status: number; body?: unknown; until: Promise<unknown> | number }
  /** Carries a PATCH out, as a script of a custom database may, that knows nothing of this field. */
  | { kind: 'executeWithout'; field: string }
  /** Carries the request out, then never answers. */
  | { kind: 'executeThenHang' }
  /** A 200 with an HTML page, as a captive proxy gives it; does nothing. */
  | { kind: 'html200' }
  /** A 200 without a body; does nothing. */
  | { kind: 'empty200' }
  /** Carries the request out, sends half of the answer's body, cuts the connection. */
  | { kind: 'halfBody' }
  /** Carries the request out, sends the first bytes (default 10) of the body, then stalls. */
  | { kind: 'slowBody'; bytes?: number }
  /** Bytes that are no HTTP answer; does nothing. */
  | { kind: 'garbage' }
  /** A redirect (default 307) to `location` (default: the same address again); does nothing. */
  | { kind: 'redirect'; location?: string; status?: number }
  /** Waits, then carries on as if nothing had happened. */
  | { kind: 'delay'; ms: number }
  /** Holds the request back until the promise settles, then carries on. */
  | { kind: 'hold'; until: Promise<unknown> }
  /** Carries the request out, holds the answer back until the promise settles. */
  | { kind: 'executeThenHold'; until: Promise<unknown> };

interface FaultMatch {
  method?: string;
  /** A string matches the start of the decoded path, a RegExp any part of it. */
  path?: RegExp | string;
}

export type Fault = FaultAction & {
  /** Default: every Management API, token and JWKS request. */
  match?: FaultMatch;
  /** How many requests it strikes; default: every one until it is removed. */
  times?: number;
};

interface PlacedFault {
  /** How many requests it has struck. */
  readonly hits: number;
  /** Settles when it strikes for the first time. */
  readonly struck: Promise<void>;
  remove(): void;
}

export interface Faults {
  add(fault: Fault): PlacedFault;
  clear(): void;
}

export interface FaultBox extends Faults {
  /** The fault for this request, oldest first; counts as struck. */
  take(method: string, path: string): FaultAction | undefined;
}

function matches({ match = {} }: Fault, method: string, path: string): boolean {
  if (match.method !== undefined && match.method.toUpperCase() !== method) return false;
  if (match.path === undefined) return true;
  return typeof match.path === 'string'
    ? path.startsWith(match.path)
    : path.search(match.path) !== -1;
}

export function createFaults(): FaultBox {
  interface Placed {
    fault: Fault;
    left: number;
    hits: number;
    strike: () => void;
  }
  const placed = new Set<Placed>();

  return {
    add(fault) {
      const strikes = new EventEmitter();
      const struck = once(strikes, 'struck').then(() => undefined);
      const entry: Placed = {
        fault,
        left: fault.times ?? Infinity,
        hits: 0,
        strike: () => strikes.emit('struck'),
      };
      placed.add(entry);
      return {
        get hits() {
          return entry.hits;
        },
        struck,
        remove: () => void placed.delete(entry),
      };
    },
    clear: () => placed.clear(),
    take(method, path) {
      const entry = [...placed].find(({ fault }) => matches(fault, method, path));
      if (!entry) return undefined;
      entry.left -= 1;
      entry.hits += 1;
      if (entry.left <= 0) placed.delete(entry);
      entry.strike();
      return entry.fault;
    },
  };
}

export function omitField(body: unknown, field: string): unknown {
  return Object.fromEntries(Object.entries(body ?? {}).filter(([name]) => name !== field));
}

/** Writes an answer out; the connection stays usable. */
export function send(res: ServerResponse, { status, headers, body }: Answer): number {
  res.writeHead(status, { ...headers, 'content-length': body.length });
  res.end(body);
  return status;
}

/** How the tenant plays an answer, or the lack of one. */
export interface Play {
  res: ServerResponse;
  url: string;
  /** Headers that every answer of this endpoint has. */
  headers: Answer['headers'];
  /** Carries the request out, without this field of its body. */
  execute: (without?: string) => Promise<Answer>;
}

/**
 * Plays `fault` on one request.
 * @returns the status that went over the wire, 0 for none
 */
export async function playFault(fault: FaultAction, play: Play): Promise<number> {
  const { res, headers, execute } = play;
  const cut = () => {
    res.destroy();
    return 0;
  };
  const hang = async () => {
    if (!res.closed) await once(res, 'close');
    return 0;
  };
  switch (fault.kind) {
    case 'status':
      return send(res, json(fault.status, fault.body ?? {}, { ...headers, ...fault.headers }));
    case 'hang':
      return hang();
    case 'reset':
      return cut();
    case 'executeThenReset':
      await execute();
      return cut();
    case 'executeThenStatus': {
      await execute();
      const status = fault.status ?? 500;
      return send(res, json(status, fault.body ?? {}, { ...headers, ...fault.headers }));
    }
    case 'statusThenExecute': {
      const status = send(res, json(fault.status, fault.body ?? {}, headers));
      await (typeof fault.until === 'number' ? sleep(fault.until) : fault.until);
      await execute();
      return status;
    }
    case 'executeWithout':
      return send(res, await execute(fault.field));
    case 'executeThenHang':
      await execute();
      return hang();
    case 'html200':
      return send(res, {
        status: 200,
        headers: { ...headers, 'content-type': 'text/html' },
        body: Buffer.from('<!doctype html><title>Sign in to the guest network</title>'),
      });
    case 'empty200':
      return send(res, { status: 200, headers, body: Buffer.alloc(0) });
    case 'halfBody':
      return cutBody(res, await execute(), 'half', () => res.destroy());
    case 'slowBody': {
      const status = await cutBody(res, await execute(), fault.bytes ?? 10, () => {});
      await hang();
      return status;
    }
    case 'garbage':
      res.socket?.end('\x00\x17 this is no HTTP \r\n\r\n');
      return 0;
    case 'redirect':
      return send(res, {
        status: fault.status ?? 307,
        headers: { ...headers, location: fault.location ?? play.url },
        body: Buffer.alloc(0),
      });
    case 'delay':
      await sleep(fault.ms);
      return send(res, await execute());
    case 'hold':
      await fault.until;
      return send(res, await execute());
    case 'executeThenHold': {
      const answer = await execute();
      await fault.until;
      return send(res, answer);
    }
    default:
      return fault satisfies never;
  }
}

async function cutBody(
  res: ServerResponse,
  { status, headers, body }: Answer,
  bytes: number | 'half',
  then: () => void,
): Promise<number> {
  res.writeHead(status, { ...headers, 'content-length': Math.max(body.length, 1) });
  res.flushHeaders();
  const part = body.subarray(0, bytes === 'half' ? body.length / 2 : bytes);
  await new Promise<void>((written) => {
    res.write(part, () => written());
  });
  then();
  return status;
}
