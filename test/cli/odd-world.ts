/** What a doctor has to tell apart: an HTTP server whose first path segment says how it errs, and ports that are odd. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';

export type OddWorld = {
  /** `http://127.0.0.1:PORT/<kind>` */
  http(kind: string): string;
  /** `127.0.0.1:PORT` of somebody who takes connections and never says a word. */
  silent: string;
  /** `127.0.0.1:PORT` where nobody listens. */
  nobody: string;
  close(): void;
};

const MINUTES_10 = 600_000;

/** How it errs: by the first part of the path, with what follows it. */
const KINDS: Record<string, (req: IncomingMessage, res: ServerResponse, issuer: string) => void> = {
  none: (_, res) => res.writeHead(404).end('{}'),
  page: (_, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<p>Welcome</p>'),
  bad: (_, res) => res.writeHead(502).end('bad gateway'),
  away: (_, res) => res.writeHead(302, { location: 'https://elsewhere.invalid/' }).end(),
  renamed: (req, res) => tenant(req, res, 'https://login.elsewhere.invalid/'),
  keyless: (req, res, issuer) => tenant(req, res, issuer, { keys: [] }),
  skewed: (req, res, issuer) => {
    res.setHeader('date', new Date(Date.now() + MINUTES_10).toUTCString());
    tenant(req, res, issuer);
  },
  /** `/token/403/access_denied: words`: what the token endpoint says. */
  token: (req, res, issuer) => {
    const [, , status, error = '', words] = decodeURIComponent(req.url!).split('/');
    if (req.method !== 'POST') return tenant(req, res, issuer);
    res.writeHead(Number(status)).end(JSON.stringify({ error, error_description: words }));
  },
  /** `/scopes/read:users,…/404`: what is granted, and what reading a user then answers. */
  scopes: (req, res, issuer) => {
    const [, , scopes = '', status = ''] = decodeURIComponent(req.url!).split('/');
    const scope = scopes.replaceAll(',', ' ');
    if (req.method === 'POST')
      return void res.end(JSON.stringify({ access_token: 'opaque', expires_in: 86_400, scope }));
    if (!req.url!.includes('/api/v2/')) return tenant(req, res, issuer);
    res
      .writeHead(/^\d{3}$/.test(status) ? Number(status) : 404, { 'x-ratelimit-limit': '10' })
      .end('{}');
  },
  /** A Readdress by its health alone. */
  unready: (req, res) =>
    req.url!.endsWith('/livez')
      ? void res.end('{"status":"ok"}')
      : void res.writeHead(503).end('{"status":"not-ready","reason":"redis: WRONGPASS"}'),
  /** A proxy that collects every answer before it hands it on: a stream never comes. */
  held: (req, res) => {
    if (req.url!.endsWith('/events')) return;
    const isChange = req.url!.endsWith('/current');
    res.end(JSON.stringify(isChange ? { id: 'held', status: 'pending' } : { status: 'ok' }));
  },
  /** Somebody who takes the stream for a page. */
  paged: (req, res) => {
    if (req.url!.endsWith('/events'))
      return void res.writeHead(200, { 'content-type': 'text/html' }).end('<p>Welcome</p>');
    const isChange = req.url!.endsWith('/current');
    res.end(JSON.stringify(isChange ? { id: 'paged', status: 'confirmed' } : { status: 'ok' }));
  },
  /** `/databases/<change_email script>/<import mode>`: one custom database. */
  databases: (req, res, issuer) => {
    if (!req.url!.includes('/connections')) return tenant(req, res, issuer);
    const [, , script, importMode] = decodeURIComponent(req.url!.split('/api/v2')[0]!).split('/');
    const options = {
      enabledDatabaseCustomization: true,
      import_mode: importMode === 'import',
      customScripts: script === 'none' ? { login: 'x' } : { login: 'x', change_email: 'x' },
    };
    res.end(
      JSON.stringify([
        { name: 'legacy-users', options },
        { name: 'Default', options: {} },
      ]),
    );
  },
  unauthorized: (_, res) => res.writeHead(401).end(),
};

const RSA = { keys: [{ kty: 'RSA', use: 'sig', kid: 'a' }] };

function tenant(req: IncomingMessage, res: ServerResponse, issuer: string, jwks: object = RSA) {
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify(req.url!.endsWith('/jwks.json') ? jwks : { issuer }));
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

export async function startOddWorld(): Promise<OddWorld> {
  const http = createServer((req, res) => {
    const [, kind = ''] = req.url!.split('/');
    const [path] = /^.*?(?=\/(?:\.well-known|oauth|api|livez|readyz|v1)\b)/.exec(req.url!) ?? [''];
    req.resume();
    (KINDS[kind] ?? KINDS['none']!)(req, res, `http://127.0.0.1:${portOf(http)}${path}/`);
  });
  const sockets = new Set<Socket>();
  const silent = createTcp((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  const gone = createTcp();
  for (const server of [http, silent, gone]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const nobody = `127.0.0.1:${portOf(gone)}`;
  gone.close();
  return {
    http: (kind) => `http://127.0.0.1:${portOf(http)}/${kind}`,
    silent: `127.0.0.1:${portOf(silent)}`,
    nobody,
    close() {
      for (const socket of sockets) socket.destroy();
      http.closeAllConnections();
      for (const server of [http, silent]) server.close();
    },
  };
}
