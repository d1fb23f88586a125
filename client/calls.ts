/** Calls to the service: with a token where one is needed, a renewed login once, errors by code. */
import { EmailChangeError, type Problem } from './errors.ts';

/** The part of `fetch` that is used. */
export type Fetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal?: AbortSignal },
) => Promise<Answer>;
export type Answer = {
  ok: boolean;
  status: number;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
  body?: {
    getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };
  } | null;
};

export type ClientOptions = {
  /** Where the service is, `https://email.example.com`. */
  baseUrl: string;
  /**
   * An access token for the service, asked for with every call: what Auth0's SDKs return. `undefined`, and
   * whatever it throws, means that nobody is signed in. With `maxAge` (seconds) the user has to log in again,
   * unless the last login is more recent than that. Links need no token, but for `confirm` where the
   * service runs with CONFIRM_BY=session.
   */
  getAccessToken?: GetAccessToken;
  fetch?: Fetch;
};

export type GetAccessToken = (options: {
  maxAge?: number;
}) => string | undefined | Promise<string | undefined>;

export type CallOptions = { signal?: AbortSignal | undefined };
type Extra = { body?: object; headers?: Record<string, string> };

/** Resolves with an answer that is no error. */
export type Call = (
  method: string,
  path: string,
  options: CallOptions,
  extra?: Extra,
  renewed?: { maxAge?: number },
) => Promise<Answer>;

export function createCall(options: ClientOptions): Call {
  const { getAccessToken } = options;
  const base = `${options.baseUrl.replace(/\/+$/, '')}/v1/`;
  // Called as a plain function: browsers refuse `fetch` as a method of something else.
  const send: Fetch = options.fetch ?? ((url, init) => fetch(url, init));

  const call: Call = async (method, path, { signal }, extra = {}, renewed) => {
    const headers: Record<string, string> = { accept: 'application/json', ...extra.headers };
    const init: Parameters<Fetch>[1] = { method, headers };
    if (getAccessToken) {
      const token = await getAccessToken(renewed ?? {});
      if (!token) throw new EmailChangeError(401, { code: 'missing-token' });
      headers['authorization'] = `Bearer ${token}`;
    }
    if (extra.body) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(extra.body);
    }
    if (signal) init.signal = signal;
    const answer = await send(base + path, init).catch((cause: unknown) => {
      throwIfAborted(signal);
      throw new EmailChangeError(0, { code: 'unreachable' }, undefined, cause);
    });
    if (answer.ok || answer.status === 304) return answer;
    // RFC 9470: the login is too old. Once: a second challenge is an answer.
    const challenge = answer.headers.get('www-authenticate') ?? '';
    if (!renewed && challenge.includes('insufficient_user_authentication')) {
      const maxAge = /max_age="?(\d+)/.exec(challenge)?.[1];
      return call(method, path, { signal }, extra, maxAge ? { maxAge: Number(maxAge) } : {});
    }
    const retryAfterMs = Number(answer.headers.get('retry-after')) * 1000;
    const problem = (await jsonOf(answer)) as Problem | undefined;
    throw new EmailChangeError(answer.status, problem ?? {}, retryAfterMs || undefined);
  };
  return call;
}

/** A call, and the body of its answer. */
export const createRead =
  (call: Call) =>
  async <T>(...args: Parameters<Call>): Promise<T> =>
    bodyOf(await call(...args), args[2]);

export async function bodyOf<T>(answer: Answer, { signal }: CallOptions): Promise<T> {
  const body = await jsonOf(answer);
  throwIfAborted(signal);
  // Not ours: cut off, or written by something in between.
  if (!body) throw new EmailChangeError(0, {});
  return body as T;
}

const jsonOf = async (answer: Answer): Promise<unknown> =>
  parse(await answer.text().catch(() => ''));

/** Undefined for what is no JSON. */
export const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted)
    throw signal.reason ?? Object.assign(new Error('aborted'), { name: 'AbortError' });
};
