/** The built service as operators run it: `node dist/…`, configured by the environment alone. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort } from '../../demo/ports.ts';
import { eventually, type LogLine } from './world.ts';

export type ServiceProcess = {
  url: string;
  child: ChildProcess;
  logs: LogLine[];
  stderr: () => string;
  /** Resolves with the exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals>;
  untilReady(): Promise<void>;
};

const ENTRIES = {
  api: 'dist/src/server.js',
  workers: 'dist/workers/main.js',
  both: 'dist/start.js',
} as const;

/** What the command calls them. */
const COMMANDS = { api: 'api', workers: 'workers', both: 'start' } as const;

/** The same entries, not built. */
const SOURCES = { api: 'src/server.ts', workers: 'workers/main.ts', both: 'start.ts' } as const;

/** Starts one process of the service on a free port. It is killed when the test ends. */
export async function startProcess(
  role: keyof typeof ENTRIES,
  env: Record<string, string>,
  from: 'dist' | 'source' | 'npm' | 'command' = 'dist',
  cwd = process.cwd(),
): Promise<ServiceProcess> {
  const entry = {
    source: ['--import', 'tsx', SOURCES[role]],
    command: [resolve('dist/cli/main.js'), COMMANDS[role]],
    dist: [resolve(ENTRIES[role])],
    npm: [],
  }[from];
  const [port, workerPort] = [await freePort(0), await freePort(0)];
  const [command, args] =
    from === 'npm' ? ['npm', ['run', '--silent', 'start']] : [process.execPath, entry];
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env['PATH'], ...env, PORT: String(port), WORKER_PORT: String(workerPort) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const logs: LogLine[] = [];
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    logs.push(...lines.map((line) => JSON.parse(line) as LogLine));
  });
  const exited = once(child, 'close').then(
    ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
  );
  const url = `http://127.0.0.1:${role === 'workers' ? workerPort : port}`;
  return {
    url,
    child,
    logs,
    stderr: () => stderr,
    exited,
    untilReady: async () => {
      await eventually(
        async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok,
        `${role} to be ready: ${stderr}`,
        // Two processes that start side by side on a busy machine take their time.
        30_000,
      );
    },
  };
}
