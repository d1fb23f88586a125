/** Loopback listeners. Browsers resolve localhost to 127.0.0.1 or to ::1, so a server wants both. */
import { createServer, type RequestListener, type Server } from 'node:http';

export interface LoopbackServer {
  port: number;
  /** Ends the listeners and every open socket at once. */
  close(): Promise<void>;
}

const IPV6_ABSENT = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);
const ATTEMPTS = 10;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port to listen on.');
  return address.port;
}

async function closeAll(servers: Server[]): Promise<void> {
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve()); // Not listening (any more) is just as good.
          server.closeAllConnections();
        }),
    ),
  );
}

/** Listens on `port` (0 = a free one) of 127.0.0.1 and, where there is IPv6, of ::1. */
export async function listenOnLoopback(
  onRequest: RequestListener,
  wantedPort = 0,
): Promise<LoopbackServer> {
  for (let attempt = 1; ; attempt += 1) {
    const v4 = createServer(onRequest);
    const v6 = createServer(onRequest);
    const port = await listen(v4, wantedPort, '127.0.0.1');
    try {
      await listen(v6, port, '::1');
      return { port, close: () => closeAll([v4, v6]) };
    } catch (error) {
      if (IPV6_ABSENT.has(codeOf(error))) return { port, close: () => closeAll([v4]) };
      await closeAll([v4]);
      // A port that is free on one address can be taken on the other: try the next free one.
      if (wantedPort !== 0 || codeOf(error) !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error;
    }
  }
}
