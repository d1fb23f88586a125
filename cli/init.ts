/** Writes a `.env` with fresh keys. What only a person knows is asked, or given by --set. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { ConfigError, readBothConfigs } from '../src/config.ts';
import { wrongUsage, type Command } from './command.ts';
import { ALL_SETTINGS, envFile } from './settings-files.ts';

const fresh = (bytes: number, encoding: BufferEncoding): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString(encoding);

/** What the service does not start without and nobody can guess. */
const ASKED = ALL_SETTINGS.filter(
  ({ name, required }) => (required && name !== 'SEALING_KEYS') || name === 'AUTH0_CLIENT_SECRET',
);

export const init: Command = {
  usage: 'init [file]',
  about: 'writes a .env with fresh keys, and asks what it must',
  takes: [0, 1],
  ofAll: true,
  options: { set: { type: 'string', multiple: true }, force: { type: 'boolean' } },
  more: `--set NAME=value answers a question beforehand, and may come several times; --force writes over a file that is
there. Where nobody sits to answer, what is not set stays as in .env.example.`,
  async run({ shell, flags, item, fail }, file = '.env') {
    if (existsSync(file) && flags['force'] !== true)
      return fail(`${file} is there already: its keys may be in use (--force writes over it)`);
    const known: Record<string, string> = { SEALING_KEYS: fresh(32, 'base64') };
    for (const pair of [flags['set'] ?? []].flat()) {
      const [, name = '', value = ''] = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(String(pair)) ?? [];
      if (!ALL_SETTINGS.some((setting) => setting.name === name))
        wrongUsage(`--set takes NAME=value, and ${JSON.stringify(name || pair)} is no setting`);
      known[name] = value;
    }
    for (const { name, about, example = '' } of shell.ask ? ASKED : []) {
      if (known[name] !== undefined) continue;
      const answer = (await shell.ask!(`${about}\n${name}${example && ` [${example}]`}: `)).trim();
      if (answer !== '' || example !== '') known[name] = answer || example;
    }
    const text = envFile(known).replace(/^REDIS_PASSWORD=$/m, `REDIS_PASSWORD=${fresh(24, 'hex')}`);
    writeFileSync(file, text, { mode: 0o600 });
    chmodSync(file, 0o600);
    const problems = problemsIn(known);
    item(
      { file, problems },
      [`${file} is written, with a fresh sealing key: keep a copy of it in a safe place.`]
        .concat(problems.length > 0 ? ['Still to do:', ...problems.map((one) => `  ${one}`)] : [])
        .concat('Then: readdress doctor')
        .join('\n'),
    );
    return 0;
  },
};

function problemsIn(env: Record<string, string>): readonly string[] {
  try {
    readBothConfigs(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
