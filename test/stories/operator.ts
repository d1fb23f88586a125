/** The operator's command, with the settings of a world and nothing else: here, or as a real process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdress as run, type Shell } from '../../cli/readdress.ts';
import type { World } from '../support/world.ts';

export type Ran = {
  code: number | null;
  /** JSON as what it says, words as they are. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read what the command prints.
  lines: any[];
  stderr: string;
};
type Settings = Pick<World, 'env'> & Partial<Pick<World, 'now'>>;

/** Runs `readdress …args` to its end, in the time of its world. */
export async function readdress(
  world: Settings,
  args: string[],
  env: Record<string, string> = {},
  more: Partial<Shell> = {},
): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const code = await run(args, {
    env: { ...world.env, ...env },
    out: (text) => (stdout += text),
    err: (text) => (stderr += text),
    ambient: {
      logTo: { write: (line) => (stderr += line) },
      ...(world.now ? { now: world.now } : {}),
    },
    ...more,
  });
  return { code, lines: linesOf(stdout), stderr };
}

/** The same as a shell does it: costs a second and more. */
export async function inShell(world: Pick<World, 'env'>, args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', ...args], {
    env: { PATH: process.env['PATH'], ...world.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, lines: linesOf(stdout), stderr };
}

const linesOf = (stdout: string): unknown[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (/^[[{]/.test(line) ? (JSON.parse(line) as unknown) : line));

/** The settings without which the command does nothing, as its usage names them. */
export const essentials = ({ env }: Pick<World, 'env'>): Record<string, string> =>
  Object.fromEntries(
    ['REDIS_URL', 'SEALING_KEYS', 'AUTH0_DOMAIN', 'PUBLIC_URL'].map((name) => [name, env[name]!]),
  );
