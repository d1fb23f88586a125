/** What the HTTP door needs besides what both doors share. */
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ApiConfig } from '../config.ts';
import type { Deps } from '../deps.ts';
import { createMailServers, type MailServers } from './mail-servers.ts';
import { createPostOffice, type PostOffice } from '../store/postage.ts';
import { createLocalLimiter, createSharedLimiter, type Limiter } from '../store/limits.ts';

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export type ApiDeps = Deps<ApiConfig> & {
  limits: { user: Limiter; support: Limiter; ip: Limiter; link: Limiter; page: Limiter };
  postage: PostOffice;
  /** Where the DNS is asked about new addresses. */
  mailServers: MailServers | undefined;
  inline: Inline | undefined;
};

/** Where there are no workers to ring for: a function does its tasks before it answers, since it may be frozen then. */
export type Inline = {
  /** This request made something due: it is begun at once. */
  ring(requestId: string | undefined): void;
  /** Resolves when what this request made due was tried. */
  settled(requestId: string): Promise<void>;
};

export function withLimits(
  deps: Deps<ApiConfig>,
  inline?: Inline,
  dnsServers: readonly string[] = [],
): ApiDeps {
  const { limits } = deps.config;
  return {
    ...deps,
    inline,
    limits: {
      user: createSharedLimiter(deps.redis, `${deps.prefix}:limit-user`, limits.user),
      support: createSharedLimiter(deps.redis, `${deps.prefix}:limit-support`, limits.support),
      ip: createLocalLimiter(limits.ip),
      link: createLocalLimiter(limits.link),
      // As many as requests, counted apart: looking at pages uses up nobody's requests.
      page: createLocalLimiter(limits.ip),
    },
    postage: createPostOffice(deps),
    mailServers: deps.config.checksMx ? createMailServers(deps.now, dnsServers) : undefined,
  };
}
