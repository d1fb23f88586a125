import type { Logger } from 'pino';
import type { ApiConfig, Config, WorkerConfig } from './config.ts';

/** What the settings weaken on purpose, one sentence each, for a warning at start. */
export function weakenings(config: Config & Partial<ApiConfig> & Partial<WorkerConfig>): string[] {
  return [
    config.allowVolatileRedis && 'ALLOW_VOLATILE_REDIS=1: Redis may lose acknowledged clicks',
    config.linkStyle === 'query' && 'LINK_STYLE=query: link tokens reach servers, proxies and logs',
    config.publicUrl.startsWith('http:') && 'PUBLIC_URL is plain http: for this machine only',
    config.auth0Url.startsWith('http:') && 'AUTH0_BASE_URL is plain http: for this machine only',
    config.undoLockMs !== undefined &&
      config.passwordResetUrl === undefined &&
      'PASSWORD_RESET_URL is not set: after an undo the owner is not told where to set a new password',
    config.maxAuthAgeS === 0 && 'MAX_AUTH_AGE=0: a stolen session is enough to ask for a change',
    config.tenantPatienceMs !== undefined &&
      config.tenantPatienceMs < 25_000 &&
      'TENANT_PATIENCE below 25s: a custom database may still write after we have read',
    !config.foldAddresses &&
      'FOLD_ADDRESSES=off: `+tags` and dots are a way round the limits of mail to one mailbox',
    config.trustsUnverified &&
      'UNVERIFIED_MAILBOX=trusted: whoever reads an unverified address can stop and undo changes',
    config.allowInsecureSmtp && 'SMTP without required TLS: mail may travel in clear',
  ].filter((sentence) => typeof sentence === 'string');
}

/** What is to be said of the settings at start, although they make a service. */
export function tellAbout(config: Config, log: Logger): void {
  for (const weakening of weakenings(config)) log.warn({ event: 'config.weakened', weakening });
  for (const { name, meant } of config.misspelt ?? [])
    log.warn({ event: 'config.misspelt', name, meant });
}
