/** Tells of each request: by the route as written in the code, never by the URL as sent. */
import type { App } from '../api-deps.ts';
import type { Signals } from '../../signals.ts';

export function registerRequestLog(app: App, signals: Signals): void {
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
