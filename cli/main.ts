#!/usr/bin/env node
/** `readdress`, as an operator's shell runs it. */
import { readDotEnv } from '../src/config.ts';
import { readdress } from './readdress.ts';

readDotEnv();

process.exitCode = await readdress(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
