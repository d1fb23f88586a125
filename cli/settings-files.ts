/**
 * The settings as files: `.env.example`, docs/settings.md, the README's table and a JSON schema for editors. All say
 * what the schema and the words say (src/config-schema.ts, src/config-words.ts).
 */
import { z } from 'zod';
import { api, shared, workers } from '../src/config-schema.ts';
import { WORDS, type Words } from '../src/config-words.ts';

export type Setting = Words & {
  name: string;
  required: boolean;
  /** As it would be written. */
  default?: string;
  /** All that may be written, where that is a few words. */
  choices?: string[];
};
export type Process = keyof typeof WORDS;

const SCHEMAS = { both: shared, api, workers };

/** The settings of one process, in their order. */
export function settingsOf(process: Process): Setting[] {
  const schema = SCHEMAS[process];
  const words = WORDS[process] as Record<string, Words>;
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.keys(words).map((name) => {
    const { default: byDefault, enum: choices } = properties[name] as {
      default?: string;
      enum?: string[];
    };
    return {
      name,
      ...words[name]!,
      required: required.includes(name),
      ...(byDefault === undefined || byDefault === '' ? {} : { default: byDefault }),
      ...(choices ? { choices } : {}),
    };
  });
}

const TITLES: Record<Process, string> = { both: 'Both processes', api: 'API', workers: 'Workers' };
const PROCESSES = Object.keys(TITLES) as Process[];

/** Every setting that a process reads. */
export const ALL_SETTINGS = PROCESSES.flatMap(settingsOf);

const HEAD = `# Readdress settings. Copy to .env; every process reads its own from the environment, and from .env.
# Durations: 90s, 10m, 1h, 7d. Limits: count/duration. Any NAME may be given as NAME_FILE instead,
# the path of a file that holds the value (container secrets). Written by \`npm run settings\`.
`;
const COMPOSE = `# ── docker compose alone ${'─'.repeat(53)}
# The password of the service's user at the Redis of docker-compose.yml: openssl rand -hex 24
REDIS_PASSWORD=
`;

/**
 * The settings with their words, to be copied and filled in.
 * @param given values that are known already
 */
export function envFile(given: Record<string, string> = {}): string {
  const part = (process: Process) =>
    [
      `# ── ${TITLES[process]} ${'─'.repeat(74 - TITLES[process].length)}`,
      ...settingsOf(process).map((setting) => envLines(setting, given[setting.name])),
    ].join('\n');
  return [HEAD, ...PROCESSES.map((process) => `${part(process)}\n`), COMPOSE].join('\n');
}

function envLines(setting: Setting, given: string | undefined): string {
  const { name, about, otherwise, example = '' } = setting;
  const comment = wrapped(otherwise === undefined ? about : `${about}. Default: ${otherwise}`);
  // What has no default and is a secret is left empty, and empty is absent.
  const isOpen = setting.required || (setting.secret && setting.default === undefined);
  const line =
    given === undefined
      ? `${isOpen ? '' : '#'}${name}=${setting.default ?? example}`
      : `${name}=${quoted(given)}`;
  return [...comment, line].join('\n');
}

/** As Node and Docker both read it; a value with every kind of quote is for Node alone. */
function quoted(value: string): string {
  if (/^[\w./:@,+=%~-]*$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return /["$\\]/.test(value) ? `\`${value}\`` : `"${value}"`;
}

function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' '))
    if (`${lines.at(-1)} ${word}`.length < 102) lines.push(`${lines.pop()} ${word}`);
    else lines.push(` ${word}`);
  return lines.map((line) => `#${line}`);
}

/** docs/settings.md */
export function settingsPage(): string {
  const chapters = PROCESSES.map((process) => {
    const rows = settingsOf(process).map((setting) => [
      `\`${setting.name}\``,
      setting.required ? 'required' : defaultOf(setting),
      escaped(setting.about) + (setting.secret ? '. Secret' : ''),
    ]);
    return `## ${TITLES[process]}\n\n${table(['setting', 'default', 'what it is'], rows)}`;
  });
  return [
    '# Settings\n',
    `Environment variables, read from the environment and from a \`.env\` in the working folder, the environment first.
Checked together at start: every problem is listed in one message, exit code 78. \`NAME_FILE\` reads a value from a
file. A name that is nearly one of these is a \`config.misspelt\` line in the log, and a failure of \`readdress doctor\`.
Placeholders (\`your-tenant…\`, \`change-me\`), wildcards in URLs, and the Management API as \`AUTH0_AUDIENCE\` are refused.

Durations: \`90s\`, \`10m\`, \`1h\`, \`7d\`. Limits: count/duration, \`5/1h\`. Editors that know JSON schemas take
[settings.schema.json](settings.schema.json). This page is written by \`npm run settings\`.
`,
    ...chapters,
  ].join('\n');
}

function defaultOf({ default: byDefault, otherwise }: Setting): string {
  if (byDefault !== undefined) return `\`${byDefault}\``;
  return otherwise ?? '';
}

/** The table in README.md: names and defaults at a glance. */
export function readmeTable(): string {
  const rows = PROCESSES.map((process) => {
    const settings = settingsOf(process);
    const name = (setting: Setting) =>
      `\`${setting.name}\`${setting.default === undefined ? '' : `=${setting.default}`}`;
    return [
      TITLES[process].toLowerCase().replace('api', 'API').replace(' processes', ''),
      settings
        .filter(({ required }) => required)
        .map(name)
        .join(' '),
      settings
        .filter(({ required }) => !required)
        .map(name)
        .join(' '),
    ];
  });
  return table(['process', 'required', 'others, with defaults'], rows);
}

/** For editors: the names, what they are, and what may be written. */
export function jsonSchema(): object {
  const properties = Object.fromEntries(
    ALL_SETTINGS.map(({ name, about, default: byDefault, choices, secret }) => [
      name,
      {
        type: 'string',
        description: about,
        ...(byDefault === undefined ? {} : { default: byDefault }),
        ...(choices ? { enum: choices } : {}),
        ...(secret ? { writeOnly: true } : {}),
      },
    ]),
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Readdress settings',
    type: 'object',
    properties,
    patternProperties: {
      [`^(${ALL_SETTINGS.map(({ name }) => name).join('|')})_FILE$`]: {
        type: 'string',
        description: 'The path of a file that holds the value.',
      },
    },
    additionalProperties: false,
  };
}

const escaped = (text: string): string =>
  text.replaceAll('|', String.raw`\|`).replaceAll(/(<[^>]+>)/g, '`$1`');

/** Columns in line, as the formatter wants them. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]!.length)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return `${[line(head), rule, ...rows.map(line)].join('\n')}\n`;
}
