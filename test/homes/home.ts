/** The homes of the service, each as its adopter would build it, and one way to ask them all. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import Fastify from 'fastify';
import { onTestFinished } from 'vitest';
import { openReaddress, type Readdress, type Settings } from '../../index.ts';
import { startFunction } from './frozen.ts';
import { startWorld, type LogLine, type World, type WorldOptions } from '../support/world.ts';

export const PUBLIC_URL = 'https://api.example.com/account';

export type Home = {
  world: World;
  /** Asks with a path below PUBLIC_URL, as its gateway hands it on. */
  ask: (path: string, init?: RequestInit) => Promise<Response>;
  /** What is due is done when this resolves, or workers are at it. */
  work: () => Promise<unknown>;
  /** Whether a change can be followed live. */
  isLive: boolean;
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
  const opened = await HOMES[kind]({ ...world.env, PUBLIC_URL, ...options.env }, world);
  return { world, ...opened };
}

type Opened = Omit<Home, 'world'>;
type Open = (settings: Record<string, string>, world: World) => Promise<Opened>;
const atWork = async (readdress: Readdress) => {
  await readdress.startWorkers();
  return { work: () => Promise.resolve(), isLive: true };
};
const onSchedule = (readdress: Readdress) => ({
  work: () => readdress.runDueTasks({ forMs: 5000 }),
  isLive: true,
});
/** Below the path of PUBLIC_URL, at the host of this URL. */
const under =
  (url: string): Home['ask'] =>
  (path, init) =>
    fetch(`${url}/account${path}`, manual(init));

const HOMES = {
  async 'a plugin of a Fastify'(settings, world) {
    const { readdress } = await open(settings, world);
    const app = Fastify({ requestTimeout: 10_000 });
    await app.register(readdress.plugin, { prefix: '/account' });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => app.close());
    return { ask: under(url), ...(await atWork(readdress)) };
  },
  async 'a handler of node:http'(settings, world) {
    const { readdress } = await open(settings, world);
    const url = await listen((request, response) => void readdress.handler(request, response));
    return { ask: under(url), ...(await atWork(readdress)) };
  },
  /** Which cuts the path off that it was mounted at, and remembers it. */
  async 'a handler of Express'(settings, world) {
    const { readdress } = await open(settings, world);
    const app = express();
    app.use('/account', readdress.handler);
    app.use(express.json());
    const url = await listen((request, response) => void app(request, response));
    return { ask: under(url), ...onSchedule(readdress) };
  },
  async 'a fetch of the web'(settings, world) {
    const { readdress } = await open(settings, world);
    const from = { ip: '203.0.113.7' };
    const ask: Home['ask'] = (path, init) =>
      readdress.fetch(new Request(PUBLIC_URL + path, manual(init)), from);
    return { ask, ...onSchedule(readdress) };
  },
  async 'a function that is frozen between two events'(settings) {
    const { ask, tasks } = await startFunction({ ...settings, TASKS: 'inline' });
    return { ask: (path, init) => ask(`/account${path}`, init), work: tasks, isLive: false };
  },
} satisfies Record<string, Open>;
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
