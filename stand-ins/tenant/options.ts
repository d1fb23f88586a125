/** What a stand-in tenant can be told when it starts, with the defaults of an Auth0 tenant. */
import type { ActionName } from './actions.ts';
import type { Plan } from './management-api.ts';
import type { RateLimitSettings } from './rate-limit.ts';
import type { Connection, NewUser } from './users.ts';

export interface SpaClient {
  clientId?: string;
  /** Allowed Callback URLs, compared exactly. */
  redirectUris?: string[];
  /** Allowed Logout URLs, compared exactly. */
  logoutUris?: string[];
  /** Allowed Web Origins, for silent authentication; default: the origins of `redirectUris`. */
  webOrigins?: string[];
}

export interface TenantOptions {
  /** Default 0: a free port. */
  port?: number;
  /** The identifier of our API. Default `https://readdress.example/`. */
  audience?: string;
  /** The scopes of our API. Default `change:email`. */
  scopes?: string[];
  users?: NewUser[];
  connections?: Connection[];
  /** The machine-to-machine client "Email change worker". */
  clientId?: string;
  clientSecret?: string;
  /** PEM; lets the worker sign assertions (private_key_jwt) besides using the secret. */
  clientPublicKey?: string;
  /** The worker's grant for the Management API. */
  managementScopes?: string[];
  /** Default 86400, as Auth0's. */
  managementTokenTtlSeconds?: number;
  /** Lifetime of users' access tokens. Default 900. */
  accessTokenTtlSeconds?: number;
  spa?: SpaClient;
  /** The post-login Actions of auth0/actions that this tenant runs, in their order. Default: none. */
  actions?: ActionName[];
  /** Default: burst 50, 16 per second (Enterprise production). */
  rateLimit?: Partial<RateLimitSettings>;
  /** Adds Retry-After to 429 answers, which Auth0's Management API is not known to do. */
  retryAfter?: boolean;
  /** On `free`, the session and refresh-token endpoints answer 403. Default `enterprise`. */
  plan?: Plan;
  /** Whether a changed email ends the user's sessions. Default true. */
  endSessionsOnEmailChange?: boolean;
}

export const DEFAULTS = {
  audience: 'https://readdress.example/',
  scopes: ['change:email'],
  clientId: 'email-change-worker',
  clientSecret: 'not-a-secret-stand-in-only',
  spaClientId: 'demo-spa',
  managementScopes: ['read:users', 'update:users', 'delete:sessions', 'delete:refresh_tokens'],
  managementTokenTtlSeconds: 86_400,
  accessTokenTtlSeconds: 900,
  rateLimit: { burst: 50, perSecond: 16 },
};
