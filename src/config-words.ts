/**
 * What each setting is, in words, in the order in which they are read. `.env.example`, docs/settings.md, the README's
 * table and the JSON schema are written from this and the schema (`npm run settings`); a test holds them together.
 */
import type { api, shared } from './config-schema.ts';
import { BOUNCES } from './config-words-bounces.ts';
import { TRACES } from './config-words-traces.ts';
import { WORKERS } from './config-words-workers.ts';
import { LOCALES } from './locales/messages.ts';

export type Words = {
  about: string;
  /** What to write, where the default says too little. */
  example?: string;
  /** What it is when nobody sets it, where that follows from another setting. */
  otherwise?: string;
  /** Not to be shown, and better given by a file. */
  secret?: true;
};

export type WordsOf<T extends { shape: object }> = Record<keyof T['shape'], Words>;

const BOTH: WordsOf<typeof shared> = {
  REDIS_URL: {
    about:
      'redis:// or rediss://; a comma list for a Cluster; redis+sentinel://host:port,host:port/master',
    example: 'redis://127.0.0.1:6379',
    secret: true,
  },
  SEALING_KEYS: {
    about: 'One or more base64 keys of 32 bytes, newest first: openssl rand -base64 32',
    secret: true,
  },
  AUTH0_DOMAIN: {
    about: "The tenant's own domain (not a custom domain)",
    example: 'your-tenant.eu.auth0.com',
  },
  AUTH0_BASE_URL: {
    about: 'Where the tenant answers; plain http only on loopback',
    otherwise: 'https://AUTH0_DOMAIN',
  },
  PUBLIC_URL: {
    about: 'Where users and their mail reach this service: a host, or a path on one',
    example: 'https://account.example.com',
  },
  CONFIRMATION: {
    about:
      'new: the new mailbox confirms, the current one is told and can cancel; both: both mailboxes must agree; auto: both, unless the login had a second factor',
  },
  LINK_TTL: { about: 'How long the mailed links of an open change are good' },
  UNDO_WINDOW: { about: 'How long the previous mailbox can put the old address back' },
  LIMIT_COMMITTED: {
    about: 'How many changes of one user may be committed in how long; undone ones do not count',
  },
  CONFIRM_URL: {
    about: "What the confirmation link opens (an SPA's own route, for example)",
    example: 'https://app.example.com/confirm-email',
    otherwise: 'PUBLIC_URL/confirm',
  },
  LINK_STYLE: { about: 'fragment (the token reaches no server or log) or query' },
  LOG_LEVEL: { about: 'From which level on lines are logged' },
  SHUTDOWN_GRACE: { about: 'How long a process may take to end after SIGTERM' },
  BRAND_NAME: {
    about: 'Shown in mails and on pages',
    example: 'Example',
    otherwise: 'the host of PUBLIC_URL',
  },
  BRAND_COLOR: {
    about: 'Of buttons in mails and on pages; text on it and lines in it are made readable',
  },
  BRAND_LOGO_URL: {
    about:
      'A picture for the head of mails, above the name, https, 40 pixels high. Pages load nothing from elsewhere: theirs is pages/logo.svg or logo.png in TEMPLATES_DIR',
    example: 'https://example.com/logo.png',
  },
  BRAND_LEGAL: {
    about: 'The last line of mails and pages: who stands behind them',
    example: 'Example Ltd, 1 High Street, London',
  },
  SUPPORT_URL: {
    about: 'Where mails and pages send whoever needs help',
    example: 'https://example.com/help',
  },
  TEMPLATES_DIR: {
    about:
      'A folder with mails and pages of your own (docs/templates.md). A template that is wrong stops the start',
    example: '/etc/readdress/templates',
  },
  PASSWORD_RESET_URL: {
    about: 'Where a new password is set: offered in warnings, and after an undo',
    example: 'https://app.example.com/reset-password',
  },
  LIMIT_ADDRESS_FIRST: {
    about:
      'Mails to one new mailbox: the first ones of each user to it, in all (docs/decisions/0007-limits.md)',
  },
  LIMIT_ADDRESS: { about: "Further mails to one new mailbox, and one user's" },
  LIMIT_USER_MAILS: {
    about: "Mails that one user's requests cause, and warnings to one mailbox",
  },
  ...BOUNCES,
  FOLD_ADDRESSES: {
    about:
      "off counts `+tags` and Gmail's dots as mailboxes of their own: for teams that test with tags",
  },
  LOCALES: {
    about: 'The languages of mails and pages',
    example: LOCALES.join(','),
    otherwise: 'all of them',
  },
  DEFAULT_LOCALE: {
    about:
      "Which of them answers to all other languages. Mails to the current address follow the account's own language: app_metadata or user_metadata (language, lang, locale, preferred_language), never the request's",
    example: 'en',
    otherwise: 'en',
  },
  CODE: { about: 'on: beside the link, eight digits to type into the signed-in app' },
  TENANTS_FILE: {
    about: 'Several tenants in one deployment: a JSON file (docs/where-it-runs.md)',
    example: '/run/secrets/tenants.json',
  },
  WEBHOOK_URL: {
    about: 'Where every transition is told, by the Standard Webhooks specification. Off when empty',
    example: 'https://example.com/hooks/readdress',
  },
  AUDIT_LENGTH: { about: 'Lines that the audit trail keeps, roughly; 0 = none' },
  ...TRACES,
  ALLOW_VOLATILE_REDIS: {
    about: '1 accepts a Redis that evicts keys or keeps nothing on disk. For development only',
  },
};

const API: WordsOf<typeof api> = {
  HOST: { about: 'The address that the API listens on' },
  PORT: { about: 'The port that the API listens on' },
  AUTH0_AUDIENCE: {
    about: 'The identifier of the API in Auth0 that the app asks a token for',
    example: 'https://account.example.com/',
  },
  AUTH0_ISSUERS: {
    about: 'Accepted iss values, comma list. Add custom domains here',
    example: 'https://login.example.com/',
    otherwise: 'AUTH0_BASE_URL/',
  },
  REQUIRED_SCOPE: { about: 'The scope without which no change is asked for' },
  SUPPORT_SCOPE: {
    about:
      'The scope of machine tokens of a help desk, which may look at, withdraw, resend and ask for changes (docs/operations.md). Off when empty',
    example: 'support:email',
  },
  MAX_AUTH_AGE: {
    about: 'Seconds since the last login that a change may be asked for; 0 turns the check off',
  },
  AUTH_TIME_CLAIM: { about: 'The claim with the time of the login, from the Action in auth0/' },
  AMR_CLAIM: { about: 'The claim with the methods of the login, from the Action in auth0/' },
  CONFIRM_BY: {
    about:
      'Who confirms by the link in the mail: link = whoever has it; session = only its owner, signed in to the app at CONFIRM_URL (docs/spa.md says what it costs)',
  },
  DOCS: {
    about: 'on: Swagger UI at /docs',
    example: 'off',
    otherwise: 'on at a loopback PUBLIC_URL; off there too with NODE_ENV=production',
  },
  TASKS: {
    about: 'inline: a function does what a request made due (docs/where-it-runs.md)',
    example: 'inline',
  },
  NODE_ENV: {
    about: 'production turns /docs off, also on loopback',
    example: 'production',
  },
  PASSWORDLESS: {
    about:
      'Users without a password, who sign in by a mailed code or link (Auth0 passwordless): refuse or allow. Read docs/auth0-setup.md first: Auth0 documents their change of address only in passing',
  },
  DPOP: {
    about:
      'Access tokens bound to a key of the app (DPoP, RFC 9449): off, allowed beside plain ones, or required',
  },
  CHECK_MX: {
    about:
      'on: a new address whose domain takes no mail, by its DNS, is not taken. Asked for 1.5 s at most and kept for a while; no answer is no refusal',
  },
  DISPOSABLE: {
    about:
      'refuse: new addresses at providers of throw-away mailboxes are not taken (the community list of them)',
  },
  CORS_ORIGINS: {
    about: 'Exact origins of the SPAs that call this API, comma list',
    example: 'https://app.example.com',
  },
  RETURN_URLS: {
    about: 'Exact URLs that the result page may link back to, comma list',
    example: 'https://app.example.com/account',
  },
  TRUST_PROXY: {
    about:
      'Addresses or CIDR ranges of your proxies, or loopback, linklocal, uniquelocal. Off when empty',
    example: '10.0.0.0/8',
  },
  GEO_COUNTRY_HEADER: {
    about:
      'A header in which a trusted proxy names the country of the caller, for the notice. Counts only with TRUST_PROXY',
    example: 'CF-IPCountry',
  },
  APP_LINKS_IOS: {
    about: 'Apps that may open the mailed links: <team id>.<bundle id>, comma list',
    example: 'TEAMID1234.com.example.app',
  },
  APP_LINKS_ANDROID: {
    about: '<package>=<SHA-256 fingerprint>, as keytool prints it; comma list',
    example: 'com.example.app=AB:CD:…',
  },
  LIMIT_USER: { about: 'Requests of one user' },
  LIMIT_SUPPORT: { about: 'Requests that support makes on behalf of users, in all' },
  LIMIT_IP: { about: 'Requests from one IP address' },
  LIMIT_LINK: { about: 'Calls with a link token from one IP address' },
  RESEND_AFTER: { about: 'How long until a mail may be asked for again' },
  OLD_MAILBOX_WAIT: {
    about:
      'Under `both`: how long the current mailbox may stay silent (with reminders) before the new one alone suffices, for users who lost their old mailbox. 0s = never',
  },
  DRAIN_DELAY: {
    about:
      'After SIGTERM: not ready, and still serving this long, for load balancers to notice; 0s = off',
  },
  METRICS_HOST: { about: 'The address that METRICS_PORT listens on' },
  METRICS_PORT: {
    about:
      'A port for Prometheus, apart from the public one (the workers have theirs, WORKER_PORT). Off when empty',
    example: '9465',
  },
};

/** By process. */
export const WORDS = { both: BOTH, api: API, workers: WORKERS };
