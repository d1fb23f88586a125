/** The operator's command as a real process, with the settings of a world and nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { World } from '../support/world.ts';

export type Ran = {
  code: number | null;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what the command prints.
  lines: any[];
  stderr: string;
};

/** Runs `readdress …args` to its end. */
export async function readdress(
  world: Pick<World, 'env'>,
  args: string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', ...args], {
    env: { PATH: process.env['PATH'], ...world.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { code, lines: lines.map((line) => JSON.parse(line) as unknown), stderr };
}

/** The settings without which the command does nothing, as its usage names them. */
export const essentials = ({ env }: Pick<World, 'env'>): Record<string, string> =>
  Object.fromEntries(
    ['REDIS_URL', 'SEALING_KEYS', 'AUTH0_DOMAIN', 'PUBLIC_URL'].map((name) => [name, env[name]!]),
  );
