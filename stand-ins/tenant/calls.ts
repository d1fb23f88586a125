/** The tenant's memory of every Management API, token and JWKS request. It never holds a secret. */
import { createWaiters } from '../waiters.ts';

export interface Call {
  /** Epoch ms. */
  at: number;
  method: string;
  /** The path without the query, percent-decoded: `/api/v2/users/auth0|123`. */
  path: string;
  query?: Record<string, string>;
  /** What went over the wire; 0 when the caller got no answer (yet). */
  status: number;
  /** The request's body without passwords, secrets, assertions, codes and tokens. */
  body?: unknown;
  userId?: string;
  /** A write that the tenant carried out, whatever its caller was told. */
  effective?: boolean;
  /** The fault that was played on this call. */
  fault?: string;
}

export interface Calls {
  readonly all: Call[];
  begin(call: Omit<Call, 'at' | 'status'>): Call;
  /** To be told that `call` changed: waiters look again. */
  changed(call: Call): void;
  waitFor(matches: (call: Call) => boolean, timeoutMs?: number): Promise<Call>;
}

const OPEN_TOKEN_FIELDS = ['grant_type', 'client_id', 'audience', 'scope', 'client_assertion_type'];

/** The part of a token request that may be remembered. */
export function openTokenFields(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(OPEN_TOKEN_FIELDS.flatMap((f) => (f in body ? [[f, body[f]]] : [])));
}

/** The part of a Management API body that may be remembered. */
export function withoutPassword(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('password' in body)) return body;
  return { ...body, password: '[removed]' };
}

export function createCalls(): Calls {
  const all: Call[] = [];
  const waiters = createWaiters<Call>();
  return {
    all,
    begin(call) {
      const begun: Call = { at: Date.now(), status: 0, ...call };
      all.push(begun);
      waiters.show(begun);
      return begun;
    },
    changed: (call) => waiters.show(call),
    waitFor: (matches, timeoutMs = 5000) =>
      waiters.wait(all, matches, timeoutMs, 'No such call reached the tenant'),
  };
}
