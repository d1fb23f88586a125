/**
 * What is wrong between settings, or with all of them alike, after each has been read by its own grammar:
 * settings that do not fit together, and values that nobody meant. Pure; no value is ever quoted.
 */
import { api, shared, workers } from './config-schema.ts';
import { checkTraces } from './config-traces.ts';

type Values = Record<string, unknown>;

/** Every name that a process reads. */
export const SETTING_NAMES: readonly string[] = [shared, api, workers].flatMap(({ shape }) =>
  Object.keys(shape),
);

const PLACEHOLDER = new RegExp(
  String.raw`(?<![a-z0-9])(?:` +
    [
      'change[-_ ]?(?:me|this|it)',
      'replace[-_ ]?(?:me|this|with)',
      'fill[-_ ]?me',
      'insert[-_ ]?(?:here|your)',
      'placeholder',
      'todo',
      'fixme',
      'x{4,}',
      'your[-_ ]?(?:own[-_ ]?)?(?:auth0|tenant|domain|client|secret|id|password|key|api|app|site|host|server|company|org|name|identifier|audience|redis|smtp)',
    ].join('|') +
    ')(?![a-z0-9])',
  'i',
);
/** `<your domain>`, `{{tenant}}`, `${SECRET}`, `##NAME##`: what a template left behind. */
const TEMPLATE = /^<[^<>@]+>$|\{\{.*\}\}|\$\{.*\}|##\w+##/;
/** Their words are for people: an app may be called "Your Company". */
const FREE_TEXT = new Set(['BRAND_NAME', 'BRAND_LEGAL']);

/** The settings that were copied from an example and not filled in. */
export const placeholdersIn = (values: Values): string[] =>
  Object.entries(values)
    .filter(([name, value]) => typeof value === 'string' && isPlaceholder(name, value))
    .map(([name]) => `${name}: write your own value, this one is a placeholder`);

function isPlaceholder(name: string, value: string): boolean {
  if (FREE_TEXT.has(name)) return false;
  const meant = name === 'MAIL_FROM' ? value.replace(/^[^<]*/, '') || value : value;
  return PLACEHOLDER.test(meant) || (name !== 'MAIL_FROM' && TEMPLATE.test(value));
}

/** Tokens for the Management API or for the profile are made for somebody else's API. */
function isForeignAudience(s: Values): boolean {
  const audience = comparable(s['AUTH0_AUDIENCE']);
  if (audience === undefined) return false;
  const tenants = [s['AUTH0_BASE_URL'], `https://${String(s['AUTH0_DOMAIN'])}`].map(comparable);
  return (
    /^https:\/\/[^/]+\.auth0\.com\/(?:api\/v2|userinfo)$/.test(audience) ||
    audience === comparable(s['AUTH0_MANAGEMENT_AUDIENCE']) ||
    tenants.some((url) => audience === `${url}/api/v2` || audience === `${url}/userinfo`)
  );
}

const comparable = (text: unknown): string | undefined =>
  typeof text === 'string' ? text.toLowerCase().replace(/\/+$/, '') : undefined;

/** Whether there is none, or it is our own page: by what it means, however it is written. */
function isOwnPage(confirmUrl: unknown, publicUrl: unknown): boolean {
  if (typeof confirmUrl !== 'string') return true;
  if (typeof publicUrl !== 'string') return false;
  if (!URL.canParse(confirmUrl) || !URL.canParse(publicUrl)) return false;
  const place = ({ host, pathname }: URL) => host + pathname.replace(/\/+$/, '').toLowerCase();
  return place(new URL(confirmUrl)) === `${place(new URL(publicUrl))}/confirm`;
}

export const checkApi = (s: Values): string[] => [
  ...checkTraces(s),
  ...(s['SUPPORT_SCOPE'] !== undefined &&
  s['SUPPORT_SCOPE'] === (s['REQUIRED_SCOPE'] ?? 'change:email')
    ? ['SUPPORT_SCOPE: write another scope than REQUIRED_SCOPE, which users have']
    : []),
  ...(s['CONFIRM_BY'] === 'session' && isOwnPage(s['CONFIRM_URL'], s['PUBLIC_URL'])
    ? ['CONFIRM_URL: with CONFIRM_BY=session write the page of your app that confirms']
    : []),
  ...(isForeignAudience(s)
    ? ['AUTH0_AUDIENCE: write the identifier of your own API, not that of the Management API']
    : []),
];

export const checkWorkers = (s: Values): string[] => [
  ...checkTraces(s),
  ...((s['AUTH0_CLIENT_SECRET'] === undefined) === (s['AUTH0_PRIVATE_KEY'] === undefined)
    ? ['AUTH0_CLIENT_SECRET: set this or AUTH0_PRIVATE_KEY, one of the two']
    : []),
  ...((s['DKIM_SELECTOR'] === undefined) === (s['DKIM_PRIVATE_KEY'] === undefined)
    ? []
    : ['DKIM_SELECTOR: goes with DKIM_PRIVATE_KEY: set both, or none']),
  ...(s['WEBHOOK_URL'] !== undefined && s['WEBHOOK_SECRETS'] === undefined
    ? ['WEBHOOK_SECRETS: is required with WEBHOOK_URL']
    : []),
];
