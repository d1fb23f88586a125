/**
 * Readdress in a browser or a native app: change the email address of the signed-in user, follow
 * the change live, and use the links that were mailed. Plain ECMAScript with `fetch`; nothing that
 * React Native lacks is needed.
 */

/** Where a change stands. `pending` and `confirmed` are open, all others are final. */
export type Status =
  | 'pending'
  | 'confirmed'
  | 'committed'
  | 'undone'
  | 'superseded'
  | 'canceled'
  | 'expired'
  | 'rejected';

/** Why a change was rejected, or an undo refused. */
export type Reason =
  | 'same-email'
  | 'email-taken'
  | 'address-drifted'
  | 'credentials-changed'
  | 'user-blocked'
  | 'user-gone'
  | 'unsupported-identity'
  | 'undeliverable'
  | 'deadline-passed'
  | 'refused-by-auth0';

/** Which mailboxes have to agree: the new address, the current one. */
export type Side = 'new' | 'current';

/** What a mailed link is for. */
export type Purpose = 'confirm' | 'approve' | 'cancel' | 'undo';

/** What became of a link. */
export type Outcome = { status: Status; reason?: Reason; awaiting?: Side[] };

/** One email change. Times are ISO 8601. */
export type EmailChange = Outcome & {
  id: string;
  email: string;
  requestedAt: string;
  expiresAt: string;
  /** A resend before this is refused with `too-many-requests`. */
  resendAfter: string;
  mailedAt?: string;
  confirmedAt?: string;
  committedAt?: string;
  undoUntil?: string;
  /** When the silence of the current mailbox becomes consent. */
  waivesAt?: string;
  canceledBy?: 'user' | 'current-mailbox' | 'operator' | 'undo';
  /** Whether the sessions of the user were ended. */
  revocation?: 'pending' | 'done' | 'unsupported' | 'failed';
  /** Auth0 ends the sessions of a user whose address changed: expect a new login. */
  signInAgain?: true;
};

/** What a link would do, to show before its button is pressed. Other people's addresses are masked. */
export type Inspection = Outcome & {
  purpose: Purpose;
  email: string;
  currentEmail?: string;
  expiresAt: string;
};

/** The stable codes of the service, and two of our own: `unreachable` and `unexpected`. */
export type ErrorCode =
  | 'invalid-request'
  | 'invalid-email'
  | 'invalid-return-url'
  | 'invalid-link'
  | 'invalid-code'
  | 'missing-token'
  | 'invalid-token'
  | 'invalid-dpop-proof'
  | 'use-dpop-nonce'
  | 'insufficient-user-authentication'
  | 'insufficient-scope'
  | 'unsupported-identity'
  | 'cross-site'
  | 'not-found'
  | 'method-not-allowed'
  | 'commit-in-progress'
  | 'already-committed'
  | 'changes-locked'
  | 'payload-too-large'
  | 'unsupported-media-type'
  | 'too-many-requests'
  | 'headers-too-large'
  | 'internal-error'
  | 'unavailable'
  | 'unreachable'
  | 'unexpected';

type Problem = {
  code?: ErrorCode;
  detail?: string;
  errors?: { pointer: string; detail: string }[];
};

/** The service said no (`status` 400 and up), or there was no answer at all (`status` 0). */
export class EmailChangeError extends Error {
  override name = 'EmailChangeError';
  /** Switch on this. */
  readonly code: ErrorCode;
  readonly status: number;
  /** How long to wait before another try, in milliseconds, where the service says. */
  readonly retryAfterMs: number | undefined;
  /** What is wrong with which field, by JSON pointer. */
  readonly errors: readonly { pointer: string; detail: string }[];
  constructor(status: number, problem: Problem, retryAfterMs?: number, cause?: unknown) {
    const { code = 'unexpected', detail = code, errors = [] } = problem;
    super(detail, { cause });
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.errors = errors;
  }
}

/** The part of `fetch` that is used. */
export type Fetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal?: AbortSignal },
) => Promise<Answer>;
type Answer = {
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
   * An access token for the service, asked for with every call. With `maxAge` (seconds) the user
   * has to log in again, unless the last login is more recent than that. Links need no token.
   */
  getAccessToken?: (options: { maxAge?: number }) => string | Promise<string>;
  fetch?: Fetch;
};

export type CallOptions = { signal?: AbortSignal | undefined };
export type LinkOptions = CallOptions & {
  /** Seconds to wait for the outcome, at most 30. Without it the answer may be `confirmed`. */
  wait?: number;
};
export type WatchOptions = CallOptions & {
  /** Time between two looks where streaming does not work, in milliseconds. Default 3000. */
  pollMs?: number;
  /** How long the first event of a stream may take, in milliseconds; ten times as long the next. Default 5000. */
  patienceMs?: number;
};

export type EmailChangeClient = ReturnType<typeof createEmailChangeClient>;

/**
 * @example
 * const client = createEmailChangeClient({
 *   baseUrl: 'https://email.example.com',
 *   getAccessToken: ({ maxAge }) => auth0.getTokenSilently(),
 * });
 * const change = await client.request({ email: 'ada@example.com' });
 * const outcome = await client.watch(change.id, ({ status }) => show(status));
 *
 * Every method rejects with {@link EmailChangeError}, with what `getAccessToken` threw, or with the
 * reason of an aborted `signal`.
 */
export function createEmailChangeClient(options: ClientOptions) {
  const base = `${options.baseUrl.replace(/\/+$/, '')}/v1/`;
  // Called as a plain function: browsers refuse `fetch` as a method of something else.
  const send: Fetch = options.fetch ?? ((url, init) => fetch(url, init));

  const call = async (
    method: string,
    path: string,
    { signal }: CallOptions,
    extra: { body?: object; headers?: Record<string, string>; open?: boolean } = {},
    renewed?: { maxAge?: number },
  ): Promise<Answer> => {
    const headers: Record<string, string> = { accept: 'application/json', ...extra.headers };
    const init: Parameters<Fetch>[1] = { method, headers };
    if (!extra.open && options.getAccessToken)
      headers['authorization'] = `Bearer ${await options.getAccessToken(renewed ?? {})}`;
    if (extra.body) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(extra.body);
    }
    throwIfAborted(signal);
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
    const retryAfter = Number(answer.headers.get('retry-after') ?? Number.NaN);
    const problem = parse(await answer.text().catch(() => '')) as Problem | undefined;
    throw new EmailChangeError(
      answer.status,
      problem ?? {},
      retryAfter >= 0 ? retryAfter * 1000 : undefined,
    );
  };

  const bodyOf = async <T>(answer: Answer, { signal }: CallOptions): Promise<T> => {
    const body = parse(await answer.text().catch(() => ''));
    throwIfAborted(signal);
    // Not ours: cut off, or written by something in between.
    if (!body) throw new EmailChangeError(0, {});
    return body as T;
  };

  const read = async <T>(...args: Parameters<typeof call>): Promise<T> =>
    bodyOf(await call(...args), args[2]);

  const useLink =
    (purpose: Purpose) =>
    (link: string, { wait, signal }: LinkOptions = {}): Promise<Outcome> =>
      read(
        'POST',
        purpose,
        { signal },
        {
          body: { token: tokenOf(link) },
          open: true,
          headers: wait ? { prefer: `wait=${wait}` } : {},
        },
      );

  const pathOf = (id: string): string => `email-changes/${encodeURIComponent(id)}`;

  return {
    /** Asks for a change; a newer request replaces an older one. */
    request: (
      asked: { email: string; returnTo?: string; locale?: string },
      more: CallOptions = {},
    ): Promise<EmailChange> => read('POST', 'email-changes', more, { body: asked }),

    /** The newest change of the signed-in user, if there is one. */
    current: (more: CallOptions = {}): Promise<EmailChange | undefined> =>
      read<EmailChange>('GET', 'email-changes/current', more).catch((error: unknown) => {
        if ((error as EmailChangeError).code === 'not-found') return undefined;
        throw error;
      }),

    get: (id: string, more: CallOptions = {}): Promise<EmailChange> =>
      read('GET', pathOf(id), more),

    /** Mails the confirmation link again; the older link stops working. */
    resend: (id: string, more: CallOptions = {}): Promise<EmailChange> =>
      read('POST', `${pathOf(id)}/resend`, more),

    /** Confirms by the digits of the confirmation mail, where the service has codes switched on. */
    confirmByCode: (id: string, code: string, more: CallOptions = {}): Promise<EmailChange> =>
      read('POST', `${pathOf(id)}/confirm`, more, { body: { code: code.replace(/\D/g, '') } }),

    /** Withdraws a change that is not committed yet. Twice is harmless. */
    cancel: async (id: string, more: CallOptions = {}): Promise<void> => {
      await call('DELETE', pathOf(id), more);
    },

    /** What a mailed link is for, without using it. Takes the token or the whole link. */
    inspect: (link: string, more: CallOptions = {}): Promise<Inspection> =>
      read('POST', 'links/inspect', more, { body: { token: tokenOf(link) }, open: true }),

    // The links, by token or whole. Using one again answers with what is recorded.
    confirm: useLink('confirm'),
    approve: useLink('approve'),
    cancelByLink: useLink('cancel'),
    undo: useLink('undo'),

    /**
     * Calls back with the change as it is now and after every transition; resolves with the final
     * state. Streams where it can and polls where it can not; outages are sat out.
     */
    async watch(
      id: string,
      onChange: (change: EmailChange) => void,
      { signal, pollMs = 3000, patienceMs = 5000 }: WatchOptions = {},
    ): Promise<EmailChange> {
      let latest: EmailChange | undefined;
      let seen = '';
      let etag = '';
      let lastEventId = '';
      let streams = typeof TextDecoder === 'function';
      let failures = 0;
      const isOpen = () => !latest || latest.status === 'pending' || latest.status === 'confirmed';

      const see = (change: EmailChange) => {
        latest = change;
        const text = JSON.stringify(change);
        if (text !== seen) onChange(change);
        seen = text;
      };

      const look = async () => {
        const headers: Record<string, string> = etag ? { 'if-none-match': etag } : {};
        const answer = await call('GET', pathOf(id), { signal }, { headers });
        if (answer.status !== 304) see(await bodyOf(answer, { signal }));
        etag = answer.headers.get('etag') ?? etag;
        failures = 0;
      };

      /** Reads events until the change is closed or the stream ends, breaks or falls silent. */
      const follow = async () => {
        const controller = new AbortController();
        const end = () => controller.abort();
        let timer = setTimeout(end, patienceMs);
        signal?.addEventListener('abort', end);
        const headers: Record<string, string> = { accept: 'text/event-stream' };
        if (lastEventId) headers['last-event-id'] = lastEventId;
        // No event at all: no streams in this runtime, or a proxy that holds them back.
        streams = false;
        try {
          const answer = await call('GET', `${pathOf(id)}/events`, controller, { headers }).catch(
            () => undefined,
          );
          const reader = answer?.body?.getReader();
          if (!reader) return;
          const decoder = new TextDecoder();
          let buffer = '';
          while (isOpen()) {
            const { done, value } = await reader
              .read()
              .catch(() => ({ done: true, value: undefined }));
            if (done) return;
            buffer += decoder.decode(value, { stream: true });
            const events = buffer.split(/\r?\n\r?\n/);
            buffer = events.pop()!;
            for (const event of events) {
              lastEventId = /^id: ?([^\r\n]+)/m.exec(event)?.[1] ?? lastEventId;
              const change = parse(/^data: ?(.+)/m.exec(event)?.[1] ?? '') as
                | EmailChange
                | undefined;
              // Other events, such as `reconnect`, carry no change.
              if (!change?.status) continue;
              streams = true;
              see(change);
            }
            if (!streams) continue;
            clearTimeout(timer);
            timer = setTimeout(end, 10 * patienceMs);
          }
        } finally {
          clearTimeout(timer);
          signal?.removeEventListener('abort', end);
          end();
        }
      };

      for (;;) {
        let waitMs = pollMs;
        try {
          await look();
          if (streams && isOpen()) {
            const since = Date.now();
            await follow();
            // A stream that lasted is worth resuming at once.
            if (streams && Date.now() - since > pollMs) waitMs = 200;
          }
        } catch (error) {
          if (!isPassing(error)) throw error;
          waitMs = error.retryAfterMs ?? Math.min(30_000, pollMs * 2 ** failures++);
        }
        if (!isOpen()) return latest!;
        await pause(waitMs * (0.8 + Math.random() * 0.4), signal);
        throwIfAborted(signal);
      }
    },
  };
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Worth another try: no answer, too many requests, or trouble on the other side. */
const isPassing = (error: unknown): error is EmailChangeError =>
  error instanceof EmailChangeError &&
  (error.status === 0 || error.status === 429 || error.status >= 500);

/** The token in what people and apps have: the token, the link, or either over a few lines. */
const tokenOf = (link: string): string => {
  const compact = link.replace(/\s/g, '');
  return /(?:#|[?&]token=)([\w-]{64})(?![\w-])/.exec(compact)?.[1] ?? compact;
};

const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted)
    throw signal.reason ?? Object.assign(new Error('aborted'), { name: 'AbortError' });
};

/** Ends early when aborted. */
const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, signal?.aborted ? 0 : ms);
    signal?.addEventListener('abort', end);
  });
