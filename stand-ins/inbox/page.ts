/** The inbox as people read it: a list, and one mail. */
import { html, raw, type Html } from '../html.ts';
import type { InboxMessage } from './messages.ts';

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#e3e5e8, #33373d); --soft: light-dark(#60666f, #9aa1ab);
  --card: light-dark(#fff, #1b1e22); --page: light-dark(#f6f7f8, #121417); --accent: light-dark(#2f54c9, #9db4ff); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.4rem; margin: .25rem 0 1rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
.mails, .mail { background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.mails { list-style: none; margin: 0; padding: 0; }
.mails li + li { border-top: 1px solid var(--line); }
.mails a { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; padding: .8rem 1rem; color: inherit; text-decoration: none; }
.mails a:hover, .mails a:focus-visible { background: light-dark(#eef2ff, #232936); }
.mails strong, .mails span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.soft, time { color: var(--soft); font-size: .9rem; }
.empty { padding: 3rem 1rem; text-align: center; color: var(--soft); }
.mail > :not(iframe) { padding: 1rem; margin: 0; }
.mail > * + * { border-top: 1px solid var(--line); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
iframe { display: block; width: 100%; height: 34rem; border: 0; background: #fff; resize: vertical; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: .9rem/1.5 ui-monospace, monospace; margin: 0; }
summary { cursor: pointer; } details > pre { margin-top: 1rem; }
`;

/** Reloads the list when a mail comes; without it the page still works by hand. */
export const LIVE_SCRIPT = `new EventSource('/events').addEventListener('mail', () => location.reload());`;

/** Nothing of a mail runs, nothing is fetched from elsewhere. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "script-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "frame-src 'self'",
  "frame-ancestors 'none'",
].join('; ');

function page(title: string, body: Html, script: Html = raw('')): string {
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
        ${script}
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html>`.text;
}

function time(at: number): Html {
  const iso = new Date(at).toISOString();
  return html`<time datetime="${iso}">${iso.slice(11, 19)} UTC</time>`;
}

function row(message: InboxMessage): Html {
  return html`<li>
    <a href="/messages/${message.number}">
      <strong>${message.subject || '(no subject)'}</strong>
      ${time(message.at)}
      <span class="soft">To ${message.envelope.to.join(', ')} · from ${message.from}</span>
    </a>
  </li>`;
}

export function renderList(messages: readonly InboxMessage[]): string {
  const rows = messages.toReversed().map(row);
  return page(
    `Inbox (${messages.length})`,
    html`<h1>Inbox</h1>
      ${
        rows.length > 0
          ? html`<ul class="mails">
              ${rows}
            </ul>`
          : html`<div class="mails empty">
              No mail yet. This page shows the next one by itself.
            </div>`
      }`,
    html`<script src="/live.js" defer></script>`,
  );
}

/** Links of a mail open in a new tab: the frame itself may not navigate anywhere. */
function withBlankTarget(mail: string): string {
  const base = '<base target="_blank">';
  return /<head[^>]*>/i.test(mail)
    ? mail.replace(/<head[^>]*>/i, (head) => head + base)
    : base + mail;
}

function headerBlock(message: InboxMessage): string {
  return message.raw.split(/\r?\n\r?\n/, 1)[0] ?? '';
}

export function renderMessage(message: InboxMessage): string {
  const frame = html`<iframe
    title="The mail's HTML part"
    sandbox="allow-popups allow-popups-to-escape-sandbox"
    referrerpolicy="no-referrer"
    srcdoc="${withBlankTarget(message.html)}"
  ></iframe>`;
  return page(
    message.subject || '(no subject)',
    html`<p><a href="/">← Inbox</a></p>
      <h1>${message.subject || '(no subject)'}</h1>
      <article class="mail">
        <dl>
          <dt>From</dt>
          <dd>${message.from}</dd>
          <dt>To</dt>
          <dd>${message.envelope.to.join(', ')}</dd>
          <dt>At</dt>
          <dd>${time(message.at)}</dd>
        </dl>
        ${message.html === '' ? '' : frame}
        <details ${raw(message.html === '' ? 'open' : '')}>
          <summary>Text part</summary>
          <pre>${message.text}</pre>
        </details>
        <details>
          <summary>Headers</summary>
          <pre>${headerBlock(message)}</pre>
        </details>
      </article>`,
  );
}

export function renderMissing(): string {
  return page(
    'No such mail',
    html`<p><a href="/">← Inbox</a></p>
      <h1>No such mail</h1>`,
  );
}
