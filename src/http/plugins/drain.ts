/**
 * Closing waits for answers under way and for nothing else. Node would also wait for connections
 * that never sent a request (browsers open spare ones) and for those that a client keeps alive after
 * its last answer, up to their time limit, which is as long as the whole grace period.
 */
import type { Socket } from 'node:net';
import type { App } from '../api-deps.ts';

export function registerDrain(app: App): void {
  /** Every open connection, with how many of its requests are being answered. */
  const busy = new Map<Socket, number>();
  let closing = false;
  const count = (socket: Socket, by: 1 | -1) => {
    const requests = (busy.get(socket) ?? 0) + by;
    busy.set(socket, requests);
    if (closing && requests === 0) socket.destroySoon();
  };
  app.server.on('connection', (socket: Socket) => {
    busy.set(socket, 0);
    socket.once('close', () => busy.delete(socket));
  });
  app.server.on('request', ({ socket }, response) => {
    count(socket, 1);
    response.once('close', () => busy.has(socket) && count(socket, -1));
  });
  app.addHook('preClose', async () => {
    closing = true;
    for (const [socket, requests] of busy) if (requests === 0) socket.destroy();
  });
}
