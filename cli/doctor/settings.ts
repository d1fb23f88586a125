/** The settings as such: the grammar, slips in names, what was copied from an example, and what does not go together. */
import {
  ConfigError,
  readBothConfigs,
  type ApiConfig,
  type WorkerConfig,
} from '../../src/config.ts';
import { readApiConfig, readWorkerConfig } from '../../src/config.ts';
import { misspeltIn } from '../../src/misspelt.ts';
import { weakenings } from '../../src/weakenings.ts';
import { ALL_SETTINGS } from '../settings-files.ts';
import { failure, ok, warning, type Finding } from './finding.ts';

export type Env = Readonly<Record<string, string | undefined>>;
export type Which = 'api' | 'workers' | undefined;
export type Configs = { api: ApiConfig | undefined; workers: WorkerConfig | undefined };

/** What can be read, also where something is wrong: the other checks go on with it. */
export function readWhatGoes(env: Env, which: Which): Configs & { problems: readonly string[] } {
  const problems = problemsOf(() => readOf(env, which));
  // Without what is wrong: optional settings then have their defaults.
  const rest = { ...env };
  for (const problem of problems) {
    const name = problem.replace(/(?:_FILE)?:.*$/s, '');
    delete rest[name];
    delete rest[`${name}_FILE`];
  }
  return {
    problems,
    api: which === 'workers' ? undefined : tried(() => readApiConfig(rest)),
    workers: which === 'api' ? undefined : tried(() => readWorkerConfig(rest)),
  };
}

const readOf = (env: Env, which: Which): unknown => {
  if (which === 'api') return readApiConfig(env);
  return which === 'workers' ? readWorkerConfig(env) : readBothConfigs(env);
};

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

export function checkSettings(env: Env, problems: readonly string[], configs: Configs): Finding[] {
  const found = [
    ...problems.map((problem) => {
      const [name = '', ...why] = problem.split(': ');
      const advice = `Set ${name} (docs/settings.md). No process starts like this: exit code 78.`;
      return failure('settings', name, why.join(': '), advice);
    }),
    ...misspeltIn(env).map(({ name, meant }) =>
      failure('settings.names', name, 'is no setting and does nothing', `Did you mean ${meant}?`),
    ),
    ...written(env),
    ...together(env, configs),
    ...weakened(configs),
    ...node(),
  ];
  return found.some(({ check }) => check === 'settings')
    ? found
    : [ok('settings', 'all are there and can be read'), ...found];
}

/** What was surely not meant to be part of a value, and values from the examples. */
function written(env: Env): Finding[] {
  return ALL_SETTINGS.flatMap(({ name, secret }): Finding[] => {
    const value = env[name];
    if (value === undefined || value === '') return [];
    const check = 'settings.values';
    if (env[`${name}_FILE`])
      return [
        warning(check, name, `${name}_FILE is set too, and goes before it`, 'Keep one of the two.'),
      ];
    if (/^(["'`]).*\1$/s.test(value))
      return [failure(check, name, 'is in quotation marks, which are part of it', QUOTES)];
    if (value !== value.trim())
      return [failure(check, name, 'begins or ends with a space or line end', 'Take it away.')];
    if (/\bexample\.(?:com|org|net)\b/.test(value) && name !== 'MAIL_FROM')
      return [warning(check, name, 'is an example value', 'Write your own.')];
    if (name === 'SEALING_KEYS' && value.split(',').some(isNoKey))
      return [
        warning(check, name, 'has a key of one repeated byte', 'Make one: readdress keys new'),
      ];
    if (name === 'AUTH0_CLIENT_SECRET' && secret && value.length < 16)
      return [warning(check, name, 'is shorter than Auth0 makes them', 'Was it copied whole?')];
    return [];
  });
}
const QUOTES = 'docker run --env-file and systemd keep them: take them away.';
const isNoKey = (key: string): boolean => new Set(Buffer.from(key.trim(), 'base64')).size === 1;

/** What is right by itself, and wrong beside another. */
function together(env: Env, { api, workers }: Configs): Finding[] {
  const found: Finding[] = [];
  const check = 'settings.together';
  if (api && api.confirmUrl !== `${api.publicUrl}/confirm`) {
    const { origin } = new URL(api.confirmUrl);
    const isOurs = origin === new URL(api.publicUrl).origin;
    if (!isOurs && !api.corsOrigins.includes(origin))
      found.push(
        failure(
          check,
          'CORS_ORIGINS',
          'the page at CONFIRM_URL may not call the API',
          `Add ${origin}.`,
        ),
      );
  }
  if (api && api.resendAfterMs >= api.linkTtlMs)
    found.push(
      warning(
        check,
        'RESEND_AFTER',
        'is not shorter than LINK_TTL: no link can be asked for again',
        'Make it shorter.',
      ),
    );
  if (
    api &&
    api.corsOrigins.length === 0 &&
    api.appLinksIos.length + api.appLinksAndroid.length === 0
  )
    found.push(
      warning(
        check,
        'CORS_ORIGINS',
        'no browser app may call the API',
        "Write your SPA's origin, unless there is none.",
      ),
    );
  if (env['WEBHOOK_SECRETS'] && !env['WEBHOOK_URL'])
    found.push(
      warning(check, 'WEBHOOK_URL', 'is not set, so WEBHOOK_SECRETS does nothing', 'Set it.'),
    );
  if (workers && !workers.tenant.endsWith('.auth0.com') && workers.auth0Url.startsWith('https:'))
    found.push(
      warning(
        check,
        'AUTH0_DOMAIN',
        'looks like a custom domain',
        `Write the tenant's own domain here (tenant.region.auth0.com), and the custom one in AUTH0_ISSUERS.`,
      ),
    );
  if (workers && workers.smtpUrl.username !== '' && workers.smtpUrl.password === '')
    found.push(
      failure(check, 'SMTP_URL', 'has a user and no password', 'Write smtp://user:password@host.'),
    );
  return found;
}

const weakened = ({ api, workers }: Configs): Finding[] =>
  [...new Set([...(api ? weakenings(api) : []), ...(workers ? weakenings(workers) : [])])].map(
    (sentence) => {
      const setting = /^[A-Z][A-Z0-9_]+/.exec(sentence)?.[0] ?? 'ALLOW_INSECURE_SMTP';
      const name = setting === 'SMTP' ? 'ALLOW_INSECURE_SMTP' : setting;
      return warning('settings.weakened', name, sentence, 'Leave it if it is meant.');
    },
  );

function node(): Finding[] {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major >= 22) return [ok('node', `Node ${process.versions.node}`)];
  const why = `Node ${process.versions.node} is past its end of life`;
  return [warning('node', 'node', why, 'Run it with Node 24.')];
}
