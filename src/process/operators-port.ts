/** A port of its own for operators: health for orchestrators, measures for Prometheus, nothing else. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Deps } from '../deps.ts';
import { describeError } from './log.ts';
import { readMetrics, type Waiting } from './metrics.ts';
import type { Readiness } from './readiness.ts';

type Watched = Pick<Deps, 'metrics' | 'clock' | 'pulse' | 'log'>;
export type OperatorsPort = { url: string; close(): void };

export async function openOperatorsPort(
  { metrics, clock, pulse, log }: Watched,
  tenants: readonly Waiting[],
  readiness: Pick<Readiness, 'check' | 'notes'>,
  { host, port: wanted }: { host: string; port: number },
): Promise<OperatorsPort> {
  const measure = async (response: ServerResponse) => {
    try {
      const text = await readMetrics(metrics, tenants, clock, pulse);
      response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text);
    } catch (error) {
      log.error({ event: 'metrics.failed', ...describeError(error) });
      answer(response, 500, { status: 'failed' });
    }
  };
  const server = createServer((request, response) => {
    if (request.url === '/livez') return answer(response, 200, { status: 'ok' });
    if (request.url === '/metrics') return void measure(response);
    if (request.url !== '/readyz') return answer(response, 404, { status: 'not-found' });
    const notReady = readiness.check();
    return notReady === undefined
      ? answer(response, 200, { status: 'ok', ...readiness.notes() })
      : answer(response, 503, { status: 'not-ready', reason: notReady });
  });
  server.listen(wanted, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const answer = (response: ServerResponse, status: number, body: object) =>
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body));
