/** Runs a Node request handler and keeps its answer as a value instead of sending it. */
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Answer } from './answers.ts';

type Handler = (req: IncomingMessage, res: ServerResponse) => unknown;

class CapturedResponse extends ServerResponse {
  onEnd: (answer: Answer) => void = () => {};
  readonly #chunks: Buffer[] = [];

  #keep(chunk: unknown): void {
    if (typeof chunk === 'string') this.#chunks.push(Buffer.from(chunk));
    else if (chunk instanceof Uint8Array) this.#chunks.push(Buffer.from(chunk));
  }

  override write(chunk: unknown): boolean {
    this.#keep(chunk);
    return true;
  }

  override end(chunk?: unknown): this {
    this.#keep(chunk);
    const headers: Answer['headers'] = {};
    for (const [name, value] of Object.entries(this.getHeaders())) {
      if (value !== undefined && name !== 'content-length') headers[name] = value;
    }
    this.onEnd({ status: this.statusCode, headers, body: Buffer.concat(this.#chunks) });
    return this;
  }
}

export function captureAnswer(req: IncomingMessage, handler: Handler): Promise<Answer> {
  return new Promise((resolve) => {
    const res = new CapturedResponse(req);
    res.onEnd = resolve;
    handler(req, res);
  });
}
