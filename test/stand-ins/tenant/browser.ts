/** A browser's part of a login, by fetch alone: cookies, redirects and the login form. */
import { createHash, randomBytes } from 'node:crypto';
import type { Tenant } from '../../../stand-ins/tenant.ts';

export const REDIRECT_URI = 'http://localhost:4401/callback';

export interface Tokens {
  access_token: string;
  id_token: string;
  refresh_token?: string;
  scope: string;
  expires_in: number;
}

export interface Browser {
  /** Follows redirects within the tenant; stops at a page or at a redirect to elsewhere. */
  open(url: string, init?: RequestInit): Promise<Response>;
  /** GET /authorize with PKCE. */
  authorize(parameters?: Record<string, string>): Promise<Response>;
  /** Submits the login form of the page that `authorize` ended at. */
  submit(page: Response, form: Record<string, string>): Promise<Response>;
  /** Exchanges the code in a redirect to the application. */
  exchange(callback: Response): Promise<Response>;
  /** All of it. */
  logIn(credentials: Record<string, string>, parameters?: Record<string, string>): Promise<Tokens>;
}

export function postToken(tenant: Tenant, fields: Record<string, string>): Promise<Response> {
  return fetch(`${tenant.url}/oauth/token`, { method: 'POST', body: new URLSearchParams(fields) });
}

/** Where a response sends the application. */
export function callbackOf(response: Response): URLSearchParams {
  return new URL(response.headers.get('location') ?? 'about:blank').searchParams;
}

export function createBrowser(tenant: Tenant): Browser {
  const jar = new Map<string, { value: string; path: string }>();
  const verifier = randomBytes(32).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');

  function cookiesFor(path: string): string {
    return [...jar]
      .filter(([, cookie]) => path.startsWith(cookie.path))
      .map(([key, cookie]) => `${key.split(';')[0]}=${cookie.value}`)
      .join('; ');
  }

  function keepCookies(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const [name = '', ...value] = pair.split('=');
      const path = attributes.find((a) => a.startsWith('path='))?.slice(5) ?? '/';
      if (value.join('=') === '') jar.delete(`${name};${path}`);
      else jar.set(`${name};${path}`, { value: value.join('='), path });
    }
  }

  const browser: Browser = {
    async open(url, init = {}) {
      const { origin, pathname } = new URL(url);
      if (origin !== tenant.url) throw new Error(`The browser left the tenant for ${url}.`);
      const response = await fetch(url, {
        ...init,
        redirect: 'manual',
        headers: { cookie: cookiesFor(pathname), accept: 'text/html' },
      });
      keepCookies(response);
      const location = response.headers.get('location');
      if (location === null) return response;
      const next = new URL(location, url);
      return next.origin === tenant.url ? browser.open(next.href) : response;
    },
    authorize(parameters = {}) {
      const query = new URLSearchParams({
        client_id: tenant.spaClientId,
        response_type: 'code',
        redirect_uri: REDIRECT_URI,
        scope: 'openid profile email change:email',
        audience: tenant.audience,
        code_challenge: challenge,
        code_challenge_method: 'S256',
        state: 'state-1',
        ...parameters,
      });
      return browser.open(`${tenant.url}/authorize?${query.toString()}`);
    },
    submit: (page, form) =>
      browser.open(page.url, { method: 'POST', body: new URLSearchParams(form) }),
    exchange: (callback) =>
      postToken(tenant, {
        grant_type: 'authorization_code',
        client_id: tenant.spaClientId,
        code: callbackOf(callback).get('code') ?? '',
        code_verifier: verifier,
        redirect_uri: REDIRECT_URI,
      }),
    async logIn(credentials, parameters) {
      const page = await browser.authorize(parameters);
      const response = await browser.exchange(await browser.submit(page, credentials));
      const tokens: Tokens = JSON.parse(await response.text());
      return tokens;
    },
  };
  return browser;
}
