/** Every state of the element, as a document that holds it. */
import { build } from 'esbuild';
import type { EmailChange } from '../client/email-change.ts';
import { STRINGS } from '../client/strings.ts';
import { TRANSLATIONS } from '../client/translations.ts';
import { direction, type Locale } from '../src/locales/messages.ts';
import { CANCELERS, REASONS } from './mails.ts';
import type { Shown } from './pages.ts';

/** `fault`: what the service says when the user presses this button. */
type State = {
  name: string;
  change?: Partial<EmailChange>;
  email?: string;
  fault?: { act: 'email' | 'code' | 'resend'; code: string; retryAfterMs?: number };
};

const MAILED = { mailedAt: '2026-08-17T13:05:00.000Z' };
const STATES: readonly State[] = [
  { name: 'form' },
  { name: 'suggestion', email: 'ada@gmial.com' },
  { name: 'invalid-email', email: 'ada' },
  ...[
    'unsupported-identity',
    'commit-in-progress',
    'changes-locked',
    'unavailable',
    'unreachable',
    'failed',
  ].map((code): State => ({ name: code, email: 'ada@example.org', fault: { act: 'email', code } })),
  {
    name: 'too-many-requests',
    email: 'ada@example.org',
    fault: { act: 'email', code: 'too-many-requests', retryAfterMs: 3_000_000 },
  },
  { name: 'inviting', change: {} },
  { name: 'pending', change: MAILED },
  { name: 'pending-both', change: { ...MAILED, awaiting: ['new', 'current'] } },
  { name: 'pending-waives', change: { ...MAILED, awaiting: ['current'], waivesAt: 'in 3 days' } },
  { name: 'approving', change: { ...MAILED, awaiting: ['current'] } },
  {
    name: 'unreachable-current',
    change: { ...MAILED, awaiting: ['current'], currentMailbox: 'unreachable' },
  },
  {
    name: 'resent',
    change: MAILED,
    fault: { act: 'resend', code: 'too-many-requests', retryAfterMs: 50_000_000 },
  },
  { name: 'confirmed', change: { status: 'confirmed' } },
  { name: 'committed', change: { status: 'committed' } },
  { name: 'undone', change: { status: 'undone' } },
  { name: 'expired', change: { status: 'expired' } },
  { name: 'superseded', change: { status: 'superseded' } },
  ...CANCELERS.map((canceledBy): State => ({
    name: `canceled-${canceledBy}`,
    change: { status: 'canceled', canceledBy },
  })),
  ...REASONS.map((reason): State => ({
    name: `rejected-${reason}`,
    change: { status: 'rejected', reason },
  })),
];

/** The element, and what plays the service for it: a script for a page that has no other. */
export async function elementScript(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: PLAYER, resolveDir: new URL('../client/', import.meta.url).pathname },
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0]!.text;
}

const PLAYER = `
import './element.ts';
const element = document.querySelector('readdress-change-email');
const { strings, change, email, fault } = JSON.parse(element.dataset.state);
const never = () => new Promise(() => {});
const refuse = async () => { throw Object.assign(new Error(fault.code), { status: 400, ...fault }); };
const at = (ms) => new Date(Date.now() + ms).toISOString();
const shown = change && {
  id: 'AAAAAAAAAAAAAAAAAAAAAA', status: 'pending', email: 'ada.lovelace@example.org', awaiting: ['new'],
  requestedAt: at(0), expiresAt: at(3590000), resendAfter: at(fault ? -1 : 45000), ...change,
  ...(change.waivesAt ? { waivesAt: at(259200000) } : {}),
};
element.strings = strings;
element.client = { current: async () => shown, watch: never, request: refuse, resend: refuse, confirmByCode: refuse };
const root = element.shadowRoot;
// What is over is no news to an element that has just come: it is told while it watches.
if (shown && !['pending', 'confirmed'].includes(shown.status))
  element.client = {
    current: async () => element.change ? undefined : { ...shown, status: 'confirmed' },
    watch: async (id, tell) => { tell(shown); return shown; },
  };
setTimeout(() => {
  if (email) { element.email = email; root.querySelector('form').requestSubmit(); }
  if (fault?.act === 'resend') root.querySelector('[part~=quiet]').click();
  setTimeout(() => { document.documentElement.dataset.ready = ''; }, 20);
}, 0);
`;

/** The states in this language; `script` is the address of the script, or the script. */
export const everyElement = (locale: Locale, script: string): Shown[] =>
  STATES.map((state) => {
    const strings = locale === 'en' ? STRINGS : TRANSLATIONS[locale];
    const words = JSON.stringify({ ...state, strings })
      .replaceAll('&', '&amp;')
      .replaceAll("'", '&#39;');
    return {
      name: state.name,
      html: `<!doctype html>
<html lang="${locale}" dir="${direction(locale)}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${strings.title}</title>
<style>:root{color-scheme:light dark;font:100%/1.5 system-ui,sans-serif}body{margin:1rem;background:Canvas;color:CanvasText}</style></head>
<body><main><h1>${strings.title}</h1>
<readdress-change-email ${state.name === 'pending' ? 'code' : ''} data-state='${words}'></readdress-change-email></main>
${script}</body></html>
`,
    };
  });
