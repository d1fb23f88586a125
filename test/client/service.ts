/** A stand-in for the service on 127.0.0.1: it answers as a test says and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EmailChange } from '../../client/index.ts';

export type Asked = {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: unknown;
};
export type Answering = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void;
export type Service = Awaited<ReturnType<typeof startService>>;

export async function startService(answering: Answering) {
  const asked: Asked[] = [];
  const waiting = new Set<() => void>();
  let answer = answering;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const one: Asked = {
        method: request.method!,
        path: request.url!,
        headers: request.headers,
        body: text === '' ? undefined : JSON.parse(text),
      };
      asked.push(one);
      answer(one, response, request);
      for (const check of waiting) check();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    baseUrl: `http://127.0.0.1:${port}`,
    asked,
    answer(next: Answering) {
      answer = next;
    },
    /** Resolves as soon as the service has been asked what the test waits for. */
    until: (condition: (asked: readonly Asked[]) => boolean) =>
      new Promise<void>((resolve) => {
        const check = () => {
          if (!condition(asked)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function problem(
  response: ServerResponse,
  status: number,
  code: string,
  { headers = {}, ...more }: { headers?: Record<string, string>; [member: string]: unknown } = {},
): void {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
  response.end(JSON.stringify({ type: `https://x.test/problems#${code}`, status, code, ...more }));
}

export const CHANGE: EmailChange = {
  id: 'AAAAAAAAAAAAAAAAAAAAAA',
  status: 'pending',
  email: 'ada@new.test',
  requestedAt: '2026-11-22T10:00:00.000Z',
  expiresAt: '2026-11-22T11:00:00.000Z',
  resendAfter: '2026-11-22T10:01:00.000Z',
  awaiting: ['new'],
};
const { awaiting: _, ...agreed } = CHANGE;
export const CONFIRMED: EmailChange = { ...agreed, status: 'confirmed' };
export const COMMITTED: EmailChange = { ...agreed, status: 'committed' };

export const TOKEN = 'AbC-_123'.repeat(8);
