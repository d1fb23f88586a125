/** The headers of every answer, errors included; pages loosen the policy for themselves. */
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import type { App } from '../api-deps.ts';
import type { ApiConfig } from '../config.ts';

const PERMISSIONS = [
  'accelerometer',
  'autoplay',
  'camera',
  'display-capture',
  'geolocation',
  'gyroscope',
  'microphone',
  'midi',
  'payment',
  'publickey-credentials-get',
  'usb',
  'browsing-topics',
];

export function registerSecurityHeaders(app: App, config: ApiConfig): void {
  app.register(helmet, {
    // helmet's own list would be merged in, with an upgrade that breaks plain http on loopback.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
      },
    },
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: { maxAge: 63_072_000, includeSubDomains: true },
    xFrameOptions: { action: 'deny' },
  });
  app.register(cors, {
    origin: config.corsOrigins,
    methods: ['GET', 'POST', 'DELETE'],
    allowedHeaders: [
      'authorization',
      'content-type',
      'prefer',
      'dpop',
      'if-none-match',
      'last-event-id',
    ],
    exposedHeaders: [
      'www-authenticate',
      'retry-after',
      'ratelimit',
      'ratelimit-policy',
      'location',
      'etag',
      'dpop-nonce',
    ],
    credentials: false,
    maxAge: 600,
    strictPreflight: false,
  });
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'permissions-policy': PERMISSIONS.map((feature) => `${feature}=()`).join(', '),
      'x-robots-tag': 'noindex, nofollow',
    });
  });
}
