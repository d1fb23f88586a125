/** From where a request came, in words that its mailbox's owner knows: a closed set, never the raw header. */
import type { FastifyRequest } from 'fastify';
import type { ApiConfig } from '../../config.ts';
import type { Origin } from '../../domain/email-change.ts';

/** The first that fits counts: most browsers call themselves by several names. */
const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\/|\bOPT\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bChrome\/|\bCriOS\/|\bChromium\//, 'Chrome'],
  [/\bVersion\/[\d.]+.* Safari\//, 'Safari'],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/\biPhone\b|\biPod\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b|\bokhttp\//, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMacintosh\b|\bMac OS X\b/, 'macOS'],
  [/\bDarwin\//, 'Apple'],
  [/\bLinux\b|\bX11\b/, 'Linux'],
];

/** Longer than any browser's; the rest is not looked at. */
const MAX_AGENT = 400;

const nameIn = (agent: string, names: readonly [RegExp, string][]): string | undefined =>
  names.find(([words]) => words.test(agent))?.[1];

export function originOf({ geoCountryHeader }: ApiConfig, req: FastifyRequest): Origin {
  const { headers, ip, socket } = req;
  const agent = (headers['user-agent'] ?? '').slice(0, MAX_AGENT);
  const browser = nameIn(agent, BROWSERS);
  const system = nameIn(agent, SYSTEMS);
  // A caller that came past the proxies may write what it likes.
  const isProxied = ip !== socket.remoteAddress;
  const said = isProxied && geoCountryHeader ? headers[geoCountryHeader] : undefined;
  const country = typeof said === 'string' && isCountry(said) ? said.toUpperCase() : undefined;
  return {
    ...(browser === undefined ? {} : { browser }),
    ...(system === undefined ? {} : { system }),
    ...(country === undefined ? {} : { country }),
  };
}

const countries = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
/** `XX`, `T1` and the like are no country. */
const isCountry = (text: string): boolean =>
  /^[a-z]{2}$/i.test(text) &&
  !/^(?:XX|ZZ|T1|EU|UN|XA|XB)$/i.test(text) &&
  countries.of(text.toUpperCase()) !== undefined;
