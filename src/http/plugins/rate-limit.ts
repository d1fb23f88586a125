/** Limits as hooks that stand on the route they guard, and the fields that make them visible. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem, retryAfter } from '../problems.ts';
import type { Limiter, Share } from '../../store/limits.ts';
import { networkOf } from './network.ts';
import { isUnplaced } from '../homes/unplaced.ts';

/** What one client has: an address of IPv4, a /64 of IPv6. */
const CLIENT = { v4: 32, v6: 64 } as const;

/** Counts a request against its client; all those that a proxy gives no address are one. */
export const limitPerIp =
  (limiter: Limiter, policy: string) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (isUnplaced(request)) return;
    enforce(await limiter.take(networkOf(request.ip, CLIENT) ?? 'unknown'), policy, reply);
  };

/**
 * Shows the share and refuses when it is used up.
 * @throws {Problem} too-many-requests
 */
export function enforce(share: Share, policy: string, reply: FastifyReply): void {
  const headers = show(share, policy, reply);
  if (share.allowed) return;
  throw new Problem('too-many-requests', {
    headers: { ...headers, 'retry-after': retryAfter(share.resetMs, 0) },
  });
}

/** The fields of draft-ietf-httpapi-ratelimit-headers, also once something was given back. */
export function show(share: Share, policy: string, reply: FastifyReply): Record<string, string> {
  const windowS = Math.ceil(share.limit.windowMs / 1000);
  const resetS = Math.ceil(share.resetMs / 1000);
  const headers = {
    'ratelimit-policy': `"${policy}";q=${share.limit.points};w=${windowS}`,
    ratelimit: `"${policy}";r=${share.remaining};t=${resetS}`,
  };
  reply.headers(headers);
  return headers;
}
