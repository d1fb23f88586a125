/** The settings, by process: each name, how it is written, and what it is when nobody sets it. */
import { z } from 'zod';
import { bounceSecrets } from './config-bounces.ts';
import { brands } from './config-templates.ts';
import { traces } from './config-traces.ts';
import {
  androidApps,
  duration,
  exactUrls,
  flag,
  hostname,
  integer,
  iosApps,
  limit,
  privateKey,
  mails,
  proxies,
  redisUrl,
  sealingKeys,
  siteUrl,
  url,
  urls,
  webhookSecrets,
} from './config-grammar.ts';

/** Of both. */
export const shared = z.object({
  REDIS_URL: redisUrl,
  SEALING_KEYS: sealingKeys,
  AUTH0_DOMAIN: hostname,
  AUTH0_BASE_URL: url.optional(),
  PUBLIC_URL: siteUrl,
  CONFIRMATION: z.enum(['new', 'both', 'auto'], 'write new, both or auto').default('new'),
  LINK_TTL: duration('1s', '24h').prefault('1h'),
  UNDO_WINDOW: duration('1s', '30d').prefault('7d'),
  LIMIT_COMMITTED: limit.prefault('5/7d'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  ALLOW_VOLATILE_REDIS: flag.prefault('0'),
  TENANTS_FILE: z.string().optional(),
  WEBHOOK_URL: url.optional(),
  AUDIT_LENGTH: integer(0, 10_000_000).prefault('10000'),
  ...mails,
  ...bounceSecrets,
  CODE: z.enum(['on', 'off'], 'write on or off').default('off'),
  SHUTDOWN_GRACE: duration('1s', '5m').prefault('20s'),
  ...brands,
  PASSWORD_RESET_URL: url.optional(),
  LINK_STYLE: z.enum(['fragment', 'query'], 'write fragment or query').default('fragment'),
  CONFIRM_URL: url.optional(),
  ...traces,
});

const mailAddress = z
  .string()
  .regex(/^[^\p{Cc}<>",;]*<[^\s<>@,;"]+@[^\s<>@,;"]+>$|^[^\s<>@,;"]+@[^\s<>@,;"]+$/u, {
    message: 'write one address, like Example <no-reply@example.com>',
  });
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'write one scope (RFC 6749 scope-token)');

/** Of the API alone. */
export const api = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(0, 65_535).prefault('3000'),
  AUTH0_AUDIENCE: z.string().min(1),
  AUTH0_ISSUERS: urls.optional(),
  REQUIRED_SCOPE: scope.default('change:email'),
  SUPPORT_SCOPE: scope.optional(),
  MAX_AUTH_AGE: integer(0, 86_400).prefault('300'),
  AUTH_TIME_CLAIM: z.string().min(1).default('https://readdress/auth_time'),
  AMR_CLAIM: z.string().min(1).default('https://readdress/amr'),
  PASSWORDLESS: z.enum(['refuse', 'allow'], 'write refuse or allow').default('refuse'),
  DOCS: z.enum(['on', 'off'], 'write on or off').optional(),
  TASKS: z.enum(['workers', 'inline'], 'write workers or inline').default('workers'),
  NODE_ENV: z.string().optional(),
  DPOP: z.enum(['off', 'allowed', 'required'], 'write off, allowed or required').default('off'),
  CONFIRM_BY: z.enum(['link', 'session'], 'write link or session').default('link'),
  CHECK_MX: z.enum(['on', 'off'], 'write on or off').default('off'),
  DISPOSABLE: z.enum(['allow', 'refuse'], 'write allow or refuse').default('allow'),
  CORS_ORIGINS: urls.prefault(''),
  RETURN_URLS: exactUrls.prefault(''),
  TRUST_PROXY: proxies.prefault(''),
  LIMIT_USER: limit.prefault('5/1h'),
  LIMIT_SUPPORT: limit.prefault('20/24h'),
  LIMIT_IP: limit.prefault('60/1m'),
  LIMIT_LINK: limit.prefault('30/1m'),
  RESEND_AFTER: duration('1s', '24h').prefault('60s'),
  GEO_COUNTRY_HEADER: z
    .string()
    .regex(/^[a-z\d-]{1,100}$/i, 'write the name of a header, like CF-IPCountry')
    .optional(),
  APP_LINKS_IOS: iosApps.prefault(''),
  APP_LINKS_ANDROID: androidApps.prefault(''),
  OLD_MAILBOX_WAIT: duration('0s', '30d').prefault('0s'),
  DRAIN_DELAY: duration('0s', '1m').prefault('3s'),
  METRICS_HOST: z.string().default('127.0.0.1'),
  METRICS_PORT: integer(0, 65_535).optional(),
});

/** Of the workers alone. */
export const workers = z.object({
  AUTH0_CLIENT_ID: z.string().min(1),
  AUTH0_CLIENT_SECRET: z.string().min(1).optional(),
  AUTH0_PRIVATE_KEY: privateKey.optional(),
  AUTH0_MANAGEMENT_AUDIENCE: z.string().min(1).optional(),
  AUTH0_RATE: z
    .string()
    .regex(/^(?!0+(\.0+)?$)\d{1,4}(\.\d{1,3})?$/, 'write calls per second, like 2 or 0.5')
    .transform(Number)
    .prefault('2'),
  SMTP_URL: z.string().transform((text, ctx) => {
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    if (parsed && /^smtps?:$/.test(parsed.protocol) && parsed.hostname !== '') return parsed;
    ctx.addIssue({ code: 'custom', message: 'write smtp://user:pass@host:587 or smtps://…' });
    return z.NEVER;
  }),
  ALLOW_INSECURE_SMTP: flag.prefault('0'),
  MAIL_FROM: mailAddress,
  COMMIT_DEADLINE: duration('1s', '30d').prefault('72h'),
  UNDO_LOCK: duration('0s', '30d').prefault('24h'),
  REVOKE: z.enum(['none', 'sessions', 'all'], 'write none, sessions or all').default('none'),
  UNVERIFIED_MAILBOX: z
    .enum(['informed', 'trusted'], 'write informed or trusted')
    .default('informed'),
  SYNC_NAME: z.enum(['on', 'off'], 'write on or off').default('off'),
  WEBHOOK_SECRETS: webhookSecrets.optional(),
  WEBHOOK_INCLUDE_ADDRESSES: flag.prefault('0'),
  MAIL_REPLY_TO: mailAddress.optional(),
  DKIM_SELECTOR: z
    .string()
    .regex(/^[a-z\d](?:[a-z\d._-]*[a-z\d])?$/i, 'write the selector, like mail')
    .optional(),
  DKIM_PRIVATE_KEY: privateKey.optional(),
  WORKER_HOST: z.string().default('127.0.0.1'),
  WORKER_PORT: integer(0, 65_535).prefault('9464'),
  TASK_LEASE: duration('5s', '25s').prefault('25s'),
  TENANT_PATIENCE: duration('1s', '10m').prefault('30s'),
});
