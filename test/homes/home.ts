/** The homes of the service, each as its adopter would build it, and one way to ask them all. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import Fastify from 'fastify';
import { onTestFinished } from 'vitest';
import { openReaddress, type Readdress, type Settings } from '../../index.ts';
import { startWorld, type LogLine, type World, type WorldOptions } from '../support/world.ts';

export const PUBLIC_URL = 'https://api.example.com/account';

export type Home = {
  world: World;
  readdress: Readdress;
  logs: LogLine[];
  /** Asks with a path below PUBLIC_URL, as its gateway hands it on. */
  ask: (path: string, init?: RequestInit) => Promise<Response>;
  /** What is due is done when this resolves, or workers are at it. */
  work: () => Promise<unknown>;
};

export type Kind = keyof typeof HOMES;

/** Opens Readdress for this test. */
export async function open(settings: Settings, world?: World) {
  const logs: LogLine[] = [];
  const readdress = await openReaddress(settings, {
    logTo: { write: (line) => void logs.push(JSON.parse(line) as LogLine) },
    ...(world ? { now: () => world.now() } : {}),
  });
  onTestFinished(() => readdress.close());
  return { readdress, logs };
}

export async function startHome(kind: Kind, options: WorldOptions = {}): Promise<Home> {
  const world = await startWorld({ ...options, workers: false });
  const settings = { ...world.env, PUBLIC_URL, ...options.env };
  const { readdress, logs } = await open(settings, world);
  const { ask, workers } = await HOMES[kind](readdress);
  if (workers) await readdress.startWorkers();
  const work = () => (workers ? Promise.resolve() : readdress.runDueTasks({ forMs: 5000 }));
  return { world, readdress, logs, ask, work };
}

type Opened = { ask: Home['ask']; workers: boolean };

const HOMES = {
  async 'a plugin of a Fastify'(readdress: Readdress): Promise<Opened> {
    const app = Fastify({ requestTimeout: 10_000 });
    await app.register(readdress.plugin, { prefix: '/account' });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => app.close());
    return { ask: (path, init) => fetch(`${url}/account${path}`, manual(init)), workers: true };
  },
  async 'a handler of node:http'(readdress: Readdress): Promise<Opened> {
    const url = await listen((request, response) => void readdress.handler(request, response));
    return { ask: (path, init) => fetch(`${url}/account${path}`, manual(init)), workers: true };
  },
  /** Which cuts the path off that it was mounted at, and remembers it. */
  async 'a handler of Express'(readdress: Readdress): Promise<Opened> {
    const app = express();
    app.use('/account', readdress.handler);
    app.use(express.json());
    const url = await listen((request, response) => void app(request, response));
    return { ask: (path, init) => fetch(`${url}/account${path}`, manual(init)), workers: false };
  },
  'a fetch of the web': async (readdress: Readdress): Promise<Opened> => ({
    ask: (path, init) =>
      readdress.fetch(new Request(`${PUBLIC_URL}${path}`, manual(init)), { ip: '203.0.113.7' }),
    workers: false,
  }),
} as const;
export const KINDS = Object.keys(HOMES) as Kind[];

const manual = (init: RequestInit = {}): RequestInit => ({ redirect: 'manual', ...init });

/** A server of somebody else's, for this test. */
export async function listen(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
