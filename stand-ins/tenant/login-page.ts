/** The login page at /u/login, and the page for what went wrong. */
import { html, raw, type Html } from '../html.ts';

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#8a9099, #7d848e); --soft: light-dark(#555b64, #a6adb7);
  --card: light-dark(#fff, #1c1f23); --page: light-dark(#eef0f4, #101215); --accent: light-dark(#b3431c, #ff9d76);
  --on-accent: light-dark(#fff, #2b0e00); --bad: light-dark(#b3261e, #ffb4ab); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--page);
  font: 16px/1.5 system-ui, sans-serif; }
main { width: min(25rem, 100%); padding: 2rem; background: var(--card); border-radius: 14px;
  box-shadow: 0 1px 2px #0003, 0 12px 32px #0002; }
h1 { margin: 0 0 .25rem; font-size: 1.5rem; }
p { margin: 0 0 1.25rem; color: var(--soft); overflow-wrap: anywhere; }
p[role=alert] { color: var(--bad); }
label { display: block; margin-bottom: .25rem; font-weight: 600; }
input:not([type=checkbox]) { width: 100%; margin-bottom: 1rem; padding: .65rem .75rem; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: 8px; }
.check { display: flex; gap: .6rem; align-items: center; margin-bottom: 1.25rem; font-weight: 400; }
.check input { width: 1.25rem; height: 1.25rem; margin: 0; }
button { width: 100%; padding: .75rem; font: inherit; font-weight: 600; cursor: pointer; border: 0; border-radius: 8px;
  color: var(--on-accent); background: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <link rel="icon" href="data:," />
        <title>${title}</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html>`.text;
}

export interface LoginPage {
  email: string;
  /** Why the last try failed. */
  error?: string;
}

export function renderLogin({ email, error }: LoginPage): string {
  return page(
    'Log in | Stand-in tenant',
    html`<h1>Log in</h1>
      <p>This page stands in for Auth0's Universal Login.</p>
      ${error === undefined ? '' : html`<p role="alert" id="error">${error}</p>`}
      <form method="post">
        <label for="email">Email address</label>
        <input
          id="email"
          name="email"
          type="email"
          autocomplete="username"
          required
          ${raw(error === undefined ? '' : 'aria-describedby="error"')}
          value="${email}"
        />
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          required
        />
        <label class="check">
          <input type="checkbox" name="mfa" value="1" />
          Signed in with a second factor
        </label>
        <button>Continue</button>
      </form>`,
  );
}

export function renderProblem(title: string, detail: string): string {
  return page(
    title,
    html`<h1>${title}</h1>
      <p>${detail}</p>`,
  );
}

/** `form` is oidc-provider's own logout form, which the button submits. */
export function renderLogout(form: string): string {
  return page(
    'Log out | Stand-in tenant',
    html`<h1>Log out?</h1>
      ${raw(form)}
      <button form="op.logoutForm" name="logout" value="yes">Log out</button>`,
  );
}
