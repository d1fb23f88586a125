/** Auth0's Management API for users, sessions and refresh tokens: routes, scopes and answers. */
import { empty, json, managementError, unauthorized, type Answer } from './answers.ts';
import { bodyRefusal } from './body.ts';
import { decodeJwt, signatureFits, type Claims } from './jwt.ts';
import type { SigningKeys } from './keys.ts';
import { applyPatch, patchRefusal } from './patch-user.ts';
import { percentDecoded } from './requests.ts';
import { revokeRefreshTokens, revokeUserAccess, SCOPES, type Operation } from './schema.ts';
import { isRecord, textOf, wordsOf } from './shapes.ts';
import type { Storage } from './storage.ts';
import type { TenantUser, UserBook } from './users.ts';

export type Plan = 'enterprise' | 'free';

export interface VerificationMail {
  /** Epoch ms. */
  at: number;
  userId: string;
  email: string;
}

export interface ManagementDeps {
  issuer: string;
  keys: SigningKeys;
  users: UserBook;
  storage: Storage;
  plan: Plan;
  endSessionsOnEmailChange: boolean;
  verificationMails: VerificationMail[];
  /** True for tokens that were declared dead before their time. */
  isExpired(token: string): boolean;
}

export interface ManagementRequest {
  method: string;
  /** Below `/api/v2`, still percent-encoded. */
  path: string;
  query: URLSearchParams;
  authorization: string | undefined;
  /** The parsed body, 'malformed', or undefined for none. */
  body: unknown;
}

export interface ManagementAnswer {
  answer: Answer;
  /** The request wrote something. */
  effective: boolean;
}

interface Ask extends Omit<ManagementRequest, 'body'> {
  body: Record<string, unknown>;
  claims: Claims;
  scopes: Set<string>;
  id: string;
}

interface Route {
  operation: Operation;
  enterprise?: true;
  serve(ask: Ask): Answer;
}

const NO_USER = () => managementError(404, 'The user does not exist.', 'inexistent_user');
const NO_FEATURE = () =>
  managementError(403, 'This feature is not enabled for this tenant.', 'feature_not_enabled');

function iso(ms: number): string | null {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : null;
}

function onlyFields(user: TenantUser, query: URLSearchParams): Partial<TenantUser> {
  const fields = query.get('fields')?.split(',');
  if (!fields) return user;
  const include = query.get('include_fields') !== 'false';
  return Object.fromEntries(
    Object.entries(user).filter(([name]) => fields.includes(name) === include),
  );
}

function matchPath(template: string, path: string): { id: string } | undefined {
  const wanted = template.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  let id = '';
  for (const [index, part] of wanted.entries()) {
    const segment = given[index] ?? '';
    if (part.startsWith('{')) id = percentDecoded(segment);
    else if (part !== segment) return undefined;
  }
  return { id };
}

function createRoutes(deps: ManagementDeps): Route[] {
  const { users, storage } = deps;

  function patch({ id, body, scopes }: Ask): Answer {
    const user = users.find(id);
    if (!user) return NO_USER();
    if (!scopes.has('update:users')) {
      const allowed = ['user_metadata', 'app_metadata'];
      const fields = Object.keys(body).filter((f) => !allowed.includes(f));
      if (fields.length > 0) {
        const message = `You cannot update the following fields: ${fields.join(', ')}`;
        return managementError(403, message, 'insufficient_scope');
      }
    }
    const refusal = patchRefusal(users, user, body);
    if (refusal) return refusal;
    const effects = applyPatch(users, user, body);
    if (effects.identifierChanged && deps.endSessionsOnEmailChange) storage.endSessions(id);
    if (effects.verificationMailTo !== undefined) {
      const mail = { at: Date.now(), userId: id, email: effects.verificationMailTo };
      deps.verificationMails.push(mail);
    }
    return json(200, user);
  }

  function endAccess({ id, body }: Ask): Answer {
    const refusal = bodyRefusal(revokeUserAccess, body);
    if (refusal) return refusal;
    const sessionId = textOf(body['session_id']);
    storage.endSessions(id, sessionId);
    if (body['preserve_refresh_tokens'] !== true) {
      storage.revokeRefreshTokens(
        (token) =>
          token.userId === id && (sessionId === undefined || token.sessionId === sessionId),
      );
    }
    return empty(202);
  }

  function endRefreshTokens({ body }: Ask): Answer {
    const refusal = bodyRefusal(revokeRefreshTokens, body);
    if (refusal) return refusal;
    const ids: unknown[] | undefined = Array.isArray(body['ids']) ? body['ids'] : undefined;
    const userId = textOf(body['user_id']);
    const clientId = textOf(body['client_id']);
    const named = userId !== undefined || clientId !== undefined;
    if (named === (ids !== undefined)) {
      return managementError(400, 'Invalid combination of parameters.', 'invalid_body');
    }
    if (userId !== undefined && !users.find(userId)) {
      return managementError(400, 'User not found.', 'inexistent_user');
    }
    storage.revokeRefreshTokens((token) =>
      ids
        ? ids.includes(token.id)
        : (userId ?? token.userId) === token.userId &&
          (clientId ?? token.clientId) === token.clientId,
    );
    return empty(202);
  }

  const forUser =
    (serve: (userId: string) => Answer) =>
    ({ id }: Ask) =>
      users.find(id) ? serve(id) : NO_USER();

  return [
    {
      operation: 'GET /users/{id}',
      serve({ id, query, claims, scopes }) {
        const mayReadAll = scopes.has('read:users') || scopes.has('read:user_idp_tokens');
        if (!mayReadAll && claims['sub'] !== id) {
          return managementError(
            403,
            'User to be acted on does not match subject in bearer token.',
            'operation_not_supported',
          );
        }
        const user = users.find(id);
        return user ? json(200, onlyFields(user, query)) : NO_USER();
      },
    },
    { operation: 'PATCH /users/{id}', serve: patch },
    {
      operation: 'GET /users-by-email',
      serve({ query }) {
        const email = query.get('email');
        if (!email) {
          return managementError(
            400,
            "Query validation error: 'Missing required property: email'.",
            'invalid_query_string',
          );
        }
        return json(
          200,
          users.byEmail(email).map((user) => onlyFields(user, query)),
        );
      },
    },
    {
      operation: 'GET /users/{user_id}/sessions',
      enterprise: true,
      serve: forUser((userId) =>
        json(200, {
          sessions: storage.sessions(userId).map((session) => ({
            id: session.id,
            user_id: userId,
            created_at: iso(session.authenticatedAt),
            authenticated_at: iso(session.authenticatedAt),
            expires_at: iso(session.expiresAt),
            clients: session.clientIds.map((client_id) => ({ client_id })),
          })),
        }),
      ),
    },
    {
      operation: 'DELETE /users/{user_id}/sessions',
      enterprise: true,
      serve: forUser((userId) => {
        storage.endSessions(userId);
        return empty(202);
      }),
    },
    {
      operation: 'GET /users/{user_id}/refresh-tokens',
      enterprise: true,
      serve: forUser((userId) =>
        json(200, {
          tokens: storage
            .refreshTokens()
            .filter((token) => token.userId === userId)
            .map((token) => ({
              id: token.id,
              user_id: userId,
              client_id: token.clientId,
              created_at: iso(token.createdAt),
              expires_at: iso(token.expiresAt),
              session_id: token.sessionId ?? null,
              rotating: true,
              resource_servers:
                token.audience === undefined
                  ? []
                  : [{ audience: token.audience, scopes: token.scope }],
            })),
        }),
      ),
    },
    {
      operation: 'DELETE /users/{user_id}/refresh-tokens',
      enterprise: true,
      serve: forUser((userId) => {
        storage.revokeRefreshTokens((token) => token.userId === userId);
        return empty(202);
      }),
    },
    {
      operation: 'POST /users/{id}/revoke-access',
      enterprise: true,
      serve: (ask) => (users.find(ask.id) ? endAccess(ask) : NO_USER()),
    },
    {
      operation: 'POST /refresh-tokens/revoke',
      enterprise: true,
      serve: endRefreshTokens,
    },
  ];
}

/** The claims of a good management token, or the 400 or 401 that Auth0 answers to a bad one. */
function authenticate(deps: ManagementDeps, header: string | undefined): Claims | Answer {
  if (header === undefined) return unauthorized('Missing authentication');
  const [scheme, token, ...rest] = header.split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || !token || rest.length > 0) {
    return managementError(400, 'Bad HTTP authentication header format', 'Bearer');
  }
  const decoded = decodeJwt(token);
  if (!decoded) return unauthorized('Invalid token');
  const key = deps.keys.find(decoded.header.kid);
  if (!key || !signatureFits(decoded, key.publicKey, ['RS256'])) {
    return unauthorized('Invalid signature received for JSON Web Token validation');
  }
  const { aud, exp, iss } = decoded.claims;
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(`${deps.issuer}api/v2/`)) {
    return unauthorized(`Bad audience: ${audiences.map(String).join(', ')}`);
  }
  if (iss !== deps.issuer) return unauthorized(`Bad issuer: ${String(iss)}`);
  if (typeof exp !== 'number' || exp <= Date.now() / 1000 || deps.isExpired(token)) {
    return unauthorized('Expired token received for JSON Web Token validation');
  }
  return decoded.claims;
}

function isAnswer(result: Claims | Answer): result is Answer {
  return Buffer.isBuffer(result['body' as keyof typeof result]);
}

function refused(answer: Answer): ManagementAnswer {
  return { answer, effective: false };
}

export function createManagementApi(deps: ManagementDeps) {
  const routes = createRoutes(deps);

  return (request: ManagementRequest): ManagementAnswer => {
    const claims = authenticate(deps, request.authorization);
    if (isAnswer(claims)) return refused(claims);
    for (const route of routes) {
      const [method, path = ''] = route.operation.split(' ');
      const match = method === request.method && matchPath(path, request.path);
      if (!match) continue;
      const scopes = new Set(wordsOf(claims['scope']));
      const expected = SCOPES[route.operation];
      if (!expected.some((scope) => scopes.has(scope))) {
        const message = `Insufficient scope, expected any of: ${expected.join(',')}`;
        return refused(managementError(403, message, 'insufficient_scope'));
      }
      if (route.enterprise && deps.plan === 'free') return refused(NO_FEATURE());
      const body = request.body ?? {};
      if (!isRecord(body)) {
        return refused(managementError(400, 'Invalid request payload JSON format'));
      }
      const answer = route.serve({ ...request, ...match, body, claims, scopes });
      return { answer, effective: method !== 'GET' && answer.status < 300 };
    }
    return refused(managementError(404, 'Not Found'));
  };
}
