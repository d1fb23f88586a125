/**
 * A stand-in for an Auth0 tenant, on loopback only: OpenID Connect, the token endpoint, the part of
 * the Management API that an email change needs, Auth0's error bodies and rate limit, and trouble
 * on demand. The demo runs on it, and the tests drive the service against it.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json, oauthError, managementError, type Answer } from './tenant/answers.ts';
import { createAuthentication } from './tenant/authentication.ts';
import { createCalls, openTokenFields, withoutPassword, type Call } from './tenant/calls.ts';
import { createClientCredentials } from './tenant/client-credentials.ts';
import type { MachineClient } from './tenant/clients.ts';
import { createFaults, omitField, playFault, send, type Faults } from './tenant/faults.ts';
import { createSigningKeys, type SigningKeys } from './tenant/keys.ts';
import { listenOnLoopback } from './loopback.ts';
import { createManagementApi, type VerificationMail } from './tenant/management-api.ts';
import { DEFAULTS, type SpaClient, type TenantOptions } from './tenant/options.ts';
import { createRateLimit, type RateLimit, type RateLimitState } from './tenant/rate-limit.ts';
import { parseBody, percentDecoded, readBody } from './tenant/requests.ts';
import { isRecord, textOf } from './tenant/shapes.ts';
import { createStorage, type UserRefreshToken, type UserSession } from './tenant/storage.ts';
import {
  machineToken,
  userAccessToken,
  type AccessTokenWish,
  type TokenDeps,
} from './tenant/tokens.ts';
import { createUserBook, type NewUser, type TenantUser } from './tenant/users.ts';

export interface Tenant {
  /** `localhost:PORT` */
  readonly domain: string;
  /** `http://localhost:PORT` */
  readonly url: string;
  /** `http://localhost:PORT/` */
  readonly issuer: string;
  /** The identifier of our API. */
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly spaClientId: string;

  /** Allows other callbacks, logout addresses and origins, when the SPA's port is known late. */
  configureSpa(spa: Omit<SpaClient, 'clientId'>): void;

  addUser(user: NewUser): TenantUser;
  /** The user as it is now; throws for an unknown id. */
  user(userId: string): TenantUser;
  findUser(userId: string): TenantUser | undefined;
  /** Changes a user behind everybody's back, as an administrator could. */
  updateUser(userId: string, changes: Partial<TenantUser> & { password?: string }): TenantUser;
  deleteUser(userId: string): void;
  sessions(userId: string): UserSession[];
  /** A session without a browser. */
  addSession(userId: string): UserSession;
  refreshTokens(userId: string): UserRefreshToken[];
  /** Mails that Auth0 itself would have sent because of `verify_email: true`. */
  readonly verificationMails: readonly VerificationMail[];

  /** A signed access token of a user, good or bad, without any browser. */
  accessToken(wish: AccessTokenWish): Promise<string>;
  readonly keys: SigningKeys;
  /** The next key signs from now on; the former one stays trusted until `revokeOldKeys`. */
  rotateKeys(): Promise<void>;
  revokeOldKeys(): void;
  /** The worker's secret is another one from now on; returns it. */
  rotateClientSecret(): string;
  /** All management tokens issued so far answer 401. */
  expireManagementTokens(): void;

  readonly rateLimit: Pick<RateLimit, 'set'>;
  readonly faults: Faults;

  /** Management API, token and JWKS requests, oldest first. */
  readonly calls: readonly Call[];
  /** PATCH requests, of one user or of all. */
  patches(userId?: string): Call[];
  tokenRequests(): Call[];
  jwksRequests(): Call[];
  /** Resolves with the first call that matches; asked when a call arrives, takes effect, is answered. */
  waitFor(matches: (call: Call) => boolean, timeoutMs?: number): Promise<Call>;

  /** Ends the listeners and every open socket at once. */
  close(): Promise<void>;
}

const MANAGEMENT = '/api/v2';
const TOKEN = '/oauth/token';
const JWKS = '/.well-known/jwks.json';
const USER_GRANTS = new Set(['authorization_code', 'refresh_token']);

interface Wire {
  req: IncomingMessage;
  res: ServerResponse;
  url: URL;
  /** Percent-decoded. */
  path: string;
  method: string;
}

type Serve = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

function notReady(): Promise<void> {
  return Promise.reject(new Error('It is only starting.'));
}

function rateLimitHeaders({ limit, remaining, resetAt }: RateLimitState): Answer['headers'] {
  return {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(resetAt),
  };
}

function userIdIn(url: URL): string | undefined {
  const id = /^\/api\/v2\/users\/([^/]+)/.exec(url.pathname)?.[1];
  return id === undefined ? undefined : percentDecoded(id);
}

function machineClient(options: TenantOptions, issuer: string): MachineClient {
  return {
    clientId: options.clientId ?? DEFAULTS.clientId,
    clientSecret: options.clientSecret ?? DEFAULTS.clientSecret,
    ...(options.clientPublicKey === undefined ? {} : { publicKey: options.clientPublicKey }),
    grants: { [`${issuer}api/v2/`]: options.managementScopes ?? DEFAULTS.managementScopes },
  };
}

/**
 * Starts a stand-in tenant at `http://localhost:PORT/`, on 127.0.0.1 and, where there is IPv6, ::1.
 * @param options see {@link TenantOptions}; every one has a default
 * @returns the running tenant; call its `close` when done
 */
export async function startTenant(options: TenantOptions = {}): Promise<Tenant> {
  const keys = await createSigningKeys();
  const users = createUserBook(options.connections);
  const storage = createStorage();
  const rateLimit = createRateLimit({ ...DEFAULTS.rateLimit, ...options.rateLimit });
  const faults = createFaults();
  const calls = createCalls();
  const verificationMails: VerificationMail[] = [];
  const issuedTokens = new Set<string>();
  const expiredTokens = new Set<string>();

  for (const user of options.users ?? []) users.add(user);

  // The port decides the issuer, so the endpoints exist only once the server listens.
  let serve: Serve = notReady;
  const server = await listenOnLoopback((req, res) => {
    serve(req, res).catch((error: unknown) => {
      if (!res.headersSent) res.writeHead(500, { 'content-type': 'text/plain' });
      res.end(`The stand-in tenant failed: ${String(error)}`);
    });
  }, options.port);

  const domain = `localhost:${server.port}`;
  const url = `http://${domain}`;
  const issuer = `${url}/`;
  const worker = machineClient(options, issuer);
  const tokenDeps: TokenDeps = {
    issuer,
    keys,
    audience: options.audience ?? DEFAULTS.audience,
    scopes: options.scopes ?? DEFAULTS.scopes,
    spaClientId: options.spa?.clientId ?? DEFAULTS.spaClientId,
    accessTokenTtlSeconds: options.accessTokenTtlSeconds ?? DEFAULTS.accessTokenTtlSeconds,
    managementTokenTtlSeconds:
      options.managementTokenTtlSeconds ?? DEFAULTS.managementTokenTtlSeconds,
    actions: options.actions ?? [],
  };
  const clientCredentials = createClientCredentials({
    issuer,
    clients: [worker],
    issue(client, audience, scope) {
      // Two tokens of one second are the same token; a fresh one must not be one declared dead.
      let at = Math.floor(Date.now() / 1000);
      let issued = machineToken(tokenDeps, client, audience, scope, at);
      while (expiredTokens.has(issued.token)) {
        at -= 1;
        issued = machineToken(tokenDeps, client, audience, scope, at);
      }
      issuedTokens.add(issued.token);
      return issued;
    },
  });
  const management = createManagementApi({
    issuer,
    keys,
    users,
    storage,
    plan: options.plan ?? 'enterprise',
    endSessionsOnEmailChange: options.endSessionsOnEmailChange ?? true,
    verificationMails,
    isExpired: (token) => expiredTokens.has(token),
  });
  const authentication = createAuthentication({
    tokens: tokenDeps,
    keys,
    users,
    storage,
    spa: {
      clientId: tokenDeps.spaClientId,
      redirectUris: options.spa?.redirectUris ?? [],
      logoutUris: options.spa?.logoutUris ?? [],
      webOrigins: options.spa?.webOrigins ?? [],
    },
  });

  /** Records the call, lets a fault strike or not, and answers. */
  async function answerCall(
    { req, res, url: target, path, method }: Wire,
    call: Pick<Call, 'body' | 'userId'>,
    headers: Answer['headers'],
    execute: (without?: string) => Promise<{ answer: Answer; effective?: boolean }>,
  ): Promise<void> {
    const query = Object.fromEntries(target.searchParams);
    const record = calls.begin({
      method,
      path,
      ...(target.search === '' ? {} : { query }),
      ...(call.body === undefined ? {} : { body: call.body }),
      ...(call.userId === undefined ? {} : { userId: call.userId }),
    });
    const executeAndNote = async (without?: string) => {
      const { answer, effective } = await execute(without);
      if (effective) record.effective = true;
      calls.changed(record);
      return { ...answer, headers: { ...headers, ...answer.headers } };
    };
    const fault = faults.take(method, path);
    if (fault) {
      record.fault = fault.kind;
      const play = { res, url: req.url ?? '/', headers, execute: executeAndNote };
      record.status = await playFault(fault, play);
    } else record.status = send(res, await executeAndNote());
    calls.changed(record);
  }

  async function serveManagement(wire: Wire): Promise<void> {
    const { req, url: target, method } = wire;
    const body = parseBody(req, await readBody(req));
    const userId = userIdIn(target);
    const limit = rateLimit.take();
    const headers = rateLimitHeaders(limit);
    const call = {
      ...(body === undefined ? {} : { body: withoutPassword(body) }),
      ...(userId === undefined ? {} : { userId }),
    };
    await answerCall(wire, call, headers, (without) => {
      if (!limit.allowed) {
        const answer = managementError(429, 'Global limit has been reached', 'too_many_requests');
        if (options.retryAfter) {
          const seconds = Math.max(1, Math.ceil(limit.resetAt - Date.now() / 1000));
          answer.headers['retry-after'] = String(seconds);
        }
        return Promise.resolve({ answer });
      }
      return Promise.resolve(
        management({
          method,
          path: target.pathname.slice(MANAGEMENT.length),
          query: target.searchParams,
          authorization: req.headers.authorization,
          body: without === undefined ? body : omitField(body, without),
        }),
      );
    });
  }

  async function serveToken(wire: Wire): Promise<void> {
    const { req } = wire;
    const parsed = parseBody(req, await readBody(req));
    const fields = isRecord(parsed) ? parsed : {};
    await answerCall(wire, { body: openTokenFields(fields) }, {}, async () => {
      if (!isRecord(parsed)) {
        return { answer: oauthError(400, 'invalid_request', 'The body is not readable.') };
      }
      const grantType = textOf(fields['grant_type']) ?? '';
      if (grantType === 'client_credentials') return { answer: clientCredentials(fields) };
      if (USER_GRANTS.has(grantType)) return { answer: await authentication.token(req, fields) };
      const description = `Grant type '${grantType}' not allowed for the client.`;
      return { answer: oauthError(403, 'unauthorized_client', description) };
    });
  }

  async function serveJwks(wire: Wire): Promise<void> {
    const headers = { 'access-control-allow-origin': '*' };
    await answerCall(wire, {}, headers, () => Promise.resolve({ answer: json(200, keys.jwks()) }));
  }

  serve = async (req, res) => {
    const target = new URL(req.url ?? '/', issuer);
    const path = percentDecoded(target.pathname);
    const method = req.method ?? 'GET';
    const wire: Wire = { req, res, url: target, path, method };
    if (target.pathname.startsWith(`${MANAGEMENT}/`)) return serveManagement(wire);
    if (path === TOKEN && method === 'POST') return serveToken(wire);
    if (path === JWKS) return serveJwks(wire);
    return authentication.serve(req, res);
  };

  const callsTo = (path: string) => calls.all.filter((call) => call.path === path);

  return {
    domain,
    url,
    issuer,
    audience: tokenDeps.audience,
    clientId: worker.clientId,
    get clientSecret() {
      return worker.clientSecret;
    },
    spaClientId: tokenDeps.spaClientId,

    configureSpa: (spa) => authentication.configure(spa),

    addUser: (user) => users.add(user),
    user: (userId) => users.read(userId),
    findUser: (userId) => users.find(userId),
    updateUser: (userId, changes) => users.update(userId, changes),
    deleteUser: (userId) => users.remove(userId),
    sessions: (userId) => storage.sessions(userId),
    addSession: (userId) => storage.addSession(userId),
    refreshTokens: (userId) => storage.refreshTokens().filter((token) => token.userId === userId),
    verificationMails,

    accessToken: (wish) => userAccessToken(tokenDeps, wish),
    keys,
    rotateKeys: () => keys.rotate(),
    revokeOldKeys: () => keys.revokeOld(),
    rotateClientSecret() {
      worker.clientSecret = randomBytes(24).toString('base64url');
      return worker.clientSecret;
    },
    expireManagementTokens() {
      for (const token of issuedTokens) expiredTokens.add(token);
      issuedTokens.clear();
    },

    rateLimit,
    faults,

    calls: calls.all,
    patches: (userId) =>
      calls.all.filter(
        (call) => call.method === 'PATCH' && (userId === undefined || call.userId === userId),
      ),
    tokenRequests: () => callsTo(TOKEN),
    jwksRequests: () => callsTo(JWKS),
    waitFor: (matches, timeoutMs) => calls.waitFor(matches, timeoutMs),

    close: () => server.close(),
  };
}
