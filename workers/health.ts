/** The workers' own port: health for orchestrators, nothing else. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WorkerConfig } from '../src/config.ts';
import type { Readiness } from '../src/readiness.ts';

export async function serveHealth(config: WorkerConfig, readiness: Readiness) {
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) =>
      response
        .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
        .end(JSON.stringify(body));
    if (request.url === '/livez') return answer(200, { status: 'ok' });
    if (request.url !== '/readyz') return answer(404, { status: 'not-found' });
    const notReady = readiness.check();
    return notReady === undefined
      ? answer(200, { status: 'ok' })
      : answer(503, { status: 'not-ready', reason: notReady });
  });
  server.listen(config.workerPort, config.workerHost);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${config.workerHost}:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
