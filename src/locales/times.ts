/** Time as people tell it: how long first, then the moment with its zone. Pure; formats are kept. */
import { message, type Locale } from './messages.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Span = { count: number; unit: 'minute' | 'hour' | 'day' };

/** Rounded: 59 min 50 s is one hour, and from 36 hours on it is days. */
function spanOf(ms: number): Span {
  const minutes = Math.max(1, Math.round(ms / MINUTE));
  if (minutes < 120 && minutes !== 60) return { count: minutes, unit: 'minute' };
  const hours = Math.round(ms / HOUR);
  return hours < 36 ? { count: hours, unit: 'hour' } : { count: Math.round(ms / DAY), unit: 'day' };
}

type Format = Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat;
const kept = new Map<string, Format>();

/** A format costs more than its use: each is made once. */
function keep<F extends Format>(name: string, make: () => F): F {
  const format = (kept.get(name) as F | undefined) ?? make();
  // Zones come from readers: what is kept has an end.
  if (kept.size >= MAX_KEPT) kept.clear();
  kept.set(name, format);
  return format;
}
const MAX_KEPT = 500;

/** `1 hour`, `3 days`. */
export function formatSpan(locale: Locale, ms: number): string {
  const { count, unit } = spanOf(ms);
  const make = () => new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' });
  return keep(`${locale} ${unit}`, make).format(count);
}

/** `in 3 days`. */
function formatAhead(locale: Locale, ms: number): string {
  const { count, unit } = spanOf(ms);
  return keep(`${locale} ahead`, () => new Intl.RelativeTimeFormat(locale)).format(count, unit);
}

/** `August 17, 2026 at 2:05 PM UTC`. `zone`: an IANA name. */
export const formatMoment = (locale: Locale, at: number, zone = 'UTC'): string =>
  keep(
    `${locale} ${zone}`,
    () =>
      new Intl.DateTimeFormat(locale, {
        year: 'numeric',
        month: 'long',
        day: 'numeric',
        hour: 'numeric',
        minute: '2-digit',
        timeZone: zone,
        timeZoneName: 'short',
      }),
  ).format(at);

/** `August 17, 2026`: enough where it is days away. */
export const formatDate = (locale: Locale, at: number, zone = 'UTC'): string =>
  keep(
    `${locale} ${zone} date`,
    () => new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: zone }),
  ).format(at);

/** What a reader knows of a deadline: the language, where the clock hangs, and what it says now. */
export type Clock = { locale: Locale; zone?: string | undefined; now: number };

/** `1 hour, until August 17, 2026 at 2:05 PM UTC`; the moment alone once it is over. */
export function formatUntil({ locale, zone, now }: Clock, at: number): string {
  const moment = formatMoment(locale, at, zone);
  if (at <= now) return moment;
  return message(locale, 'time.until', { span: formatSpan(locale, at - now), moment });
}

/** `in 3 days, on August 17, 2026 at 2:05 PM UTC`; the moment alone once it is over. */
export function formatAt({ locale, zone, now }: Clock, at: number): string {
  const moment = formatMoment(locale, at, zone);
  if (at <= now) return moment;
  return message(locale, 'time.at', { span: formatAhead(locale, at - now), moment });
}

/** Longer than any zone there is. */
const MAX_ZONE = 64;

/** The zone as Intl knows it; whatever is none is no hint. */
export function zoneOf(text: unknown): string | undefined {
  if (typeof text !== 'string' || text === '' || text.length > MAX_ZONE) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
