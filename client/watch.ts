/** Following a change to its end: by a stream where there are streams, by looking again where not. */
import { bodyOf, parse, throwIfAborted, type Call, type CallOptions } from './calls.ts';
import { isOpen, type EmailChange } from './email-change.ts';
import { isPassing } from './errors.ts';

export type WatchOptions = CallOptions & {
  /** Time between two looks where streaming does not work, in milliseconds. Default 3000. */
  pollMs?: number;
  /** How long the first event of a stream may take, in milliseconds; ten times as long the next. Default 5000. */
  patienceMs?: number;
};

/** Follows what is at this path. Needs neither EventSource nor TextDecoderStream. */
export async function watch(
  call: Call,
  path: string,
  onChange: (change: EmailChange) => void,
  { signal, pollMs = 3000, patienceMs = 5000 }: WatchOptions,
): Promise<EmailChange> {
  let latest: EmailChange | undefined;
  let seen = '';
  let etag = '';
  let streams = typeof TextDecoder === 'function';
  let failures = 0;
  const goesOn = () => !latest || isOpen(latest);

  const see = (change: EmailChange) => {
    latest = change;
    const text = JSON.stringify(change);
    if (text !== seen) onChange(change);
    seen = text;
  };

  const look = async () => {
    const headers: Record<string, string> = etag ? { 'if-none-match': etag } : {};
    const answer = await call('GET', path, { signal }, { headers });
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
    // No event at all: no streams in this runtime, or a proxy that holds them back.
    streams = false;
    try {
      const headers = { accept: 'text/event-stream' };
      const answer = await call('GET', `${path}/events`, controller, { headers }).catch(
        () => undefined,
      );
      const reader = answer?.body?.getReader();
      if (!reader) return;
      const decoder = new TextDecoder();
      let buffer = '';
      while (goesOn()) {
        const read = await reader.read().catch(() => undefined);
        if (!read?.value) return;
        buffer += decoder.decode(read.value, { stream: true });
        const events = buffer.split(/\r?\n\r?\n/);
        buffer = events.pop()!;
        for (const event of events) {
          const change = parse(/^data: ?(.+)/m.exec(event)?.[1] ?? '') as EmailChange | undefined;
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
      if (streams && goesOn()) {
        const since = Date.now();
        await follow();
        // A stream that lasted is worth resuming at once.
        if (streams && Date.now() - since > pollMs) waitMs = 200;
      }
    } catch (error) {
      if (!isPassing(error)) throw error;
      waitMs = error.retryAfterMs ?? Math.min(30_000, pollMs * 2 ** failures++);
    }
    if (!goesOn()) return latest!;
    await pause(waitMs * (0.8 + Math.random() * 0.4), signal);
    throwIfAborted(signal);
  }
}

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
