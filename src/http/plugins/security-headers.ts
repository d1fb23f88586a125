/** The headers of every answer, errors included; pages loosen the policy for themselves. */
import cors from '@fastify/cors';
import type { App } from '../api-deps.ts';
import type { ApiConfig } from '../../config.ts';

const NO_FEATURES =
  'accelerometer autoplay camera display-capture geolocation gyroscope microphone midi payment publickey-credentials-get usb browsing-topics';

/** Also for what never reaches a hook. Nothing that comes from here is a page unless it says so. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'permissions-policy': NO_FEATURES.replaceAll(/\S+/g, '$&=()').replaceAll(' ', ', '),
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=63072000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'x-robots-tag': 'noindex, nofollow',
};

export function registerSecurityHeaders(app: App, config: ApiConfig): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SECURITY_HEADERS);
  });
  app.register(cors, {
    origin: config.corsOrigins,
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: 'authorization, content-type, prefer, dpop, if-none-match, last-event-id',
    exposedHeaders:
      'www-authenticate, retry-after, ratelimit, ratelimit-policy, location, etag, dpop-nonce',
    credentials: false,
    maxAge: 600,
    strictPreflight: false,
  });
}
