/** Every error of every route leaves as application/problem+json, or as a page for a browser. */
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { App } from '../api-deps.ts';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { Deps } from '../../deps.ts';
import { mendLink } from '../../links.ts';
import { describeError } from '../../process/log.ts';
import { localeAmong } from '../../locales/messages.ts';
import { pagePolicy } from '../pages/assets.ts';
import { renderErrorPage, type PageError } from '../pages/render.ts';
import { expose, problemBody, Problem, PROBLEMS, type ProblemCode } from '../problems.ts';
import type { Why } from '../auth/why.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Why its caller was refused, for the log. */
    why?: Why | undefined;
  }
}

export function registerProblemDetails(app: App, deps: Deps): void {
  const allowed = collectRoutes(app);
  app.decorateRequest('why', undefined);

  app.setErrorHandler((error, request, reply) => {
    const problem = hasZodFastifySchemaValidationErrors(error)
      ? new Problem('invalid-request', { errors: error.validation.map(toPointer) })
      : request.raw.errored === error
        ? // Its sender has left in the middle, and nobody has to look into that.
          new Problem('invalid-request', {}, { cause: error })
        : expose(error);
    logFault(request.log, error, problem);
    return sendProblem(reply, problem, deps);
  });

  app.setNotFoundHandler((request: FastifyRequest, reply: FastifyReply) => {
    const methods = allowed(request.url);
    const problem =
      methods.length > 0
        ? new Problem('method-not-allowed', { headers: { allow: methods.join(', ') } })
        : new Problem('not-found');
    return sendProblem(reply, problem, deps);
  });
}

/** What broke, or was away; a refusal is no fault. */
export function logFault(log: FastifyBaseLogger, error: unknown, problem = expose(error)): void {
  const { code } = problem;
  if (code === 'internal-error') log.error({ event: 'request.failed', ...describeError(error) });
  if (code === 'unavailable') log.warn({ event: 'request.unavailable', ...describeError(error) });
}

function sendProblem(reply: FastifyReply, problem: Problem, deps: Deps): FastifyReply {
  const { config } = deps;
  reply.request.why = problem.extras.why;
  reply
    .status(PROBLEMS[problem.code].status)
    .headers({ 'cache-control': 'no-store', ...problem.extras.headers });
  if (isPageVisit(reply.request)) {
    const locale = localeAmong(config.languages, reply.request.headers['accept-language']);
    const error = PAGE_ERRORS[problem.code] ?? 'unexpected';
    const page = renderErrorPage({ error, locale, brand: config.brand, basePath: config.basePath });
    return reply
      .header('content-security-policy', pagePolicy(config.brand))
      .type('text/html; charset=utf-8')
      .serializer(String)
      .send(page);
  }
  return reply
    .type('application/problem+json; charset=utf-8')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemBody(problem, config.publicUrl, reply.request.id));
}

/** A person with a browser, away from the API: words instead of JSON. */
export const isPageVisit = ({ url, headers }: FastifyRequest): boolean =>
  !url.startsWith('/v1/') && /\btext\/html\b/.test(headers.accept ?? '');

const PAGE_ERRORS: Partial<Record<ProblemCode, PageError>> = {
  'not-found': 'not-found',
  'cross-site': 'forbidden',
  'too-many-requests': 'too-many-requests',
  unavailable: 'unavailable',
};

/** RFC 6901: the whole body is the empty pointer; `/` would be its member without a name. */
const toPointer = (issue: { instancePath: string; message?: string | undefined }) => ({
  pointer: issue.instancePath === '/' ? '#' : `#${issue.instancePath}`,
  detail: issue.message ?? 'is not what this endpoint takes',
});

/** Which methods a path answers, for 405 and its Allow header. */
function collectRoutes(app: App): (url: string) => string[] {
  const routes: { path: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return;
    const path = new RegExp(`^${url.replaceAll(/[.]/g, '\\.').replaceAll(/:\w+/g, '[^/]+')}$`);
    routes.push({ path, methods: [method].flat() });
  });
  return (url) => {
    const path = url.split('?')[0] ?? '';
    const methods = routes
      .filter((route) => route.path.test(path))
      .flatMap((route) => route.methods);
    return [...new Set(methods)];
  };
}

/** What the router refuses (a URL that does not decode) meets no hook: no header is there but these. */
export const answerRouterError =
  (deps: Deps) =>
  (error: Error, request: FastifyRequest, reply: FastifyReply): void => {
    reply.headers(SECURITY_HEADERS);
    const mended =
      request.method === 'GET' ? mendLink(request.url, deps.config.basePath) : undefined;
    if (mended === undefined) void sendProblem(reply, expose(error), deps);
    else void reply.redirect(mended, 303);
  };

const BY_NODE_CODE: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};
/** If we cut off at once, a client that is still sending would lose the answer. */
const LINGER_MS = 1000;

/** What Node refuses before Fastify sees it: still a well-formed answer, and the connection ends. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return;
  // Half an answer is on its way: anything more would be read as the rest of it.
  if (answerOf(socket)?.headersSent === true) return void socket.destroy();
  const code = BY_NODE_CODE[error.code ?? ''] ?? 'invalid-request';
  const { status, title, detail } = PROBLEMS[code];
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, code });
  const headers = {
    ...SECURITY_HEADERS,
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'));
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** The answer that is being written to this connection. */
const answerOf = (socket: Socket): ServerResponse | null | undefined =>
  // oxlint-disable-next-line eslint/no-underscore-dangle -- Node's own handler looks at it too.
  (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
