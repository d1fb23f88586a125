/** oidc-provider, set up to look like Auth0: paths, parameters, tokens and sessions. */
import type * as Library from 'oidc-provider';
import type { ClientMetadata, Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider';
import { runPostLogin, type Login } from './actions.ts';
import type { SigningKey, SigningKeys } from './keys.ts';
import { renderLogout, renderProblem } from './login-page.ts';
import type { SpaClient } from './options.ts';
import { optional, textOf, wordsOf } from './shapes.ts';
import type { Storage } from './storage.ts';
import { audienceClaim, type TokenDeps } from './tokens.ts';
import type { TenantUser, UserBook } from './users.ts';

export interface ProviderDeps {
  tokens: TokenDeps;
  keys: SigningKeys;
  users: UserBook;
  storage: Storage;
  cookieKeys: string[];
  spa: Required<SpaClient>;
  /** Grants whose authorization request asked for offline_access. */
  offlineGrants: Set<string>;
}

/** Marks authorization requests that ask for offline_access; see `markOffline`. */
export const OFFLINE_PARAMETER = 'stand_in_offline';

const OIDC_SCOPES = ['openid', 'profile', 'email'];
const AUTH0_PARAMETERS = ['audience', 'auth0Client', 'screen_hint', 'organization', 'connection'];
const PROFILE_CLAIMS = 'name nickname picture given_name family_name updated_at'.split(' ');
const DAY_S = 24 * 60 * 60;

/** oidc-provider warns of Node 20 when it is loaded. It runs there, and our tests show it. */
async function loadProvider(): Promise<typeof Library> {
  const { warn } = console;
  console.warn = () => {}; // oxlint-disable-line no-console
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn; // oxlint-disable-line no-console
  }
}

function spaMetadata({ clientId, redirectUris, logoutUris }: Required<SpaClient>): ClientMetadata {
  return {
    client_id: clientId,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: redirectUris,
    post_logout_redirect_uris: logoutUris,
  };
}

function privateJwk({ kid, privateKey }: SigningKey) {
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

/** The standard claims of a user, those that are known. */
export function profile(user: TenantUser) {
  const { email, email_verified, name, nickname, picture, given_name, family_name } = user;
  return {
    sub: user.user_id,
    ...optional('email', email),
    ...optional('email_verified', email_verified),
    ...optional('name', name),
    ...optional('nickname', nickname),
    ...optional('picture', picture),
    ...optional('given_name', given_name),
    ...optional('family_name', family_name),
    updated_at: user.updated_at,
  };
}

/** Why the login page is shown again: an Action asks for a second factor. */
export const SECOND_FACTOR = 'second_factor';

/** What is being exchanged for the tokens of this request. */
function sourceOf({ oidc }: KoaContextWithOIDC) {
  return oidc.entities.AuthorizationCode ?? oidc.entities.RefreshToken;
}

function configure(
  { tokens, keys, users, storage, cookieKeys, spa, offlineGrants }: ProviderDeps,
  { errors, interactionPolicy }: typeof Library,
): Configuration {
  const { issuer, audience, scopes } = tokens;

  const policy = interactionPolicy.base();
  const silentRefusal = policy.get('login')?.checks.get('no_session');
  if (silentRefusal) silentRefusal.description = 'Login required'; // Auth0's words.

  const runActions = (login: Login) => runPostLogin(tokens.actions, login);

  policy.get('login')?.checks.add(
    new interactionPolicy.Check(
      SECOND_FACTOR,
      'Multifactor authentication required',
      'interaction_required', // What silent authentication is told.
      async ({ oidc: { session, params } }) => {
        if (session?.accountId === undefined) return false;
        const { needsSecondFactor } = await runActions({
          userId: session.accountId,
          clientId: spa.clientId,
          authTime: session.loginTs ?? 0,
          amr: session.amr ?? [],
          scopes: wordsOf(params?.['scope']),
        });
        return needsSecondFactor;
      },
    ),
  );

  function resourceServer(identifier: string) {
    if (identifier !== audience) {
      throw new errors.CustomOIDCProviderError('access_denied', `Service not found: ${identifier}`);
    }
    return {
      audience,
      scope: scopes.join(' '),
      accessTokenFormat: 'jwt' as const,
      accessTokenTTL: tokens.accessTokenTtlSeconds,
      jwt: { sign: { alg: 'RS256' as const } },
    };
  }

  /** Everything that is asked is granted: first-party applications see no consent page. */
  async function grantAll(ctx: KoaContextWithOIDC) {
    const { client, session, params, provider } = ctx.oidc;
    const grant = new provider.Grant({
      ...optional('clientId', client?.clientId),
      ...optional('accountId', session?.accountId),
    });
    grant.addOIDCScope([...OIDC_SCOPES, 'offline_access'].join(' '));
    grant.addResourceScope(audience, scopes.join(' '));
    const id = await grant.save();
    if (params?.[OFFLINE_PARAMETER] !== undefined) offlineGrants.add(id);
    return grant;
  }

  return {
    adapter: (model) => storage.adapter(model),
    clients: [spaMetadata(spa)],
    jwks: { keys: [keys.current, ...keys.previous].map(privateJwk) },
    cookies: { keys: cookieKeys },
    scopes: [...OIDC_SCOPES, 'offline_access'],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: PROFILE_CLAIMS,
      auth_time: null,
      acr: null,
      amr: null,
    },
    routes: {
      authorization: '/authorize',
      token: '/oauth/token',
      jwks: '/.well-known/jwks.json',
      userinfo: '/userinfo',
      revocation: '/oauth/revoke',
      end_session: '/oidc/logout',
    },
    extraParams: [...AUTH0_PARAMETERS, OFFLINE_PARAMETER],
    clientBasedCORS: (_ctx, origin) => allowedOrigins(spa).has(origin),
    enabledJWA: { dPoPSigningAlgValues: ['ES256'] },
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && offlineGrants.has(source.grantId ?? ''),
    loadExistingGrant: grantAll,
    findAccount: (_ctx, userId) => {
      const user = users.find(userId);
      return !user || user.blocked ? undefined : { accountId: userId, claims: () => profile(user) };
    },
    interactions: { policy, url: (_ctx, { uid }) => `/u/login?state=${uid}` },
    renderError(ctx, { error, error_description: description }) {
      ctx.type = 'html';
      ctx.body = renderProblem('Oops, something went wrong', `${error}: ${description ?? ''}`);
    },
    ttl: {
      AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? DAY_S,
      AuthorizationCode: 60,
      Grant: 30 * DAY_S,
      IdToken: 10 * 60 * 60,
      Interaction: 60 * 60,
      RefreshToken: 30 * DAY_S,
      Session: 3 * DAY_S,
    },
    features: {
      devInteractions: { enabled: false },
      // Who sends a proof gets tokens bound to its key. As at Auth0, public clients need a nonce.
      dPoP: {
        enabled: true,
        nonceSecret: Buffer.from(cookieKeys[0] ?? '', 'base64url'),
        requireNonce: () => true,
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource(ctx, form) {
          ctx.body = renderLogout(form);
        },
        postLogoutSuccessSource(ctx) {
          ctx.body = renderProblem('Logged out', 'You can close this page.');
        },
      },
      webMessageResponseMode: { enabled: true, ack: 'individual-draft-01' },
      resourceIndicators: {
        enabled: true,
        defaultResource: ({ oidc }) => textOf(oidc.params?.['audience']) ?? [],
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, identifier) => resourceServer(identifier),
      },
    },
    formats: {
      customizers: {
        async jwt(ctx, _token, parts) {
          const source = sourceOf(ctx);
          const asked = wordsOf(ctx.oidc.params?.['scope']);
          const isRenewal = ctx.oidc.params?.['grant_type'] === 'refresh_token';
          const isNarrowed = isRenewal && asked.length > 0;
          const granted = wordsOf(source?.scope).filter(
            (name) => !isNarrowed || asked.includes(name),
          );
          if (offlineGrants.has(source?.grantId ?? '')) granted.push('offline_access');
          const { jti: _jti, client_id: clientId, ...claims } = parts.payload;
          const added = await runActions({
            userId: source?.accountId ?? '',
            clientId: spa.clientId,
            authTime: source?.authTime ?? 0,
            amr: source?.amr ?? [],
            scopes: isRenewal ? asked : granted,
            isRenewal,
          });
          const scope = granted.filter((name) => !added.removedScopes.has(name)).join(' ');
          parts.header = { typ: 'JWT' };
          parts.payload = {
            ...claims,
            ...added.claims,
            aud: audienceClaim(issuer, audience, scope),
            scope,
            azp: clientId,
          };
        },
      },
    },
  };
}

/** Origins from which the SPA may call the token endpoint. */
function allowedOrigins(spa: Required<SpaClient>): Set<string> {
  return new Set([...spa.webOrigins, ...spa.redirectUris.map((uri) => new URL(uri).origin)]);
}

export async function createProvider(deps: ProviderDeps): Promise<Provider> {
  const library = await loadProvider();
  return new library.Provider(deps.tokens.issuer, configure(deps, library));
}
