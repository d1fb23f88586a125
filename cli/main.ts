#!/usr/bin/env node
/** `readdress`, as an operator's shell runs it. */
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { readDotEnv } from '../src/config.ts';
import { readdress } from './readdress.ts';

readDotEnv();

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return lines.question(question).finally(() => lines.close());
}

process.exitCode = await readdress(process.argv.slice(2), {
  env: process.env,
  out: (words) => void process.stdout.write(words),
  err: (words) => void process.stderr.write(words),
  read: () => text(process.stdin),
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
});
