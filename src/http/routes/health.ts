/** For orchestrators: is the process alive, and may it be given work? */
import type { App } from '../api-deps.ts';
import type { Readiness } from '../../process/readiness.ts';

export function registerHealth(app: App, readiness: Pick<Readiness, 'check' | 'notes'>): void {
  app.get('/livez', { schema: { hide: true }, logLevel: 'silent' }, async () => ({ status: 'ok' }));
  app.get('/readyz', { schema: { hide: true }, logLevel: 'silent' }, async (_request, reply) => {
    const notReady = readiness.check();
    if (notReady === undefined) return { status: 'ok', ...readiness.notes() };
    return reply
      .status(503)
      .header('retry-after', '2')
      .send({ status: 'not-ready', reason: notReady });
  });
}
