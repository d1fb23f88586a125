/**
 * The app's side of the demo: a single-page app, a page that plays its native sister, a help desk's page, and for curl
 * a token as the app would hold it after a login, and the account as an administrator sees it.
 */
import type { ServerResponse } from 'node:http';
import type { Inbox } from '../stand-ins/inbox.ts';
import { newestLinks } from './desk/links.ts';
import { findModule } from './desk/modules.ts';
import { readPage } from './desk/pages.ts';
import { SUPPORT_POLICY, supportPage } from './desk/support.ts';
import { listenOnLoopback } from '../stand-ins/loopback.ts';
import type { Tenant } from '../stand-ins/tenant.ts';

export interface DeskOptions {
  tenant: Tenant;
  inbox: Inbox;
  /** Where the API is. */
  api: string;
  /** Whose token and account it shows. */
  sub: string;
  port: number;
}

/** Starts the desk; returns the way to end it. */
export async function startDesk(options: DeskOptions): Promise<() => Promise<void>> {
  const { tenant, inbox, api, sub, port } = options;

  async function serve({ pathname: path, searchParams }: URL, res: ServerResponse): Promise<void> {
    const answer = (type: string, body: string, headers: Record<string, string> = {}) =>
      void res
        .writeHead(200, {
          'content-type': `${type}; charset=utf-8`,
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
          ...headers,
        })
        .end(body);
    const json = (body: unknown) => answer('application/json', `${JSON.stringify(body)}\n`);

    switch (path) {
      case '/token':
        return answer('text/plain', await freshToken(tenant, sub));
      case '/account': {
        const { user_id, email, email_verified } = tenant.user(sub);
        return json({ user_id, email, email_verified });
      }
      case '/settings.json':
        return json({
          domain: tenant.url,
          clientId: tenant.spaClientId,
          audience: tenant.audience,
          api,
          inbox: inbox.url,
        });
      case '/support':
        return answer('text/html', await supportPage(tenant, api, searchParams.get('user') ?? ''), {
          'content-security-policy': SUPPORT_POLICY,
        });
      case '/phone/mails':
        return json(newestLinks(inbox.messages));
    }
    const page = await readPage(path, { connect: [api, tenant.url], frame: [tenant.url] });
    if (page) return answer('text/html', page.html, { 'content-security-policy': page.policy });
    const module = await findModule(path);
    if (module) return answer(module.type, module.text);
    res.writeHead(404).end();
  }

  const server = await listenOnLoopback((req, res) => {
    serve(new URL(req.url ?? '/', 'http://localhost'), res).catch((error: unknown) => {
      if (!res.headersSent) res.writeHead(500, { 'content-type': 'text/plain' });
      res.end(`The desk failed: ${String(error)}`);
    });
  }, port);
  return () => server.close();
}

/** What the SPA gets from Auth0 when the user has just logged in. */
const freshToken = (tenant: Tenant, sub: string): Promise<string> =>
  tenant.accessToken({
    sub,
    scope: 'openid change:email',
    claims: { 'https://readdress/auth_time': Math.floor(Date.now() / 1000) },
  });
