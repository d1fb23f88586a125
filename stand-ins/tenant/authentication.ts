/** Logging in and out, and the grants of a user: oidc-provider with Auth0's login page and words. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { json, oauthError, type Answer } from './answers.ts';
import { captureAnswer } from './capture.ts';
import { decodeJwt } from './jwt.ts';
import { renderLogin, renderProblem } from './login-page.ts';
import type { SpaClient } from './options.ts';
import { createProvider, OFFLINE_PARAMETER, SECOND_FACTOR, type ProviderDeps } from './provider.ts';
import { send } from './faults.ts';
import { asFormRequest, readBody } from './requests.ts';
import { isRecord, optional, textOf, wordsOf } from './shapes.ts';

import { userinfo } from './userinfo.ts';

export interface Authentication {
  /** Everything but the token endpoint, the JWKS and the Management API. */
  serve(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** POST /oauth/token for users: codes and refresh tokens. */
  token(req: IncomingMessage, fields: Record<string, unknown>): Promise<Answer>;
  configure(spa: Omit<SpaClient, 'clientId'>): void;
}

export type AuthenticationDeps = Omit<ProviderDeps, 'cookieKeys' | 'offlineGrants'>;

const GRANT_REFUSALS: Record<string, string> = {
  authorization_code: 'Invalid authorization code',
  refresh_token: 'Unknown or invalid refresh token.',
};

function sendPage(res: ServerResponse, status: number, page: string): void {
  res.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
  });
  res.end(page);
}

/**
 * OpenID Connect ignores offline_access unless the request prompts for consent; Auth0 does not. A
 * parameter of our own tells the provider that it was asked.
 */
function markOffline(req: IncomingMessage): void {
  const url = new URL(req.url ?? '/', 'http://localhost');
  if (!wordsOf(url.searchParams.get('scope')).includes('offline_access')) return;
  url.searchParams.set(OFFLINE_PARAMETER, '1');
  req.url = `${url.pathname}${url.search}`;
}

/** Auth0's words for refused grants, and the whole scope beside the tokens. */
function likeAuth0(answer: Answer, grantType: unknown): Answer {
  const body: unknown = JSON.parse(answer.body.toString('utf8'));
  if (!isRecord(body)) return answer;
  const { 'content-type': _type, ...headers } = answer.headers;
  if (body['error'] === 'invalid_grant') {
    const words = GRANT_REFUSALS[textOf(grantType) ?? ''] ?? textOf(body['error_description']);
    const refusal = oauthError(403, 'invalid_grant', words ?? 'Invalid grant');
    return { ...refusal, headers: { ...headers, ...refusal.headers } };
  }
  const claims = decodeJwt(textOf(body['access_token']) ?? '')?.claims;
  return json(answer.status, { ...body, ...optional('scope', claims?.['scope']) }, headers);
}

function cookieIn(req: IncomingMessage, name: string): string | undefined {
  const pairs = req.headers.cookie?.split('; ') ?? [];
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

export function createAuthentication(deps: AuthenticationDeps): Authentication {
  const { keys, users, storage, tokens } = deps;
  const cookieKeys = [randomBytes(32).toString('base64url')];
  const offlineGrants = new Set<string>();
  let { spa } = deps;
  let built: { provider: Promise<Provider>; trusts: string; spa: Required<SpaClient> } | undefined;

  /** The provider is made on first use, since it is slow to load, and again with every change. */
  function provider(): Promise<Provider> {
    const trusts = [keys.current, ...keys.previous].map((key) => key.kid).join();
    if (built?.trusts !== trusts || built.spa !== spa) {
      const made = createProvider({ ...deps, spa, cookieKeys, offlineGrants });
      built = { provider: made, trusts, spa };
    }
    return built.provider;
  }

  async function login(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const oidc = await provider();
    const interaction = await oidc.interactionDetails(req, res).catch(() => undefined);
    if (!interaction) {
      const advice = 'Go back to the application and log in again.';
      return sendPage(res, 400, renderProblem('This login has expired', advice));
    }
    if (req.method !== 'POST') {
      const email = textOf(interaction.params['login_hint']) ?? '';
      return sendPage(res, 200, renderLogin({ email }));
    }
    const form = new URLSearchParams((await readBody(req)).toString('utf8'));
    const email = form.get('email') ?? '';
    const user = users.byCredentials(email, form.get('password') ?? '');
    if (!user) {
      const page = renderLogin({ email, error: 'Wrong email address or password.' });
      return sendPage(res, 400, page);
    }
    if (user.blocked) {
      return sendPage(res, 403, renderLogin({ email, error: 'This account is blocked.' }));
    }
    users.update(user.user_id, {
      last_login: new Date().toISOString(),
      last_ip: '127.0.0.1',
      logins_count: (user.logins_count ?? 0) + 1,
    });
    if (interaction.prompt.reasons.includes(SECOND_FACTOR) && !form.has('mfa')) {
      return sendPage(res, 400, renderLogin({ email, error: 'A second factor is needed.' }));
    }
    const amr = form.has('mfa') ? ['pwd', 'mfa'] : ['pwd'];
    await oidc.interactionFinished(
      req,
      res,
      { login: { accountId: user.user_id, amr } },
      { mergeWithLastSubmission: false },
    );
  }

  /** A session whose user was blocked or deleted is none. */
  async function endDeadSession(req: IncomingMessage): Promise<void> {
    const id = cookieIn(req, '_session') ?? '';
    const session = await storage.adapter('Session').find(id);
    if (!session?.accountId) return;
    const user = users.find(session.accountId);
    if (!user || user.blocked) await storage.adapter('Session').destroy(id);
  }

  async function logout(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { searchParams } = new URL(req.url ?? '/', tokens.issuer);
    const returnTo = searchParams.get('returnTo');
    if (returnTo !== null && !spa.logoutUris.includes(returnTo)) {
      const detail = `The "returnTo" parameter "${returnTo}" is not defined as a valid URL in "Allowed Logout URLs".`;
      return sendPage(res, 400, renderProblem('Oops, something went wrong', detail));
    }
    const session = cookieIn(req, '_session');
    if (session !== undefined) await storage.adapter('Session').destroy(session);
    res.setHeader(
      'set-cookie',
      ['_session', '_session.sig'].map((name) => `${name}=; path=/; max-age=0; httponly`),
    );
    if (returnTo === null) return sendPage(res, 200, renderProblem('OK', 'You are logged out.'));
    res.writeHead(302, { location: returnTo }).end();
  }

  return {
    async serve(req, res) {
      const { pathname } = new URL(req.url ?? '/', tokens.issuer);
      if (pathname === '/u/login') return login(req, res);
      if (pathname === '/v2/logout') return logout(req, res);
      const info = pathname === '/userinfo' ? userinfo(deps, req.headers.authorization) : undefined;
      if (info) return void send(res, info);
      if (pathname === '/authorize') {
        await endDeadSession(req);
        markOffline(req);
      }
      await (await provider()).callback()(req, res);
    },
    async token(req, fields) {
      const request = asFormRequest(req, fields);
      const answer = await captureAnswer(request, (await provider()).callback());
      return likeAuth0(answer, fields['grant_type']);
    },
    configure(changes) {
      spa = { ...spa, ...changes };
    },
  };
}
