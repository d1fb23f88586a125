/** `readdress`: finds the command, reads its arguments, and says how it ended. One file for each command. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ConfigError } from '../src/config.ts';
import { audit } from './audit.ts';
import { bounce } from './bounce.ts';
import { cancel } from './cancel.ts';
import {
  createHand,
  EX_CONFIG,
  EX_USAGE,
  UsageError,
  type Command,
  type Flags,
  type Shell,
} from './command.ts';
import { doctor } from './doctor.ts';
import { forget } from './forget.ts';
import { init } from './init.ts';
import { keep } from './keep.ts';
import { keys, reseal } from './keys.ts';
import { parked } from './parked.ts';
import { replay } from './replay.ts';
import { resend } from './resend.ts';
import { restored } from './restored.ts';
import { setup } from './setup.ts';
import { api, start, workers } from './start.ts';
import { status } from './status.ts';
import { envOf } from './tenant.ts';
import { token } from './token.ts';
import { webhook } from './webhook.ts';

export type { Shell } from './command.ts';

/** In the order of the usage. */
const CHAPTERS: Record<string, Record<string, Command>> = {
  'To run it': { start, api, workers },
  'To set it up': { init, setup, doctor, token, webhook },
  'To look after changes': { status, cancel, resend, keep, forget },
  'To look after tasks and keys': { parked, replay, bounce, audit, restored, keys, reseal },
};
const COMMANDS = Object.assign({}, ...Object.values(CHAPTERS)) as Record<string, Command>;

const WIDTH = Math.max(...Object.values(COMMANDS).map(({ usage }) => usage.length)) + 2;
const lineOf = ({ usage, about }: Command): string => `  readdress ${usage.padEnd(WIDTH)}${about}`;
const USAGE = `readdress: lets the users of an Auth0 tenant change their email address

${Object.entries(CHAPTERS)
  .map(([title, commands]) => `${title}\n\n${Object.values(commands).map(lineOf).join('\n')}`)
  .join('\n\n')}

  --tenant    the path or domain of one, where TENANTS_FILE has several
  --json      one JSON document instead of words and lines
  --help      this text, or that of a command
  --version

Settings come from the environment and from a .env here (docs/settings.md). Exit codes: 0 done, 1 not possible,
64 wrong usage, 78 the settings do not make a service.
`;

const COMMON = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'V' },
  json: { type: 'boolean' },
  tenant: { type: 'string' },
} as const;

/** Runs one command and says how it ended. */
export async function readdress(args: readonly string[], shell: Shell): Promise<number> {
  const [name = '', ...rest] = args;
  if (['--version', '-V', 'version'].includes(name)) return print(shell, `${version()}\n`);
  if (['--help', '-h'].includes(name)) return print(shell, USAGE);
  if (name === 'help') return helpOn(shell, rest[0]);
  const command = commandOf(name);
  if (!command) {
    const said = name === '' ? '' : `readdress: there is no command ${JSON.stringify(name)}\n\n`;
    shell.err(`${said}${USAGE}`);
    return EX_USAGE;
  }
  const hand = createHand(shell, { json: rest.includes('--json') });
  try {
    const { values, positionals } = argumentsOf(command, rest);
    if (values['help'] === true) return print(shell, helpOf(command));
    if (values['version'] === true) return print(shell, `${version()}\n`);
    const env = command.ofAll ? shell.env : envOf(shell.env, values['tenant']);
    return await command.run(createHand({ ...shell, env }, values), ...positionals);
  } catch (error) {
    if (error instanceof UsageError) {
      hand.fail(error.message);
      shell.err(helpOf(command));
      return EX_USAGE;
    }
    if (!(error instanceof ConfigError)) throw error;
    if (hand.flags['json'] === true) hand.item({ error: 'settings', problems: error.problems });
    shell.err(`${error.message}\n`);
    return EX_CONFIG;
  }
}

const commandOf = (name: string): Command | undefined =>
  Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;

function helpOn(shell: Shell, name: string | undefined): number {
  const command = name === undefined ? undefined : commandOf(name);
  if (name !== undefined && !command) {
    shell.err(USAGE);
    return EX_USAGE;
  }
  return print(shell, command ? helpOf(command) : USAGE);
}

function print(shell: Shell, text: string): number {
  shell.out(text);
  return 0;
}

const helpOf = ({ usage, about, options = {}, more }: Command): string =>
  [
    `readdress ${usage}${Object.keys(options).length > 0 ? ' [options]' : ''}`,
    `  ${about}`,
    ...(more === undefined ? [] : ['', more]),
    '',
  ].join('\n');

/** @throws {UsageError} */
function argumentsOf(command: Command, args: string[]) {
  const { options = {}, takes, usage } = command;
  // The id of a change may begin with a dash, and so may the name of its task.
  const ids = args.filter((arg) => /^[\w-]{22}(?::|$)/.test(arg));
  const others = args.filter((arg) => !ids.includes(arg));
  const read = () =>
    parseArgs({
      args: others,
      options: { ...COMMON, ...options },
      allowPositionals: true,
      strict: true,
    });
  let parsed: ReturnType<typeof read>;
  try {
    parsed = read();
  } catch (error) {
    // `TypeError [ERR_…]: Unknown option '--x'. To specify …`: the first sentence is the operator's.
    const [sentence = ''] = String(error).split('. ');
    throw new UsageError(sentence.replace(/^\w+(?: \[\w+\])?: /, ''));
  }
  const values: Flags = parsed.values;
  const positionals = [...parsed.positionals, ...ids];
  const asks = values['help'] === true || values['version'] === true;
  if (!asks && positionals.length < takes[0]) throw new UsageError(`needs more: ${usage}`);
  if (!asks && positionals.length > takes[1]) throw new UsageError(`takes less: ${usage}`);
  return { values, positionals };
}

/** Of the package, which lies above the built files too. */
function version(): string {
  for (const place of ['../package.json', '../../package.json'])
    try {
      const text = readFileSync(new URL(place, import.meta.url), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      // Not here.
    }
  return 'unknown';
}
