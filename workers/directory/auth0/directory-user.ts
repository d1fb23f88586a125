/** What the Management API says of a user, trimmed and checked: its answers are input like any other. */
import type { DirectoryUser } from '../../../src/domain/account.ts';
import { zoneOf } from '../../../src/locales/times.ts';
import { TenantFault, textOf } from './faults.ts';

export const isUser = (user: unknown, sub: string): user is Record<string, unknown> =>
  typeof user === 'object' && user !== null && 'user_id' in user && user.user_id === sub;

/** @throws {TenantFault} `away`: this is not the user. */
export function toDirectoryUser(user: unknown, sub: string): DirectoryUser {
  if (!isUser(user, sub)) throw new TenantFault('away', { status: 200 });
  const time = (value: unknown) => Date.parse(textOf(value) ?? '') || 0;
  return {
    email: textOf(user['email']) || undefined,
    name: textOf(user['name']),
    language: languageOf(user),
    timeZone: saidUnder(user, ZONE_KEYS)
      .map(zoneOf)
      .find((zone) => zone !== undefined),
    emailVerified: user['email_verified'] === true,
    blocked: user['blocked'] === true,
    passwordResetAt: time(user['last_password_reset']),
    updatedAt: time(user['updated_at']),
    lastLoginAt: time(user['last_login']),
    identity: identityOf(user['identities'], sub),
  };
}

/**
 * The identity whose address the root address is: the primary one, of the kind that the id names. The root
 * address of a social or enterprise login belongs to its provider. Who has no password asks only where
 * the door lets them (PASSWORDLESS).
 */
function identityOf(identities: unknown, sub: string): DirectoryUser['identity'] {
  const all = Array.isArray(identities) ? (identities as unknown[]) : [];
  if (!all.every((identity) => typeof identity === 'object' && identity !== null))
    throw new TenantFault('away', { status: 200 });
  const [primary] = all as Record<string, unknown>[];
  const provider = sub.startsWith('email|') ? 'email' : 'auth0';
  if (primary?.['provider'] !== provider || primary['isSocial'] === true) return undefined;
  return { id: String(primary['user_id']), connection: String(primary['connection']) };
}

/** Where tenants keep it: what they set themselves counts before what their users may write. */
const LANGUAGE_KEYS = ['language', 'lang', 'locale', 'preferred_language'];
const LONGEST_TAG = 35;

const ZONE_KEYS = ['zoneinfo', 'time_zone', 'timezone', 'timeZone', 'tz'];

/** What the account says under one of these names, first things first. */
const saidUnder = (user: Record<string, unknown>, keys: readonly string[]): unknown[] =>
  [user['app_metadata'], user['user_metadata'], user].flatMap((place) =>
    keys.map((key) => Object(place)[key] as unknown),
  );

const languageOf = (user: Record<string, unknown>): string | undefined =>
  saidUnder(user, LANGUAGE_KEYS)
    .filter((text) => typeof text === 'string')
    .find((text) => text !== '' && text.length <= LONGEST_TAG);
