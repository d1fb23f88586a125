/** One line and one measure per request: the route as written in the code, never the URL as sent. */
import type { App } from '../api-deps.ts';
import type { Metrics } from '../../process/metrics.ts';

export function registerRequestLog(app: App, { requests, denied }: Metrics): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, why } = request;
    const route = request.routeOptions.url ?? 'unknown';
    const status = reply.statusCode;
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    request.log.info({ event: 'request.done', method, route, status, ms, why });
    if (why) denied.inc({ why });
    requests.observe({ method, route, status }, reply.elapsedTime / 1000);
  });
}
