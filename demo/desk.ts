/**
 * The app's side of the demo, for curl: a token as the app would hold it after a login, and the
 * account as an administrator would see it.
 */
import type { ServerResponse } from 'node:http';
import { listenOnLoopback } from './loopback.ts';
import type { Tenant } from './tenant.ts';

/** Starts the desk for one user; returns the way to end it. */
export async function startDesk(
  tenant: Tenant,
  sub: string,
  port: number,
): Promise<() => Promise<void>> {
  const answer = (res: ServerResponse, type: string, body: string) =>
    void res.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body);

  const server = await listenOnLoopback((req, res) => {
    switch (req.url) {
      case '/token':
        void freshToken(tenant, sub).then((token) => answer(res, 'text/plain', token));
        return;
      case '/account': {
        const { user_id, email, email_verified } = tenant.user(sub);
        return answer(
          res,
          'application/json',
          `${JSON.stringify({ user_id, email, email_verified })}\n`,
        );
      }
      default:
        res.writeHead(404).end();
    }
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
