/** What the Management API says of a user, trimmed and checked: its answers are input like any other. */
import type { DirectoryUser } from '../../../src/domain/account.ts';
import { TenantFault } from './faults.ts';

export const isUser = (user: unknown, sub: string): user is Record<string, unknown> =>
  typeof user === 'object' && user !== null && 'user_id' in user && user.user_id === sub;

/** @throws {TenantFault} `away`: this is not the user. */
export function toDirectoryUser(user: unknown, sub: string): DirectoryUser {
  if (!isUser(user, sub)) throw new TenantFault('away', { status: 200 });
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const email = text(user['email']) || undefined;
  const name = text(user['name']);
  const identity = identityOf(user['identities'], sub);
  return {
    ...(email === undefined ? {} : { email }),
    ...(name === undefined ? {} : { name }),
    ...languageOf(user),
    emailVerified: user['email_verified'] === true,
    blocked: user['blocked'] === true,
    passwordResetAt: Date.parse(text(user['last_password_reset']) ?? '') || 0,
    updatedAt: Date.parse(text(user['updated_at']) ?? '') || 0,
    lastLoginAt: Date.parse(text(user['last_login']) ?? '') || 0,
    ...(identity === undefined ? {} : { identity }),
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

function languageOf(user: Record<string, unknown>): { language?: string } {
  const places = [user['app_metadata'], user['user_metadata'], { locale: user['locale'] }];
  const language = places
    .flatMap((place) => LANGUAGE_KEYS.map((key) => Object(place)[key] as unknown))
    .find((text) => typeof text === 'string' && text !== '' && text.length <= LONGEST_TAG);
  return typeof language === 'string' ? { language } : {};
}
