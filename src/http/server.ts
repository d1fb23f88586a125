/** The HTTP door: plugins and routes in the order in which they matter. */
import Fastify, { LogController, type FastifyBaseLogger } from 'fastify';
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ApiDeps, App } from './api-deps.ts';
import { registerAuthentication } from './auth/authenticate.ts';
import { registerDrain } from './plugins/drain.ts';
import { registerJsonBody } from './plugins/json-body.ts';
import { registerOpenapi } from './plugins/openapi.ts';
import {
  answerClientError,
  answerRouterError,
  registerProblemDetails,
} from './plugins/problem-details.ts';
import { registerRequestLog } from './plugins/request-log.ts';
import { registerSecurityHeaders } from './plugins/security-headers.ts';
import { registerStrictHttp } from './plugins/strict-http.ts';
import type { Readiness } from '../process/readiness.ts';
import { insideOf, type Reach } from './inside.ts';
import { registerBounces } from './routes/bounces.ts';
import { registerCode } from './routes/code.ts';
import { registerEmailChanges } from './routes/email-changes.ts';
import { registerKeep } from './routes/keep.ts';
import { registerHealth } from './routes/health.ts';
import { registerLiveStatus } from './routes/live-status.ts';
import { registerLinks } from './routes/links.ts';
import { registerSupport } from './routes/support.ts';
import { registerPages } from './routes/pages.ts';
import { registerWellKnown } from './routes/well-known.ts';

const BODY_LIMIT_BYTES = 16_384;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often Node looks for requests past that time; its own half a minute would be the real limit. */
const TIMEOUT_CHECK_MS = 1000;

/** Of whatever listens. */
export const SERVER_OPTIONS = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  connectionTimeout: 2 * REQUEST_TIMEOUT_MS,
  http: {
    // Node swaps the two when this one is longer, as its default is: bodies would get a minute.
    headersTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    // Refused by a hook: Node's own answer has no body.
    requireHostHeader: false,
  },
  forceCloseConnections: 'idle',
  // An id of any length is looked up, and unknown like any other; Node bounds the URL.
  routerOptions: { maxParamLength: 16_384 },
  clientErrorHandler: answerClientError,
} as const;

/** One for each request, and for what is answered without one. */
export const createRequestId = (): string => randomUUID();

/** Builds the API, ready to listen or to `inject`. Its connections stay the caller's. */
export async function buildApp(
  deps: ApiDeps,
  readiness: Readiness,
  reach: Reach = 'strict',
): Promise<App> {
  const loggerInstance: FastifyBaseLogger = deps.log;
  const { basePath } = deps.config;
  const rewriteUrl = ({ url = '' }: IncomingMessage) => insideOf(basePath, url, reach);
  const app = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    // One id in logs, problems and jobs; a caller's own id is not taken over.
    genReqId: createRequestId,
    requestIdHeader: false,
    trustProxy: deps.config.trustProxy.length > 0 ? [...deps.config.trustProxy] : false,
    bodyLimit: BODY_LIMIT_BYTES,
    ...SERVER_OPTIONS,
    exposeHeadRoutes: true,
    frameworkErrors: answerRouterError(deps),
    ...(basePath === '' ? {} : { rewriteUrl }),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  // Fastify takes text/plain by default, which needs no CORS preflight.
  app.removeContentTypeParser('text/plain');

  registerDrain(app);
  // Whoever keeps connections open goes elsewhere before this process is gone.
  app.addHook('onSend', async (_req, reply) => {
    if (readiness.check() === 'draining') reply.header('connection', 'close');
  });
  const { inline } = deps;
  if (inline) app.addHook('onSend', async ({ id }) => inline.settled(id));
  registerRequestLog(app, deps.signals);
  registerProblemDetails(app, deps);
  registerSecurityHeaders(app, deps.config);
  registerStrictHttp(app, deps.log);
  registerJsonBody(app);
  registerAuthentication(app, deps);
  await registerOpenapi(app, deps.config);

  app.register(async (api: App) => {
    registerHealth(api, readiness);
    registerEmailChanges(api, deps);
    registerCode(api, deps);
    registerKeep(api, deps);
    registerLiveStatus(api, deps);
    registerSupport(api, deps);
    registerLinks(api, deps);
    registerWellKnown(api, deps);
  });
  // Apart, since bodies are bytes here.
  app.register(async (bounces: App) => registerBounces(bounces, deps));
  // Apart, since forms are taken here and nowhere else.
  app.register(async (pages: App) => registerPages(pages, deps));
  await app.ready();
  return app;
}
