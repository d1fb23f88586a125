/**
 * Several tenants in one deployment (TENANTS_FILE): each has a path below PUBLIC_URL and settings of its own, the
 * rest is of the environment. Everything in Redis stands under a tenant's own prefix and keys; only the queues that
 * wake the workers are one set for all.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SETTING_NAMES } from './config-checks.ts';
import { traces } from './config-traces.ts';
import { ConfigError, environment, type Config, type Env } from './config.ts';

type Entry = { path: string; own: Record<string, string> };

/** Of the process, or of the Redis that all share. */
const OF_ALL = new Set(
  'REDIS_URL ALLOW_VOLATILE_REDIS HOST PORT METRICS_HOST METRICS_PORT WORKER_HOST WORKER_PORT LOG_LEVEL SHUTDOWN_GRACE DRAIN_DELAY NODE_ENV TASKS TENANTS_FILE'
    .split(' ')
    .concat(Object.keys(traces)),
);
const PATH = /^(?:\/[\w~-][\w.~-]*)+$/;

/**
 * The settings of every tenant, one where there is no TENANTS_FILE.
 * @throws {ConfigError} with every problem of every tenant, each with the tenant's path
 */
export function readTenants<C extends Config>(
  readOne: (env: Env) => C,
  env: Env = environment(),
): readonly [C, ...C[]] {
  const file = env['TENANTS_FILE'] ?? '';
  if (file === '') return [readOne(env)];
  const problems: string[] = [];
  const configs = entriesOf(file, problems).flatMap(({ path, own }) => {
    const { TENANTS_FILE: _, ...rest } = env;
    const site = own['PUBLIC_URL'] ?? `${(env['PUBLIC_URL'] ?? '').replace(/\/+$/, '')}${path}`;
    try {
      return [{ path, config: readOne({ ...withoutFiles(rest, own), ...own, PUBLIC_URL: site }) }];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems.map((problem) => `${path}: ${problem}`));
      return [];
    }
  });
  for (const [i, { path, config }] of configs.entries()) {
    const before = configs.slice(0, i);
    const same = (what: (one: C) => boolean) => before.find((one) => what(one.config))?.path;
    const tenant = same((one) => one.tenant === config.tenant);
    if (tenant !== undefined) problems.push(`${path}: AUTH0_DOMAIN: is that of ${tenant}, too`);
    const keys = same((one) =>
      one.sealingKeys.some((key) => config.sealingKeys.some((own) => own.equals(key))),
    );
    if (keys !== undefined)
      problems.push(`${path}: SEALING_KEYS: has a key of ${keys}: each tenant has its own`);
    if (config.basePath !== path)
      problems.push(`${path}: PUBLIC_URL: does not end with this tenant's path`);
  }
  const [first, ...others] = configs.map(({ config }) => config);
  if (problems.length > 0 || first === undefined)
    throw new ConfigError(problems.map((problem) => `TENANTS_FILE: ${problem}`));
  const queues = `readdress:{tenants-${digest([first, ...others].map((one) => one.tenant))}}`;
  /** Its path, as measures and log lines name it. */
  const named = (one: C): C => ({ ...one, queues, tenantName: one.basePath.slice(1) });
  return [named(first), ...others.map(named)];
}

/** Whoever writes `NAME` for a tenant does not mean the `NAME_FILE` of the environment, nor the other way round. */
function withoutFiles(env: Env, own: Record<string, string>): Env {
  const meant = new Set(Object.keys(own).map((name) => name.replace(/_FILE$/, '')));
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !meant.has(name.replace(/_FILE$/, ''))),
  );
}

/** The same for every process of the deployment, whatever the order in its file. */
const digest = (names: string[]): string =>
  createHash('sha256').update(names.toSorted().join(' ')).digest('hex').slice(0, 12);

function entriesOf(file: string, problems: string[]): Entry[] {
  const list = parse(file, problems);
  const seen = new Set<string>();
  return list.flatMap((entry, i) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      problems.push(`entry ${i + 1}: is no object`);
      return [];
    }
    const { path, ...own } = entry as Record<string, unknown>;
    if (typeof path !== 'string' || !PATH.test(path)) {
      problems.push(`entry ${i + 1}: path: write one like /acme`);
      return [];
    }
    if (seen.has(path)) problems.push(`${path}: path: stands there twice`);
    seen.add(path);
    for (const [name, value] of Object.entries(own)) {
      const plain = name.replace(/_FILE$/, '');
      if (!SETTING_NAMES.includes(plain) && !SETTING_NAMES.includes(name))
        problems.push(`${path}: ${name}: is no setting`);
      else if (OF_ALL.has(plain) || OF_ALL.has(name))
        problems.push(`${path}: ${name}: is of all tenants: set it in the environment`);
      else if (typeof value !== 'string')
        problems.push(`${path}: ${name}: write it as a string, as in the environment`);
    }
    const strings = Object.entries(own).filter(([, value]) => typeof value === 'string');
    return [{ path, own: Object.fromEntries(strings) as Record<string, string> }];
  });
}

function parse(file: string, problems: string[]): unknown[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    problems.push('cannot be read');
    return [];
  }
  try {
    const parsed: unknown = JSON.parse(text);
    const list: unknown = Array.isArray(parsed) ? parsed : Object(parsed).tenants;
    if (Array.isArray(list) && list.length > 0) return list as unknown[];
    problems.push('write a list of tenants: [{ "path": "/acme", "AUTH0_DOMAIN": "…" }]');
  } catch {
    problems.push('is no JSON');
  }
  return [];
}
