/**
 * The grammar of settings: how a duration, a limit, a URL or a list is written, and what is said of
 * one that is not. Values never appear in the words, since some of them are secrets.
 */
import { createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import { LOCALES, type Languages, type Locale } from './locales/messages.ts';

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\]|::1)$/;
export const isLoopback = (hostname: string): boolean => LOOPBACK.test(hostname);

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const parseDuration = (text: string): number | undefined => {
  const [, amount, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * UNITS[unit as keyof typeof UNITS];
};
export const duration = (min: string, max: string) =>
  z.string().transform((text, ctx) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= parseDuration(min)! && ms <= parseDuration(max)!) return ms;
    ctx.addIssue({
      code: 'custom',
      message: `write a duration from ${min} to ${max}, like 90s, 10m, 1h, 7d`,
    });
    return z.NEVER;
  });

/** How many in how long: `5/1h`. */
export type Limit = { points: number; windowMs: number };
export const limit = z.string().transform((text, ctx): Limit => {
  const [points, window, extra] = text.split('/');
  const windowMs = parseDuration(window ?? '');
  if (/^[1-9]\d{0,6}$/.test(points ?? '') && windowMs !== undefined && windowMs >= 1000 && !extra)
    return { points: Number(points), windowMs };
  ctx.addIssue({ code: 'custom', message: 'write a limit as count/duration, like 5/1h' });
  return z.NEVER;
});

export const integer = (min: number, max: number) =>
  z.string().transform((text, ctx) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    ctx.addIssue({ code: 'custom', message: `write a whole number from ${min} to ${max}` });
    return z.NEVER;
  });

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

export const flag = z.enum(['0', '1'], 'write 0 or 1').transform((value) => value === '1');

/** An absolute URL without credentials; plain http only to this very machine. */
const checkUrl = (text: string): URL | string => {
  if (!URL.canParse(text)) return 'write an absolute URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'write an https URL';
  if (url.username !== '' || url.password !== '') return 'leave credentials out of the URL';
  if (url.hash !== '') return 'leave the fragment out of the URL';
  if (url.hostname.includes('*')) return 'write each host out, a wildcard matches nothing here';
  return url.protocol === 'http:' && !isLoopback(url.hostname)
    ? 'use https (plain http is for loopback only)'
    : url;
};
export const url = z.string().transform((text, ctx) => {
  const checked = checkUrl(text);
  if (typeof checked !== 'string') return checked;
  ctx.addIssue({ code: 'custom', message: checked });
  return z.NEVER;
});
/** Where pages and links stand: a host, or a path on it. One spelling, so that paths compare as text. */
export const siteUrl = url.refine(
  ({ pathname, search }) => search === '' && /^(?:\/[\w~-][\w.~-]*)*\/?$/.test(pathname),
  'write an origin, or a plain path on it like https://api.example.com/account',
);
const urlsThat = (check: (item: string) => URL | string) =>
  list.superRefine((items, ctx) => {
    for (const [index, item] of items.entries()) {
      const checked = check(item);
      if (typeof checked === 'string')
        ctx.addIssue({ code: 'custom', message: `item ${index + 1}: ${checked}` });
    }
  });
export const urls = urlsThat(checkUrl);
/** Compared as text, so that a pattern would match nothing, or itself. */
export const exactUrls = urlsThat((item) =>
  /\*|%2a/i.test(item) ? 'write the exact URL, a wildcard matches nothing here' : checkUrl(item),
);

export const sealingKeys = list.transform((items, ctx) => {
  const keys = items.map((item) => Buffer.from(item, 'base64'));
  if (keys.length > 0 && keys.every((key) => key.length === 32)) return keys;
  ctx.addIssue({
    code: 'custom',
    message: 'write one or more base64 keys of 32 bytes, newest first (openssl rand -base64 32)',
  });
  return z.NEVER;
});

export const webhookSecrets = list.transform((items, ctx) => {
  const secrets = items.map((item) => Buffer.from(item.replace(/^whsec_/, ''), 'base64'));
  if (secrets.length > 0 && secrets.every(({ length }) => length >= 24 && length <= 64))
    return secrets;
  ctx.addIssue({
    code: 'custom',
    message: 'write one or more secrets of 24 to 64 bytes, like whsec_<base64> (Standard Webhooks)',
  });
  return z.NEVER;
});

/** `<team id>.<bundle id>`, comma list. */
export const iosApps = list.refine(
  (items) => items.every((item) => /^[A-Z0-9]{10}\.[\w.-]+$/.test(item)),
  'write TEAMID1234.com.example.app',
);

/** `<package>=<SHA-256 fingerprint>`, comma list; a package may come several times. */
export const androidApps = list.transform((items, ctx) => {
  const apps = new Map<string, string[]>();
  for (const item of items) {
    const [, name, fingerprint] = /^([\w.]+)=((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$/.exec(item) ?? [];
    if (name === undefined || fingerprint === undefined) {
      ctx.addIssue({
        code: 'custom',
        message: 'write com.example.app=AB:CD:… as keytool prints it',
      });
      return z.NEVER;
    }
    apps.set(name, [...(apps.get(name) ?? []), fingerprint]);
  }
  return [...apps].map(([name, fingerprints]) => ({ package: name, fingerprints }));
});

export const hostname = z
  .string()
  .refine(
    (text) => /^[a-z0-9.-]+(:\d{1,5})?$/i.test(text) && URL.canParse(`https://${text}`),
    'write the tenant domain alone, like tenant.eu.auth0.com',
  );

const REDIS_URL =
  /^(rediss?:\/\/[^\s,]+(,rediss?:\/\/[^\s,]+)*|rediss?\+sentinel:\/\/[^\s/]+\/[\w.-]+)$/;

/** What ioredis would only find out when it connects, and then quote. */
export const redisUrl = z.string().refine(
  (text) =>
    REDIS_URL.test(text) &&
    text
      .replace(/^(rediss?)\+sentinel:\/\/(.+)\/[\w.-]+$/, '$1://$2')
      .split(',')
      .every((node) => isRedisNode(node.includes('://') ? node : `redis://${node}`)),
  'write redis://, rediss://, a comma list of them for a Cluster, or redis+sentinel://host:port,host:port/master',
);

function isRedisNode(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hostname: host, pathname, username, password } = new URL(text);
  return host !== '' && /^(\/\d*)?$/.test(pathname) && isEncoded(username) && isEncoded(password);
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Whose word on a client's address is believed. Everybody's is nobody's, so `/0` is refused too. */
export const proxies = list.refine(
  (items) =>
    items.every((item) => /^(loopback|linklocal|uniquelocal)$/.test(item) || isNetwork(item)),
  'write addresses, CIDR ranges, loopback, linklocal or uniquelocal (a number or "true" trusts the attacker)',
);

function isNetwork(text: string): boolean {
  const [address = '', bits = '32', ...rest] = text.split('/');
  const most = isIP(address) === 6 ? 128 : 32;
  return (
    isIP(address) !== 0 && rest.length === 0 && /^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= most
  );
}

/** PEM, where `\\n` may stand for a line end, as in an environment variable. */
export const privateKey = z
  .string()
  .transform((text, ctx) => {
    try {
      return createPrivateKey(text.replaceAll('\\n', '\n'));
    } catch {
      ctx.addIssue({
        code: 'custom',
        message: 'write a PEM private key (RSA, 2048 bits or more)',
      });
      return z.NEVER;
    }
  })
  .refine((key) => key.asymmetricKeyType === 'rsa', 'write an RSA key');

/** As platforms write it, too: `pt`, `PT-br`, `zh`. */
const spokenAs = (text: string): Locale | undefined => {
  const [language] = text.toLowerCase().split('-');
  return LOCALES.find(
    (each) =>
      each.toLowerCase() === text.toLowerCase() ||
      (text.length === 2 && each.startsWith(`${language}-`)),
  );
};
const locale = z.string().transform((text, ctx): Locale => {
  const known = spokenAs(text);
  if (known) return known;
  ctx.addIssue({ code: 'custom', message: `write one of ${LOCALES.join(', ')}` });
  return z.NEVER;
});
const locales = list.transform((items, ctx): Locale[] => {
  const known = LOCALES.filter((each) => items.some((item) => spokenAs(item) === each));
  if (known.length > 0 && known.length === new Set(items).size) return known;
  ctx.addIssue({ code: 'custom', message: `write some of ${LOCALES.join(', ')}` });
  return z.NEVER;
});

/** English, where it is spoken, answers to all languages that are not, unless another one is to. */
export function languagesOf(spoken: readonly Locale[] = LOCALES, wanted?: Locale): Languages {
  const fallback = wanted ?? spoken.find((each) => each === 'en') ?? spoken[0]!;
  return { spoken: spoken.includes(fallback) ? spoken : [...spoken, fallback], fallback };
}

/** How many mails there may be, and in which languages. */
export const mails = {
  LIMIT_ADDRESS: limit.prefault('3/24h'),
  LIMIT_ADDRESS_FIRST: limit.prefault('10/24h'),
  LIMIT_USER_MAILS: limit.prefault('30/24h'),
  FOLD_ADDRESSES: z.enum(['on', 'off'], 'write on or off').default('on'),
  LOCALES: locales.optional(),
  DEFAULT_LOCALE: locale.optional(),
};
