/** `fetch(request)`: the service for whoever has the web's Request and Response (Hono, Next route handlers). */
import { Readable as NodeReadable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import type { Door } from '../door.ts';
import { Problem } from '../problems.ts';
import { bareProblem, closed } from './handler.ts';
import { createTeller, NO_ADDRESS } from './unplaced.ts';

export type Fetch = (request: Request, from?: { ip?: string | undefined }) => Promise<Response>;

/** One byte more than is taken: then the answer is that it is too large. */
const MOST_BYTES = 16_385;
/** Between two nodes, or of a stream that is none any more. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding']);
const NO_BODY = new Set([204, 304]);
/** The one answer that comes bit by bit. */
const EVENTS = /\/v1\/email-changes\/[^/]+\/events$/;
const NO_IP = 'fetch is called without an `ip`: the limits per IP are off';

export function createFetch({ app, deps, readiness }: Door): Fetch {
  const { publicUrl } = deps.config;
  const tell = createTeller(deps.log);
  const refuse = (problem: Problem): Response => {
    const { status, headers, body } = bareProblem(problem, publicUrl);
    return new Response(body, { status, headers });
  };

  return async (request, { ip } = {}) => {
    if (readiness.isShut()) return refuse(closed());
    if (request.bodyUsed) return refuse(new Problem('body-already-read'));
    if (ip === undefined) tell(NO_IP);
    const { pathname, search, host } = new URL(request.url);
    const headers: Record<string, string> = { host };
    for (const [name, value] of request.headers) headers[name] = value;
    const payload = request.body === null ? undefined : await readBody(request.body);
    const isLive = EVENTS.test(pathname) && request.method !== 'HEAD';
    const answer = await app.inject({
      // Any method that a Request can have is routed, or refused, as it is on the wire.
      method: request.method as 'GET',
      url: pathname + search,
      headers,
      remoteAddress: ip ?? NO_ADDRESS,
      payloadAsStream: isLive,
      ...(payload === undefined ? {} : { payload }),
    });
    const fields: [string, string][] = [];
    for (const [name, value] of Object.entries(answer.headers))
      if (value !== undefined && !HOP_BY_HOP.has(name)) fields.push([name, String(value)]);
    const { statusCode: status } = answer;
    const init = { status, headers: fields };
    const isEmpty = NO_BODY.has(status) || request.method === 'HEAD';
    if (!isLive)
      return new Response(isEmpty ? null : (answer.rawPayload as Buffer<ArrayBuffer>), init);
    const stream = answer.stream();
    // Whoever stops reading, or has gone, ends the stream.
    stream.once('close', () => answer.raw.res.destroy());
    request.signal.addEventListener('abort', () => stream.destroy(), { once: true });
    const body = NodeReadable.toWeb(stream) as NodeReadableStream<Uint8Array>;
    return new Response(body, init);
  };
}

async function readBody(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = body.getReader();
  while (bytes < MOST_BYTES) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    chunks.push(value);
    bytes += value.byteLength;
  }
  await reader.cancel();
  return Buffer.concat(chunks);
}
