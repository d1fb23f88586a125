/** Limits as hooks that stand on the route they guard, and the fields that make them visible. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem, retryAfter } from '../problems.ts';
import type { Limiter, Share } from '../store/limits.ts';

/** Counts a request against its client address. */
export const limitPerIp =
  (limiter: Limiter, policy: string) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    enforce(await limiter.take(request.ip), policy, reply);
  };

/**
 * Shows the share (draft-ietf-httpapi-ratelimit-headers) and refuses when it is used up.
 * @throws {Problem} too-many-requests
 */
export function enforce(share: Share, policy: string, reply: FastifyReply): void {
  const windowS = Math.ceil(share.limit.windowMs / 1000);
  const resetS = Math.ceil(share.resetMs / 1000);
  const headers = {
    'ratelimit-policy': `"${policy}";q=${share.limit.points};w=${windowS}`,
    ratelimit: `"${policy}";r=${share.remaining};t=${resetS}`,
  };
  reply.headers(headers);
  if (share.allowed) return;
  throw new Problem('too-many-requests', {
    headers: { ...headers, 'retry-after': retryAfter(share.resetMs, 0) },
  });
}
