/** `handler(req, res)`: the service for whoever has Node's own request and response (Express, Nest, Koa, node:http). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Door } from '../door.ts';
import { problemBody, Problem, PROBLEMS } from '../problems.ts';
import { SECURITY_HEADERS } from '../plugins/security-headers.ts';
import { createRequestId } from '../server.ts';
import { createTeller, noteProxied } from './unplaced.ts';

export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  /** The URL below the prefix of the host, where that is known. */
  inside?: string,
) => Promise<void>;

const PROXIED =
  'TRUST_PROXY is not set, and a proxy hands requests on: the limits per IP are off for them';

/** The handler, and how many requests it is answering. */
export function createHandler(
  { app, deps, readiness }: Door,
  { isHosted = true }: { isHosted?: boolean } = {},
): {
  handler: Handler;
  /** Resolves when all that was asked has been answered, or the time is up. */
  untilAnswered: (patienceMs: number) => Promise<void>;
} {
  const { config, log } = deps;
  const tell = createTeller(log);
  const open = new Set<ServerResponse>();

  const handler: Handler = (request, response, inside = request.url) =>
    new Promise((resolve) => {
      const asked: IncomingMessage & { originalUrl?: string } = request;
      const { url, originalUrl } = asked;
      open.add(response);
      // The host's own log, and what else it hangs on the end, finds its request as it was.
      response.prependOnceListener('finish', () => {
        asked.url = url;
        if (originalUrl !== undefined) asked.originalUrl = originalUrl;
      });
      asked.url = inside;
      response.once('close', () => {
        open.delete(response);
        resolve();
      });
      if (isHosted && noteProxied(request, config.trustProxy.length > 0)) tell(PROXIED);
      if (!readiness.isShut()) return app.routing(request, response);
      const { status, headers, body } = bareProblem(closed(), config.publicUrl);
      return response.writeHead(status, headers).end(body);
    });

  return {
    handler,
    async untilAnswered(patienceMs: number): Promise<void> {
      const late = AbortSignal.timeout(patienceMs);
      for (const response of open)
        await new Promise<void>((resolve) => {
          if (late.aborted) return resolve();
          late.addEventListener('abort', () => resolve(), { once: true });
          return response.once('close', () => resolve());
        });
    },
  };
}

export const closed = (): Problem =>
  new Problem('unavailable', { headers: { 'retry-after': '5' } });

/** A problem for what never reaches a route. */
export function bareProblem(problem: Problem, publicUrl: string) {
  const { status } = PROBLEMS[problem.code];
  const headers: Record<string, string> = {
    ...SECURITY_HEADERS,
    ...problem.extras.headers,
    'content-type': 'application/problem+json; charset=utf-8',
  };
  return {
    status,
    headers,
    body: JSON.stringify(problemBody(problem, publicUrl, createRequestId())),
  };
}
