import type { ReadableStreamDefaultReader } from 'node:stream/web';
import { inTime } from '../../../src/in-time.ts';

/** Far above anything that Auth0 has to tell us. */
const MAX_ANSWER_BYTES = 1_000_000;

/**
 * One request and its answer to the last byte, within `timeoutMs`; a redirect is an error. An abort
 * signal alone is not enough: once the headers are there, the garbage collector may take what ties
 * the signal to the body (seen with Node 20), and a body that stalls would hold its worker for ever.
 */
export async function fetchWhole(
  input: string | URL | Request,
  init: RequestInit | undefined,
  timeoutMs: number,
): Promise<Response> {
  const cut = new AbortController();
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const whole = async () => {
    const { status, headers, body } = await fetch(input, {
      ...init,
      redirect: 'error',
      signal: cut.signal,
    });
    reader = body?.getReader();
    return new Response(reader && (await readAll(reader)), { status, headers });
  };
  try {
    return await inTime(whole(), timeoutMs);
  } catch (error) {
    cut.abort();
    reader?.cancel().catch(() => undefined);
    throw error;
  }
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  for (let size = 0; ;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
    chunks.push(value);
  }
  return chunks.length === 0 ? undefined : Buffer.concat(chunks);
}
