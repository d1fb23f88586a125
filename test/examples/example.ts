/** What the examples have in common: they are installed from the packages, and run as a process of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { packAll, type Packed } from '../support/packed.ts';
import { eventually } from '../support/world.ts';

let packing: Promise<Packed> | undefined;
/** Packed once for all files: they share one process. */
export const packages = (): Promise<Packed> =>
  (packing ??= packAll().then((packed) => {
    process.once('exit', () => rmSync(packed.folder, { recursive: true, force: true }));
    return packed;
  }));

export type Served = {
  /** Ends it as an operator does. Resolves with its exit code and signal. */
  end: () => Promise<unknown[]>;
  said: () => string;
};

/** Runs an example until the test is over, from when this URL answers. */
export async function serve(
  folder: string,
  args: readonly string[],
  env: Record<string, string>,
  url: string,
): Promise<Served> {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`the example ended: ${text}`);
      return (await fetch(url).catch(() => undefined))?.ok;
    },
    `${url}: ${text}`,
    60_000,
  );
  return {
    said: () => text,
    end() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}
