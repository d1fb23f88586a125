/** What the settings of the workers are, in words. */
import type { workers } from './config-schema.ts';
import type { WordsOf } from './config-words.ts';

export const WORKERS: WordsOf<typeof workers> = {
  AUTH0_CLIENT_ID: { about: 'The machine-to-machine application with read:users and update:users' },
  AUTH0_CLIENT_SECRET: {
    about: 'Its secret; or AUTH0_PRIVATE_KEY: one of the two',
    secret: true,
  },
  AUTH0_PRIVATE_KEY: {
    about: 'PEM, RSA, for private_key_jwt: instead of a secret',
    secret: true,
  },
  AUTH0_MANAGEMENT_AUDIENCE: {
    about: 'The identifier of the Management API',
    otherwise: 'AUTH0_BASE_URL/api/v2/',
  },
  AUTH0_RATE: {
    about: 'Management API calls per second for the whole deployment (Free tenants allow 2)',
  },
  SMTP_URL: {
    about: 'The mail server: smtp:// with STARTTLS, or smtps://',
    example: 'smtp://user:password@smtp.example.com:587',
    secret: true,
  },
  ALLOW_INSECURE_SMTP: {
    about: '1 allows SMTP without TLS off loopback. Links would travel in clear',
  },
  MAIL_FROM: { about: 'The sender of all mails', example: 'Example <no-reply@example.com>' },
  MAIL_REPLY_TO: {
    about: 'Where an answer goes: somebody writes back "this was not me"',
    example: 'Example Support <help@example.com>',
  },
  DKIM_SELECTOR: {
    about:
      'With DKIM_PRIVATE_KEY: signs mails for the domain of MAIL_FROM. For a server that does not sign',
    example: 'mail',
  },
  DKIM_PRIVATE_KEY: {
    about: 'PEM of the RSA key that mails are signed with (RFC 6376)',
    secret: true,
  },
  COMMIT_DEADLINE: {
    about: 'How long a confirmed change may wait for Auth0 before its owner is told that it failed',
  },
  REVOKE: {
    about:
      "End the user's sessions after a commit: none, sessions, or all (refresh tokens too). Best effort, Enterprise plans only; needs delete:sessions and delete:refresh_tokens. Always tried after an undo",
  },
  UNVERIFIED_MAILBOX: {
    about:
      'A current address that the tenant does not call verified: informed (no cancel, approve or undo), or trusted (docs/decisions/0010-standing.md)',
  },
  SYNC_NAME: { about: 'on: a display name that equals the old address follows it' },
  WEBHOOK_SECRETS: {
    about: 'One or more secrets, newest first: echo whsec_$(openssl rand -base64 32)',
    secret: true,
  },
  WEBHOOK_INCLUDE_ADDRESSES: {
    about: '1 puts the old and the new address into webhook events',
  },
  UNDO_LOCK: { about: 'After an undo no change can be asked for during this time' },
  TENANT_PATIENCE: {
    about:
      'How long after it was sent a write can still take effect at the tenant. Auth0 lets the script of a custom database run for about 20 s; below 25s the account may be written to twice',
  },
  WORKER_HOST: { about: 'The address for /livez, /readyz and /metrics of the workers' },
  WORKER_PORT: { about: 'The port for /livez, /readyz and /metrics of the workers' },
  TASK_LEASE: {
    about: 'How long a worker may hold a task before another takes it over, 5s to 25s. For tests',
  },
};
