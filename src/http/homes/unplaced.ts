/**
 * Requests whose client address a home does not know. Counted as one client, they would all be shut out as
 * soon as one of them asks too often. So the limits per IP are off for them, and the log says so.
 */
import { isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';

/** In place of an address. */
export const NO_ADDRESS = 'unknown';
const unplaced = new WeakSet<IncomingMessage>();

export const isUnplaced = ({ ip, raw }: FastifyRequest): boolean =>
  ip === NO_ADDRESS || unplaced.has(raw);

/** Loopback and the ranges of private networks: nobody from the internet comes by one of them. */
const PRIVATE =
  /^(?:::ffff:)?(?:127\.|10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.)|^::1$|^f[cd]|^fe[89ab]/i;

/**
 * Whether a proxy that is not in TRUST_PROXY handed this request on. A header alone says nothing: who comes
 * from the internet, by an address of theirs, is counted by it whatever they send.
 */
export function noteProxied(request: IncomingMessage, trusts: boolean): boolean {
  const { headers, socket } = request;
  const from = socket.remoteAddress ?? '';
  const isForwarded =
    headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined;
  const is = !trusts && isForwarded && (isIP(from) === 0 || PRIVATE.test(from));
  if (is) unplaced.add(request);
  return is;
}

/** Says once what is weakened in this home. */
export function createTeller(log: Logger): (weakening: string) => void {
  const told = new Set<string>();
  return (weakening) => {
    if (told.has(weakening)) return;
    told.add(weakening);
    log.warn({ event: 'config.weakened', weakening });
  };
}
