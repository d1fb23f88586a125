/** Installing Redis with the system's own package manager, where that asks for no password. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { findOnPath } from './path.ts';

interface PackageManager {
  name: string;
  /** Homebrew refuses to run as root, the others want to. */
  asRoot: boolean;
  /** Each is tried until one succeeds, after `update`. */
  update?: string[];
  installs: string[][];
}

const MANAGERS: PackageManager[] = [
  {
    name: 'apt-get',
    asRoot: true,
    update: ['update', '-qq'],
    installs: [['install', '-y', '-qq', '--no-install-recommends', 'redis-server']],
  },
  {
    name: 'dnf',
    asRoot: true,
    installs: [
      ['install', '-y', '-q', 'redis'],
      ['install', '-y', '-q', 'valkey'],
    ],
  },
  { name: 'apk', asRoot: true, installs: [['add', '--no-cache', 'redis']] },
  { name: 'brew', asRoot: false, installs: [['install', 'redis']] },
];

// Debian starts a service that it installs; at "runlevel 1" it leaves that to others.
const SETTINGS = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1'];

/** What to put before a command that needs root; undefined when that would ask for a password. */
function rootPrefix(): string[] | undefined {
  const env = ['env', ...SETTINGS];
  if (process.getuid?.() === 0) return env;
  const hasSudo = findOnPath(['sudo']) !== undefined;
  return hasSudo && spawnSync('sudo', ['-n', 'true']).status === 0
    ? ['sudo', '-n', ...env]
    : undefined;
}

async function succeeds([command = '', ...args]: string[]): Promise<boolean> {
  const child = spawn(command, args, { stdio: 'ignore' });
  try {
    const [code]: unknown[] = await once(child, 'exit');
    return code === 0;
  } catch {
    return false; // It could not even start.
  }
}

/** Tries to install a Redis server; whether one is there now, the PATH tells. */
export async function installRedis(say: (line: string) => void): Promise<void> {
  const manager = MANAGERS.find(({ name }) => findOnPath([name]) !== undefined);
  if (!manager) return;
  const prefix = manager.asRoot ? rootPrefix() : [];
  if (!prefix || (!manager.asRoot && process.getuid?.() === 0)) return;
  say(`No Redis on the PATH: installing it with ${manager.name} …`);
  if (manager.update) await succeeds([...prefix, manager.name, ...manager.update]);
  for (const install of manager.installs) {
    if (await succeeds([...prefix, manager.name, ...install])) return;
  }
  say(`${manager.name} could not install Redis.`);
}
