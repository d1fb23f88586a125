/** Reading requests: paths and bodies. */
import { IncomingMessage } from 'node:http';

const MAX_BODY_BYTES = 1024 * 1024;

export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A stray % sign: take the text as it stands.
  }
}

/** The whole body; throws above 1 MiB. */
export async function readBody(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('The request body is larger than 1 MiB.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** JSON or form; undefined without a body, 'malformed' when it cannot be read. */
export function parseBody(req: IncomingMessage, body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const text = body.toString('utf8');
  if (req.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return 'malformed';
  }
}

/** The same request with its body unread again, as a form, for a handler that wants the stream. */
export function asFormRequest(
  req: IncomingMessage,
  fields: Record<string, unknown>,
): IncomingMessage {
  const form = new URLSearchParams(
    Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
  const copy = new IncomingMessage(req.socket);
  copy.complete = true; // Else its end counts as an abort, which closes the real socket.
  copy.method = req.method ?? 'POST';
  copy.url = req.url ?? '/';
  copy.httpVersion = req.httpVersion;
  copy.headers = {
    ...req.headers,
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(Buffer.byteLength(form)),
  };
  delete copy.headers['transfer-encoding'];
  copy.push(form);
  copy.push(null);
  return copy;
}
