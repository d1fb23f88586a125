/**
 * A help desk's page, read-only: what became of a user's changes. Its server asks Readdress by support's own
 * door with a machine token of its own, which no browser ever sees; who looks is named, for the audit trail.
 */
import type { Tenant } from '../../stand-ins/tenant.ts';

export const SUPPORT_SCOPE = 'support:email';

export const SUPPORT_POLICY =
  "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

type Change = {
  id: string;
  status: string;
  reason?: string;
  email: string;
  requestedAt: string;
  mailedAt?: string;
  committedAt?: string;
  undoUntil?: string;
  canceledBy?: string;
};

/** The page for this user, who is looked up when there is one. */
export async function supportPage(tenant: Tenant, api: string, user: string): Promise<string> {
  return page(user, user === '' ? '' : await changesOf(tenant, api, user));
}

async function changesOf(tenant: Tenant, api: string, user: string): Promise<string> {
  const token = await tenant.accessToken({
    sub: 'help-desk@clients',
    scope: SUPPORT_SCOPE,
    claims: { gty: 'client-credentials', azp: 'help-desk' },
  });
  const answer = await fetch(
    `${api}/v1/users/${encodeURIComponent(user)}/email-changes?actor=${encodeURIComponent('the demo’s desk')}`,
    { headers: { authorization: `Bearer ${token}` } },
  );
  if (!answer.ok) return `<p role="alert">The service answers ${answer.status}.</p>`;
  const changes = (await answer.json()) as Change[];
  // The same for a user who does not exist: the door does not tell.
  if (changes.length === 0) return '<p>No changes are kept of this user.</p>';
  return changes.map(rowsOf).join('\n');
}

const rowsOf = (change: Change): string => `
    <section class="card">
      <h2>${escaped(change.status)}${change.reason ? `: ${escaped(change.reason)}` : ''}</h2>
      <dl>
        ${term('New address', change.email)}
        ${term('Asked for', change.requestedAt)}
        ${term('Mailed', change.mailedAt)}
        ${term('Written', change.committedAt)}
        ${term('Canceled by', change.canceledBy)}
        ${term('Undo until', change.undoUntil)}
        ${term('Id', change.id)}
      </dl>
    </section>`;

const term = (name: string, value: string | undefined): string =>
  value === undefined ? '' : `<dt>${name}</dt><dd>${escaped(value)}</dd>`;

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

const page = (user: string, found: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <link rel="icon" href="data:," />
    <title>Help desk | Acme</title>
    <link rel="stylesheet" href="/app.css" />
  </head>
  <body>
    <header><span class="brand">Acme help desk</span></header>
    <main>
      <h1>Email changes of a user</h1>
      <p>
        This page only looks. A help desk can also withdraw, send again, and ask for a change on a user’s behalf,
        which both mailboxes are told of (SUPPORT_SCOPE).
      </p>
      <form action="/support">
        <label for="user">User id</label>
        <input id="user" name="user" value="${escaped(user)}" autocomplete="off" required />
        <button>Look</button>
      </form>
      ${found}
    </main>
  </body>
</html>
`;
