/** What the HTTP door needs besides what both doors share. */
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ApiConfig } from './config.ts';
import type { Deps } from './deps.ts';
import { createLocalLimiter, createSharedLimiter, type Limiter } from './store/limits.ts';

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export type ApiDeps = Deps<ApiConfig> & {
  limits: { user: Limiter; address: Limiter; ip: Limiter; link: Limiter; page: Limiter };
};

export function withLimits(deps: Deps<ApiConfig>): ApiDeps {
  const { limits } = deps.config;
  const shared = (name: string, limit: typeof limits.user) =>
    createSharedLimiter(deps.redis, `${deps.prefix}:limit-${name}`, limit);
  return {
    ...deps,
    limits: {
      user: shared('user', limits.user),
      address: shared('address', limits.address),
      ip: createLocalLimiter(limits.ip),
      link: createLocalLimiter(limits.link),
      // As many as requests, counted apart: looking at pages uses up nobody's requests.
      page: createLocalLimiter(limits.ip),
    },
  };
}
