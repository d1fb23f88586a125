/** What HTTP forbids and Node lets pass, or answers by itself without a body. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import type { App } from '../api-deps.ts';
import { Problem } from '../problems.ts';

/** Ample for browsers behind several proxies; beyond it Node would drop the rest in silence. */
const MAX_HEADERS = 100;

export function tuneServer(app: App): void {
  app.server.maxHeadersCount = MAX_HEADERS + 1;
  // Any other expectation than 100-continue may be ignored (RFC 9110 §10.1.1); Node answers 417.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response));
}

export function registerStrictHttp(app: App, log: Logger): void {
  tuneServer(app);
  app.addHook('onRequest', async ({ raw }) => {
    if (raw.rawHeaders.length > 2 * MAX_HEADERS) throw new Problem('headers-too-large');
    // RFC 9112 §3.2. What it says is never used: links and addresses come from the settings.
    const hosts = raw.rawHeaders.filter((name, i) => i % 2 === 0 && /^host$/i.test(name)).length;
    if (hosts > 1 || (hosts === 0 && raw.httpVersion === '1.1'))
      throw new Problem('invalid-request', { detail: 'Send one Host header.' });
  });
  app.addHook('preParsing', async ({ raw }) => {
    const { 'content-encoding': encoding = 'identity' } = raw.headers;
    if (encoding !== 'identity')
      throw new Problem('invalid-request', {
        detail: 'Send the body as it is, without Content-Encoding.',
      });
    if (!raw.readableDidRead || !hasBody(raw.headers)) return;
    // The host's parsers take less care, and what is left of the body is nothing.
    log.error({ event: 'host.body_read' });
    throw new Problem('body-already-read');
  });
}

const hasBody = (headers: IncomingHttpHeaders): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
