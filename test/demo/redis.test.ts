import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { spawnRedis, startRedis } from '../../demo/redis.ts';
import { findOnPath } from '../../demo/redis/path.ts';

const SERVER = findOnPath(['redis-server', 'valkey-server']) ?? 'redis-server';

beforeEach(() => {
  vi.stubEnv('REDIS_URL', '');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function ask<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  redis.on('error', () => {}); // The question itself fails then.
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('spawnRedis', () => {
  it('runs with an append-only file, no eviction, on loopback alone', async () => {
    const redis = await spawnRedis();
    try {
      // It leads a process group of its own, which Ctrl-C in the terminal does not reach.
      expect(isAlive(-redis.pid)).toBe(true);
      const settings = await ask(redis.url, (client) =>
        client.config('GET', 'append*', 'maxmemory-policy', 'bind', 'save'),
      );
      expect(settings).toEqual(
        expect.arrayContaining(['yes', 'everysec', 'noeviction', '127.0.0.1', 'appendonly']),
      );
    } finally {
      await redis.stop();
    }
    expect(isAlive(redis.pid)).toBe(false);
    expect(existsSync(redis.dir)).toBe(false);
  });

  it('comes back on the same port and files with what it had before it was killed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'redis-test-'));
    const first = await spawnRedis({ dir, appendfsync: 'always' });
    await ask(first.url, (client) => client.set('kept', 'yes'));
    await first.kill();
    const second = await spawnRedis({ dir, port: first.port, appendfsync: 'always' });
    try {
      expect(await ask(second.url, (client) => client.get('kept'))).toBe('yes');
    } finally {
      await second.stop();
      await rm(dir, { recursive: true });
    }
  });

  it('says so when the wanted port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await expect(spawnRedis({ port })).rejects.toThrow('did not start on a loopback port');
    holder.close();
  });

  it('does not outlive a process that is killed', async () => {
    const script = `
      import { spawnRedis } from ${JSON.stringify(new URL('../../demo/redis.ts', import.meta.url).href)};
      const { pid, dir } = await spawnRedis();
      console.log(JSON.stringify({ pid, dir }));
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    const [line]: unknown[] = await once(owner.stdout, 'data');
    const { pid, dir }: { pid: number; dir: string } = JSON.parse(String(line));
    expect(isAlive(pid)).toBe(true);
    owner.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5000 });
    await vi.waitFor(() => expect(existsSync(dir)).toBe(false), { timeout: 5000 });
  });
});

/** A PATH with nothing but these programs, each a shell script. */
async function onlyPrograms(programs: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'path-test-'));
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(folder, name), 0o755);
  }
  await symlink('/usr/bin/env', join(folder, 'env'));
  vi.stubEnv('PATH', folder);
  return folder;
}

describe('startRedis', () => {
  const SUDO = 'shift; exec "$@"';

  it('uses the Redis at REDIS_URL and leaves it running', async () => {
    vi.stubEnv('REDIS_URL', 'redis://redis.example:6379');
    const redis = await startRedis();
    expect(redis.url).toBe('redis://redis.example:6379');
    expect(redis.pid).toBeUndefined();
    await redis.stop();
  });

  it('spawns the server on the PATH', async () => {
    const redis = await startRedis();
    expect(await ask(redis.url, (client) => client.ping())).toBe('PONG');
    await redis.stop();
    expect(isAlive(redis.pid ?? 0)).toBe(false);
  });

  it('installs a server with the package manager, and says so', async () => {
    const folder = await onlyPrograms({
      'apt-get': `[ "$1" = update ] || /bin/ln -s ${SERVER} "\${0%/*}/redis-server"`,
      sudo: SUDO,
      true: 'exit 0',
    });
    const lines: string[] = [];
    const redis = await startRedis({ say: (line) => lines.push(line) });
    expect(await ask(redis.url, (client) => client.ping())).toBe('PONG');
    expect(lines).toEqual(['No Redis on the PATH: installing it with apt-get …']);
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  it('falls back to a container, and removes it on stop', async () => {
    const folder = await onlyPrograms({
      docker: `
        dir="\${0%/*}"
        case "$1" in
          info) exit 0 ;;
          run) port="\${6#127.0.0.1:}"; echo $$ > "$dir/pid"
            exec ${SERVER} --port "\${port%:6379}" --bind 127.0.0.1 --dir "$dir" ;;
          rm) read -r pid < "$dir/pid"; kill -9 "$pid"; echo "$3" > "$dir/removed" ;;
        esac`,
    });
    const lines: string[] = [];
    const redis = await startRedis({ say: (line) => lines.push(line) });
    expect(await ask(redis.url, (client) => client.ping())).toBe('PONG');
    expect(lines).toEqual(['No Redis on the PATH: starting redis:7-alpine in a container …']);
    await redis.stop();
    expect(existsSync(join(folder, 'removed'))).toBe(true);
    await rm(folder, { recursive: true });
  });

  it('names every way out when there is none', async () => {
    const folder = await onlyPrograms({ docker: 'exit 1', brew: 'exit 1' });
    await expect(startRedis()).rejects.toThrow(/install redis-server[^]*Docker[^]*REDIS_URL/);
    await rm(folder, { recursive: true });
  });
});
