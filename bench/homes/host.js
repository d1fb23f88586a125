// A backend with Readdress in it, one of its homes by name: `node host.js plugin`. The built package, no workers.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import Fastify from 'fastify';
import { openReaddress } from '../../dist/index.js';

const readdress = await openReaddress(process.env);
const port = Number(process.env.HOST_PORT);

/** @type {(request: import('node:http').IncomingMessage) => Request} */
const asWeb = (request) => {
  const { method, headers } = request;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  return new Request(`http://localhost:${port}${request.url}`, {
    method,
    headers,
    ...(hasBody ? { body: Readable.toWeb(request), duplex: 'half' } : {}),
  });
};
/** @type {(answer: Response, response: import('node:http').ServerResponse) => Promise<void>} */
const send = async (answer, response) => {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(Buffer.from(await answer.arrayBuffer()));
};

const HOMES = {
  async plugin() {
    const app = Fastify({ requestTimeout: 10_000, forceCloseConnections: 'idle' });
    await app.register(readdress.plugin, { prefix: '/account' });
    await app.listen({ port, host: '127.0.0.1' });
  },
  handler() {
    createServer((request, response) => void readdress.handler(request, response)).listen(port);
  },
  // What a web framework on Node does to make a Request and to send a Response, as little as that can be.
  fetch() {
    const answer = async (request) =>
      readdress.fetch(asWeb(request), { ip: request.socket.remoteAddress });
    createServer(
      (request, response) => void answer(request).then((given) => send(given, response)),
    ).listen(port);
  },
  // The same web requests without anybody who answers: what the host costs by itself.
  echo() {
    const answer = async (request) => {
      const asked = asWeb(request);
      if (asked.body) await asked.arrayBuffer();
      return new Response('{}', { headers: { 'content-type': 'application/json' } });
    };
    createServer(
      (request, response) => void answer(request).then((given) => send(given, response)),
    ).listen(port);
  },
};

await HOMES[process.argv[2]]();
process.once('SIGTERM', () => void readdress.close().then(() => process.exit(0)));
