/** Redis for the demo and the tests: the one at REDIS_URL, else one of our own on loopback. */
import { runRedisContainer } from './redis/container.ts';
import { installRedis } from './redis/install.ts';
import { findOnPath } from './redis/path.ts';
import { BINARIES, spawnRedis } from './redis/spawn.ts';

export { spawnRedis, type SpawnedRedis, type SpawnRedisOptions } from './redis/spawn.ts';

export interface RunningRedis {
  url: string;
  stop(): Promise<void>;
  /** Of the server, or of the client that runs its container; absent for the one at REDIS_URL. */
  pid?: number;
}

export interface StartRedisOptions {
  /** Hears what is going on, one line at a time. */
  say?: (line: string) => void;
}

const NO_REDIS = `There is no Redis to run on. Any one of these helps:
  - install redis-server or valkey-server, so that it is on the PATH
  - start Docker, and a container is used
  - set REDIS_URL to a Redis of yours (append-only file on, eviction policy noeviction)`;

/**
 * Finds a Redis in the way that asks least of the user: REDIS_URL, a server on the PATH, the
 * system's package manager where it needs no password, a container.
 * @throws Error naming all options when none works
 */
export async function startRedis({
  say = () => {},
}: StartRedisOptions = {}): Promise<RunningRedis> {
  const url = process.env['REDIS_URL'];
  if (url) return { url, stop: () => Promise.resolve() };
  if (findOnPath(BINARIES) === undefined) await installRedis(say);
  if (findOnPath(BINARIES) !== undefined) return spawnRedis();
  const container = await runRedisContainer(say);
  if (!container) throw new Error(NO_REDIS);
  return container;
}
