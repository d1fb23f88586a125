/**
 * Settings: the environment in, one frozen object out. Everything is checked before anything is
 * opened, and every problem is reported in one message, so that a set-up is mended in one go.
 * The only reader of `process.env`.
 */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { bounceSecretsOf } from './config-bounces.ts';
import { checkApi, checkWorkers, placeholdersIn } from './config-checks.ts';
import { brandOf } from './config-templates.ts';
import { isLoopback, languagesOf } from './config-grammar.ts';
import { api, shared, workers } from './config-schema.ts';
import { tracesOf } from './config-traces.ts';
import { misspeltIn, type Misspelt } from './misspelt.ts';

/** The settings do not make a service. `problems` has one line for each fault. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      [`${problems.length} problem${problems.length === 1 ? '' : 's'} with the settings:`]
        .concat(problems.map((problem) => `  ${problem}`))
        .join('\n'),
    );
    this.problems = problems;
  }
}
/** sysexits.h EX_CONFIG. */
export const EX_CONFIG = 78;

export type Env = Record<string, string | undefined>;
export const environment = (): Env => process.env;

/** Adds what a `.env` in this folder says to the environment, which goes before it. */
export function readDotEnv(): void {
  try {
    process.loadEnvFile('.env');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

/** Whether npm runs this process, as in `npm start`. */
export const isRunByNpm = (env: Env = process.env): boolean =>
  env['npm_lifecycle_event'] !== undefined;

type Shared = z.output<typeof shared>;
type Api = Shared & z.output<typeof api>;
type Workers = Shared & z.output<typeof workers>;

const sharedConfig = (s: Shared) => {
  const baseUrl = s.AUTH0_BASE_URL ?? new URL(`https://${s.AUTH0_DOMAIN}`);
  return {
    redisUrl: s.REDIS_URL,
    sealingKeys: s.SEALING_KEYS,
    tenant: s.AUTH0_DOMAIN.toLowerCase(),
    /** Without a trailing slash. */
    auth0Url: trimSlash(baseUrl),
    publicUrl: trimSlash(s.PUBLIC_URL),
    /** The path of PUBLIC_URL, `/account`: every path of ours stands under it. Empty for a host of its own. */
    basePath: s.PUBLIC_URL.pathname.replace(/\/+$/, ''),
    confirmation: s.CONFIRMATION,
    linkTtlMs: s.LINK_TTL,
    undoWindowMs: s.UNDO_WINDOW,
    limitCommitted: s.LIMIT_COMMITTED,
    logLevel: s.LOG_LEVEL,
    allowVolatileRedis: s.ALLOW_VOLATILE_REDIS,
    /** Whether anybody is to be told of transitions; only workers hold the secrets to do it. */
    webhookUrl: s.WEBHOOK_URL?.href,
    auditLength: s.AUDIT_LENGTH,
    /** Of the relays that tell of bounces; the workers need to know no more than which these are. */
    bounceSecrets: bounceSecretsOf(s),
    /** How many mails, to one mailbox and for one user. */
    mailLimits: {
      further: s.LIMIT_ADDRESS,
      first: s.LIMIT_ADDRESS_FIRST,
      user: s.LIMIT_USER_MAILS,
    },
    /** Whether `+tags` and dots that lead to one mailbox are counted as one. */
    foldAddresses: s.FOLD_ADDRESSES === 'on',
    languages: languagesOf(s.LOCALES, s.DEFAULT_LOCALE),
    codeOn: s.CODE === 'on',
    shutdownGraceMs: s.SHUTDOWN_GRACE,
    traces: tracesOf(s),
    linkStyle: s.LINK_STYLE,
    confirmUrl: s.CONFIRM_URL?.href ?? `${trimSlash(s.PUBLIC_URL)}/confirm`,
    /** Where a password is set anew; offered where somebody else may have had it. */
    ...(s.PASSWORD_RESET_URL ? { passwordResetUrl: s.PASSWORD_RESET_URL.href } : {}),
    brand: brandOf(s),
  } as const;
};

const isProduction = (s: Api): boolean =>
  s.NODE_ENV === 'production' || !isLoopback(s.PUBLIC_URL.hostname);

const apiConfig = (s: Api) =>
  ({
    ...sharedConfig(s),
    host: s.HOST,
    port: s.PORT,
    audience: s.AUTH0_AUDIENCE,
    /** Exact `iss` values, each with its trailing slash as Auth0 writes it. */
    issuers: (s.AUTH0_ISSUERS ?? [sharedConfig(s).auth0Url]).map(
      (issuer) => `${issuer.replace(/\/+$/, '')}/`,
    ),
    requiredScope: s.REQUIRED_SCOPE,
    /** Of machine tokens that may act for a user; undefined where nobody may. */
    supportScope: s.SUPPORT_SCOPE,
    maxAuthAgeS: s.MAX_AUTH_AGE,
    authTimeClaim: s.AUTH_TIME_CLAIM,
    amrClaim: s.AMR_CLAIM,
    /** Users without a password, who sign in by a mailed code or link. */
    passwordless: s.PASSWORDLESS,
    /** Tokens bound to a key of the app (RFC 9449): not taken, taken too, or the only ones. */
    dpop: s.DPOP,
    /** Swagger UI at /docs: in production only where somebody asked for it. */
    docs: s.DOCS === 'on' || (s.DOCS === undefined && !isProduction(s)),
    /** Addresses under .test and the like can only exist where everything is on one machine. */
    allowReservedDomains: isLoopback(s.PUBLIC_URL.hostname),
    /** Where the owner has to be signed in to confirm; undefined where the link alone is enough. */
    confirmInApp: s.CONFIRM_BY === 'session' ? s.CONFIRM_URL?.href : undefined,
    /** Whether addresses that are thrown away after use are refused. */
    refusesDisposable: s.DISPOSABLE === 'refuse',
    checksMx: s.CHECK_MX === 'on',
    corsOrigins: s.CORS_ORIGINS.map((origin) => new URL(origin).origin),
    returnUrls: s.RETURN_URLS,
    trustProxy: s.TRUST_PROXY,
    /** Counts only as said by a proxy that is trusted. */
    geoCountryHeader: s.TRUST_PROXY.length > 0 ? s.GEO_COUNTRY_HEADER?.toLowerCase() : undefined,
    limits: { user: s.LIMIT_USER, support: s.LIMIT_SUPPORT, ip: s.LIMIT_IP, link: s.LIMIT_LINK },
    resendAfterMs: s.RESEND_AFTER,
    appLinksIos: s.APP_LINKS_IOS,
    appLinksAndroid: s.APP_LINKS_ANDROID,
    /** 0 = off: without the current mailbox a change under `both` never happens. */
    oldMailboxWaitMs: s.OLD_MAILBOX_WAIT,
    /** How long a load balancer may take to see that this process is not ready any more. */
    drainDelayMs: Math.min(s.DRAIN_DELAY, s.SHUTDOWN_GRACE / 2),
    /** Off unless asked for: the measures are not the internet's business. */
    metrics:
      s.METRICS_PORT === undefined ? undefined : { host: s.METRICS_HOST, port: s.METRICS_PORT },
  }) as const;

const workerConfig = (s: Workers) => {
  const both = sharedConfig(s);
  return {
    ...both,
    clientId: s.AUTH0_CLIENT_ID,
    credential: s.AUTH0_PRIVATE_KEY
      ? { kind: 'key' as const, key: s.AUTH0_PRIVATE_KEY }
      : { kind: 'secret' as const, secret: s.AUTH0_CLIENT_SECRET! },
    managementAudience: s.AUTH0_MANAGEMENT_AUDIENCE ?? `${both.auth0Url}/api/v2/`,
    callsPerSecond: s.AUTH0_RATE,
    smtpUrl: s.SMTP_URL,
    allowInsecureSmtp: s.ALLOW_INSECURE_SMTP || isLoopback(s.SMTP_URL.hostname),
    mailFrom: s.MAIL_FROM,
    commitDeadlineMs: s.COMMIT_DEADLINE,
    undoLockMs: s.UNDO_LOCK,
    revoke: s.REVOKE,
    /** Whether an address that the tenant does not call verified may cancel, approve and undo. */
    trustsUnverified: s.UNVERIFIED_MAILBOX === 'trusted',
    syncName: s.SYNC_NAME === 'on',
    webhookSecrets: s.WEBHOOK_SECRETS ?? [],
    webhookIncludesAddresses: s.WEBHOOK_INCLUDE_ADDRESSES,
    ...(s.MAIL_REPLY_TO === undefined ? {} : { replyTo: s.MAIL_REPLY_TO }),
    dkim:
      s.DKIM_SELECTOR === undefined || s.DKIM_PRIVATE_KEY === undefined
        ? undefined
        : { selector: s.DKIM_SELECTOR, privateKey: s.DKIM_PRIVATE_KEY },
    operators: { host: s.WORKER_HOST, port: s.WORKER_PORT },
    taskLeaseMs: s.TASK_LEASE,
    /** How long after it was sent a PATCH can still take effect. */
    tenantPatienceMs: s.TENANT_PATIENCE,
  } as const;
};

export type Config = Readonly<ReturnType<typeof sharedConfig>> & Names;
export type ApiConfig = Readonly<ReturnType<typeof apiConfig>> & Names;
export type WorkerConfig = Readonly<ReturnType<typeof workerConfig>> & Names;
/** What stood in the environment and is nearly a setting; of several tenants where their queues stand, and its own name. */
type Names = { readonly misspelt?: readonly Misspelt[] } & OfSeveral;
type OfSeveral = Readonly<Partial<Record<'queues' | 'tenantName', string>>>;

const trimSlash = (from: URL): string => from.href.replace(/\/+$/, '');

/** Reads the settings of the API process. @throws {ConfigError} */
export const readApiConfig = (env: Env = process.env): ApiConfig =>
  frozen(apiConfig(read(shared.extend(api.shape), env, checkApi)), env);

/** Reads the settings that both processes share, for commands, which print nothing of TEMPLATES_DIR. @throws {ConfigError} */
export const readSharedConfig = (env: Env = process.env): Config =>
  frozen(sharedConfig(read(shared, { ...env, TEMPLATES_DIR: '', TEMPLATES_DIR_FILE: '' })), env);

/** Reads the settings of the worker process. @throws {ConfigError} */
export const readWorkerConfig = (env: Env = process.env): WorkerConfig =>
  frozen(workerConfig(read(shared.extend(workers.shape), env, checkWorkers)), env);

/** Reads the settings of both doors at once, for one process that opens both. @throws {ConfigError} */
export function readBothConfigs(env: Env = process.env): { api: ApiConfig; workers: WorkerConfig } {
  const both = shared.extend(api.shape).extend(workers.shape);
  const settings = read(both, env, (s) => [...new Set([...checkWorkers(s), ...checkApi(s)])]);
  return {
    api: frozen(apiConfig(settings), env),
    workers: frozen(workerConfig(settings), env),
  };
}

const frozen = <T extends object>(config: T, env: Env): T & Names =>
  Object.freeze({ ...config, misspelt: misspeltIn(env) });

function read<T extends z.ZodObject>(
  schema: T,
  env: Env,
  alsoCheck: (settings: Record<string, unknown>) => string[] = () => [],
): z.output<T> {
  const problems: string[] = [];
  const values: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    const value = valueOf(env, name, problems);
    if (value !== undefined && value !== '') values[name] = value;
  }
  const result = schema.safeParse(values);
  problems.push(...placeholdersIn(values));
  // Whoever left a placeholder, or a file away, need not read a second line about it.
  const told = new Set(problems.map((line) => line.replace(/(?:_FILE)?:.*$/s, '')));
  const misspelt = new Map(misspeltIn(env).map(({ name, meant }) => [meant, name]));
  for (const issue of result.error?.issues ?? []) {
    const name = String(issue.path[0]);
    if (told.has(name)) continue;
    const instead = misspelt.has(name) ? `, and ${misspelt.get(name)} is no setting` : '';
    const missing = `is required${instead}`;
    problems.push(`${name}: ${values[name] === undefined ? missing : issue.message}`);
  }
  problems.push(...alsoCheck(values));
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  return result.data;
}

/** `NAME`, or the content of the file that `NAME_FILE` points to (container secrets). */
function valueOf(env: Env, name: string, problems: string[]): string | undefined {
  const file = env[`${name}_FILE`];
  if (file === undefined || file === '') return env[name];
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    problems.push(`${name}_FILE: cannot be read`);
    return undefined;
  }
}
