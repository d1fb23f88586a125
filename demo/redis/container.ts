/** Redis in a container, for machines that have an engine but no Redis. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { findOnPath } from './path.ts';
import { freePort, isReady } from './ready.ts';

const IMAGE = 'redis:7-alpine';
const SETTINGS = '--appendonly yes --appendfsync everysec --maxmemory-policy noeviction';
/** Long enough to fetch the image. */
const READY_TIMEOUT_MS = 120_000;

export interface ContainerRedis {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

/** Starts Redis with `docker run`; undefined when there is no engine that works. */
export async function runRedisContainer(
  say: (line: string) => void,
): Promise<ContainerRedis | undefined> {
  if (findOnPath(['docker']) === undefined) return undefined;
  if (spawnSync('docker', ['info'], { timeout: 10_000 }).status !== 0) return undefined;
  const port = await freePort();
  const name = `readdress-redis-${port}`;
  say(`No Redis on the PATH: starting ${IMAGE} in a container …`);
  const child = spawn(
    'docker',
    `run --rm --name ${name} -p 127.0.0.1:${port}:6379 ${IMAGE} redis-server ${SETTINGS}`
      .split(' ')
      .concat('--save', ''),
    { detached: true, stdio: 'ignore' }, // Ctrl-C must not reach it before the services drained.
  );
  child.on('error', () => {}); // Shows as a child that never becomes ready.
  child.unref();
  // Killing the client would leave the container behind, so the container is removed by name.
  const remove = () => void spawnSync('docker', ['rm', '--force', name], { timeout: 30_000 });
  process.once('exit', remove);
  if (child.pid === undefined || !(await isReady(child, port, { timeoutMs: READY_TIMEOUT_MS }))) {
    remove();
    process.off('exit', remove);
    say('The container did not start.');
    return undefined;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    async stop() {
      const hasEnded = child.exitCode !== null || child.signalCode !== null;
      const ended = hasEnded ? undefined : once(child, 'exit');
      remove();
      process.off('exit', remove);
      await ended;
    },
  };
}
