/** The port that people expect, or a free one when somebody sits on it. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

export async function freePort(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch {
      // Taken: the system names another.
    } finally {
      server.close();
    }
  }
  throw new Error('no free port');
}
