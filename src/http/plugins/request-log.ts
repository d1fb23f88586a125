/** Tells of each request: by the route as written in the code, never by the URL as sent. */
import type { FastifyRequest } from 'fastify';
import type { App } from '../api-deps.ts';
import type { Signals } from '../../signals.ts';

export function registerRequestLog(app: App, signals: Signals): void {
  const during = (request: FastifyRequest, _reply: unknown, next: () => void) => {
    const { id: requestId, method, routeOptions } = request;
    signals.during('request', { requestId, method, route: routeOptions.url }, next);
  };
  app.addHook('onRequest', during);
  // Once more: a body comes in on the connection, which knows of no request.
  app.addHook('preValidation', during);
  app.addHook('onResponse', async (request, reply) => {
    const { id: requestId, method, why, routeOptions } = request;
    signals.tell('request', {
      requestId,
      method,
      route: routeOptions.url ?? 'unknown',
      status: reply.statusCode,
      ms: reply.elapsedTime,
      why,
      quiet: routeOptions.logLevel === 'silent',
    });
  });
}
