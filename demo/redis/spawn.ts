/** A Redis server of our own on loopback, with the persistence and eviction policy we demand. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath } from './path.ts';
import { freePort, isReady } from './ready.ts';

export interface SpawnedRedis {
  /** `redis://127.0.0.1:PORT` */
  url: string;
  pid: number;
  port: number;
  dir: string;
  /** Ends the server at once, as a power cut would; its files stay for the next `spawnRedis`. */
  kill(): Promise<void>;
  /** Ends the server and removes its private directory. */
  stop(): Promise<void>;
}

export interface SpawnRedisOptions {
  /** Default: a free port. */
  port?: number;
  /** Where the append-only file lies. Default: a private directory that `stop` removes. */
  dir?: string;
  /** Default `everysec`. */
  appendfsync?: 'always' | 'everysec' | 'no';
  /** Path of the server. Default: `redis-server` or `valkey-server` from the PATH. */
  binary?: string;
}

export const BINARIES = ['redis-server', 'valkey-server'];
const READY_TIMEOUT_MS = 10_000;
const PORT_ATTEMPTS = 5;

function serverArguments(port: number, dir: string, appendfsync: string): string[] {
  return [
    `--port ${port} --bind 127.0.0.1 --maxmemory-policy noeviction`,
    `--appendonly yes --appendfsync ${appendfsync}`,
  ]
    .flatMap((part) => part.split(' '))
    .concat('--dir', dir, '--save', '');
}

/**
 * Redis runs in a process group of its own: Ctrl-C in the terminal signals our group, and Redis has
 * to outlive the services that still drain into it.
 */
function spawnDetached(command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { detached: true, stdio: 'ignore' });
  child.on('error', () => {}); // Shows as a child that never becomes ready.
  child.unref();
  return child;
}

// Built-ins and /bin/rm only: it has to work whatever the PATH is.
const WATCH =
  'while read -r line; do :; done; kill -9 "$0" 2> /dev/null; [ -z "$1" ] || /bin/rm -rf "$1"';

/**
 * Keeps a detached server from outliving us even when we are killed: its watcher reads a pipe that
 * ends with our process.
 */
function watchOver(pid: number, dirToRemove: string): () => void {
  const watcher = spawn('/bin/sh', ['-c', WATCH, String(pid), dirToRemove], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.on('error', () => {}); // Then the exit hook alone has to do.
  watcher.unref();
  return () => void watcher.kill('SIGKILL');
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/**
 * Starts a Redis (or Valkey) server of our own on 127.0.0.1 and waits until it answers.
 *
 * Give it the `port` and `dir` of one that was killed to bring that one back with its data.
 * @throws Error when there is no server on the PATH, or it does not start
 */
export async function spawnRedis(options: SpawnRedisOptions = {}): Promise<SpawnedRedis> {
  const binary = options.binary ?? findOnPath(BINARIES);
  if (binary === undefined) throw new Error(`Found neither ${BINARIES.join(' nor ')} on the PATH.`);
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'readdress-redis-'));
  const removeDir = () => {
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  let server: ChildProcess | undefined;
  // From here on, so that nothing stays when we exit in the middle of the start.
  const killAndRemove = () => {
    server?.kill('SIGKILL');
    removeDir();
  };
  process.once('exit', killAndRemove);
  const attempts = options.port === undefined ? PORT_ATTEMPTS : 1;

  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const port = options.port ?? (await freePort());
    const args = serverArguments(port, dir, options.appendfsync ?? 'everysec');
    const child = spawnDetached(binary, args);
    const { pid } = child;
    server = child;
    if (pid !== undefined) child.once('exit', watchOver(pid, options.dir === undefined ? dir : ''));
    // Another server can have taken the port in between: then ours has ended, and we try another.
    if (pid === undefined || !(await isReady(child, port, { timeoutMs: READY_TIMEOUT_MS, pid }))) {
      await end(child, 'SIGKILL');
      continue;
    }
    return {
      url: `redis://127.0.0.1:${port}`,
      pid,
      port,
      dir,
      kill: () => end(child, 'SIGKILL'),
      async stop() {
        await end(child, 'SIGTERM');
        process.off('exit', killAndRemove);
        removeDir();
      },
    };
  }
  process.off('exit', killAndRemove);
  removeDir();
  throw new Error(`${binary} did not start on a loopback port.`);
}
