/** Processes under measurement: started, pinned to a core of their own where that can be done, and read. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** The kernel counts CPU time in hundredths of a second for all who ask through /proc (proc(5)). */
const TICK_US = 10_000;

const canPin =
  availableParallelism() > 1 &&
  spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0;
/** The first core is the service's, the second is for load, Redis and everything around. */
const CORES = { service: '0', others: '1' } as const;
export const pinned = canPin ? 'service on a core of its own' : 'not pinned';

/** Moves this very process, or one that runs already, to the core of the others. */
export function pinToOthers(pid = process.pid): void {
  if (canPin)
    spawnSync('taskset', ['-a', '-p', '-c', CORES.others, String(pid)], { stdio: 'ignore' });
}

/** The command on the core of the service. */
export const onCore = (command: readonly string[]): readonly string[] =>
  canPin ? ['taskset', '-c', CORES.service, ...command] : command;

export type Measured = {
  pid: number;
  child: ChildProcess;
  /** From spawn to its first good answer. */
  startedInMs: number;
  /** CPU time so far, user and system, all threads. */
  cpuUs(): number;
  /** The same of the threads that are there now, in nanoseconds of the scheduler: for small differences. */
  preciseCpuUs(): number;
  /** Resident memory. */
  residentMiB(): number;
  stop(): Promise<void>;
};

/** Starts `node <args>` on the core of the service and waits until `url` answers 200. */
export async function startMeasured(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  url: string,
): Promise<Measured> {
  const [file, ...rest] = onCore([process.execPath, ...args]);
  const startedAt = performance.now();
  const child = spawn(file!, rest, {
    env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'exit');
  const deadline = Date.now() + 30_000;
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`${rest.join(' ')} does not come up\n${said}`);
    await sleep(5);
  }
  const startedInMs = performance.now() - startedAt;
  const pid = child.pid!;
  return {
    pid,
    child,
    startedInMs,
    cpuUs: () => cpuUs(pid),
    preciseCpuUs: () => preciseCpuUs(pid),
    residentMiB: () => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );

function cpuUs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

function preciseCpuUs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return ns.reduce((sum, one) => sum + one, 0) / 1000;
}
