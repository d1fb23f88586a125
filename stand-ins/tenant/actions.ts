/**
 * Post-login Actions: the very files that are deployed to Auth0 (auth0/actions), given Auth0's
 * `event` and `api`, so that a login here shows what a login there will.
 */
import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import type { Claims } from './jwt.ts';

/** A file in auth0/actions, or one of somebody else's. */
export type ActionName = 'login-evidence' | 'second-factor' | URL;

/** What a login was, or is: the same for every token that is made of it. */
export interface Login {
  userId: string;
  clientId: string;
  /** Epoch seconds. */
  authTime: number;
  amr: readonly string[];
  scopes: readonly string[];
  /** The exchange of a refresh token: Auth0 then tells the scope in the body alone. */
  isRenewal?: boolean;
}

export interface ActionResult {
  /** For the access token. */
  claims: Claims;
  removedScopes: ReadonlySet<string>;
  /** The login may not go on without a second factor. */
  needsSecondFactor: boolean;
}

interface Api {
  accessToken: {
    setCustomClaim(name: string, value: unknown): void;
    removeScope(scope: string): void;
  };
  multifactor: { enable(provider: string, options?: { allowRememberBrowser?: boolean }): void };
}
type PostLogin = (event: object, api: Api) => Promise<void>;

/** Auth0 drops these without a word (its documentation: create custom claims). */
const RESTRICTED = new Set(
  'acr act amr aud auth_time azp cnf client_id exp gty iat iss jti nbf nonce permissions roles scope sid sub'.split(
    ' ',
  ),
);

const loaded = new Map<string, PostLogin>();

/** Actions are CommonJS, whatever the package around the file says. */
function load(name: ActionName): PostLogin {
  const file =
    name instanceof URL ? name : new URL(`../../auth0/actions/${name}.js`, import.meta.url);
  const exported: { onExecutePostLogin?: PostLogin } = {};
  compileFunction(readFileSync(file, 'utf8'), ['exports'], { filename: file.pathname })(exported);
  const { onExecutePostLogin } = exported;
  if (!onExecutePostLogin) throw new Error(`${String(name)} is no post-login Action.`);
  loaded.set(String(name), onExecutePostLogin);
  return onExecutePostLogin;
}

function eventOf({ userId, clientId, authTime, amr, scopes, isRenewal }: Login): object {
  const timestamp = new Date(authTime * 1000).toISOString();
  return {
    user: { user_id: userId },
    client: { client_id: clientId },
    authentication: { methods: amr.map((name) => ({ name, timestamp })) },
    transaction: {
      protocol: isRenewal ? 'oauth2-refresh-token' : 'oidc-basic-profile',
      requested_scopes: isRenewal ? [] : [...scopes],
    },
    request: { body: isRenewal ? { grant_type: 'refresh_token', scope: scopes.join(' ') } : {} },
  };
}

/** Runs the Actions of the login flow, one after the other. */
export async function runPostLogin(
  names: readonly ActionName[],
  login: Login,
): Promise<ActionResult> {
  const removedScopes = new Set<string>();
  const result: ActionResult = { claims: {}, removedScopes, needsSecondFactor: false };
  const api: Api = {
    accessToken: {
      setCustomClaim(name, value) {
        if (!RESTRICTED.has(name)) result.claims[name] = value;
      },
      removeScope: (scope) => void removedScopes.add(scope),
    },
    multifactor: {
      enable() {
        result.needsSecondFactor = true;
      },
    },
  };
  const event = eventOf(login);
  for (const name of names) await (loaded.get(String(name)) ?? load(name))(event, api);
  return result;
}
