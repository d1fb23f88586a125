/** The operator's side of a webhook: keeps what arrives, checks signatures by hand, answers badly on demand. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { eventually } from '../support/world.ts';

export type Delivery = {
  id: string;
  type: string;
  headers: IncomingHttpHeaders;
  body: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what the wire says.
  event: any;
};
/** A status, silence, or a redirect to elsewhere. */
type Reaction = number | 'hang' | { location: string };

export type Receiver = {
  url: string;
  deliveries: Delivery[];
  /** How it answers from now on. Default 204. */
  react(reaction: (delivery: Delivery) => Reaction): void;
  /** The types of the events about a change so far, each as often as it came. */
  typesOf(change: { id: string }): string[];
  /** Waits for the nth delivery of an event. */
  received(change: { id: string }, type: string, n?: number): Promise<Delivery>;
};

/** Starts a receiver on loopback, at a port or a free one. It ends with the test. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const deliveries: Delivery[] = [];
  let react: (delivery: Delivery) => Reaction = () => 204;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const event = JSON.parse(body) as { type: string };
      const id = String(request.headers['webhook-id']);
      const delivery = { id, type: event.type, headers: request.headers, body, event };
      deliveries.push(delivery);
      const reaction = react(delivery);
      if (reaction === 'hang') return;
      if (typeof reaction === 'number') response.writeHead(reaction).end();
      else response.writeHead(307, reaction).end();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const about = ({ id }: { id: string }, type?: string) =>
    deliveries.filter(
      ({ event }) => event.data.id === id && (type === undefined || event.type === type),
    );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    deliveries,
    react: (reaction) => {
      react = reaction;
    },
    typesOf: (change) => about(change).map(({ type }) => type.replace('email_change.', '')),
    received: (change, type, n = 1) =>
      eventually(() => about(change, `email_change.${type}`)[n - 1], `event ${type} ${n}`),
  };
}

/** Whether one of the signatures is by this secret, as the specification says it: HMAC-SHA-256 of id.timestamp.body. */
export function isSignedWith(secret: string, { id, headers, body }: Delivery): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = `${id}.${String(headers['webhook-timestamp'])}.${body}`;
  const expected = createHmac('sha256', key).update(signed).digest();
  return String(headers['webhook-signature'])
    .split(' ')
    .some((signature) => {
      const [version, value = ''] = signature.split(',');
      const given = Buffer.from(value, 'base64');
      return version === 'v1' && given.length === 32 && timingSafeEqual(given, expected);
    });
}
