/** What HTTP demands and Node lets pass, or answers by itself without a word. */
import type { App } from '../api-deps.ts';
import { Problem } from '../problems.ts';

/** Ample for browsers behind several proxies; beyond it Node would drop the rest in silence. */
const MAX_HEADERS = 100;

export function registerStrictHttp(app: App): void {
  app.server.maxHeadersCount = MAX_HEADERS + 1;
  // Any other expectation than 100-continue may be ignored (RFC 9110 §10.1.1); Node answers 417.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response));
  app.addHook('onRequest', async ({ raw }) => {
    if (raw.rawHeaders.length > 2 * MAX_HEADERS) throw new Problem('headers-too-large');
    // RFC 9112 §3.2. What it says is never used: links and addresses come from the settings.
    const hosts = raw.rawHeaders.filter((name, i) => i % 2 === 0 && /^host$/i.test(name)).length;
    if (hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1'))
      throw new Problem('invalid-request', { detail: 'Send one Host header.' });
  });
}
