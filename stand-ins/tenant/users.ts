/** The tenant's user book: accounts with their identities, as the Management API shows them. */
import { randomBytes } from 'node:crypto';
import { optional } from './shapes.ts';

export interface Identity {
  connection: string;
  provider: string;
  user_id: string;
  isSocial: boolean;
  /** The profile of a linked, secondary identity; the primary's profile is the account's own. */
  profileData?: {
    email?: string;
    email_verified?: boolean;
    name?: string;
    [field: string]: unknown;
  };
}

export interface TenantUser {
  user_id: string;
  email?: string;
  email_verified?: boolean;
  username?: string;
  phone_number?: string;
  phone_verified?: boolean;
  name?: string;
  nickname?: string;
  given_name?: string;
  family_name?: string;
  picture?: string;
  blocked?: boolean;
  created_at: string;
  updated_at: string;
  last_password_reset?: string;
  last_login?: string;
  last_ip?: string;
  logins_count?: number;
  app_metadata?: Record<string, unknown>;
  user_metadata?: Record<string, unknown>;
  identities: Identity[];
}

export interface NewUser extends Partial<Omit<TenantUser, 'identities'>> {
  password?: string;
  /** Default: the prefix of `user_id`, else `auth0` (a database). */
  provider?: string;
  /** Default: `Username-Password-Authentication` for databases, else the provider's name. */
  connection?: string;
  /** All identities, the primary one first; without it there is one, of `provider` and `connection`. */
  identities?: Identity[];
}

export interface Connection {
  name: string;
  /** Disabled connections refuse changes of email and password. */
  disabled?: boolean;
  /** False for Auth0's "Non-Unique Emails" databases. */
  uniqueEmails?: boolean;
}

const DEFAULT_CONNECTION = 'Username-Password-Authentication';

const OWN_PROVIDERS = ['auth0', 'email', 'sms'];
const ENTERPRISE_PROVIDERS =
  'ad adfs auth0-oidc google-apps ip office365 oidc okta pingfederate samlp sharepoint waad'.split(
    ' ',
  );

/** True for providers whose emails come from a company's directory. */
export function isEnterprise(provider: string): boolean {
  return ENTERPRISE_PROVIDERS.includes(provider);
}

function defaultConnection(provider: string): string {
  return provider === 'auth0' ? DEFAULT_CONNECTION : provider;
}

/** Auth0 stores the emails of its own databases in lower case, others as they came. */
export function storedEmail(email: string, provider: string): string {
  return provider === 'auth0' ? email.toLowerCase() : email;
}

/** The email address under which an identity of `user` is known. */
export function emailOfIdentity(user: TenantUser, identity: Identity): string | undefined {
  return identity === user.identities[0] ? user.email : identity.profileData?.email;
}

export interface UserBook {
  add(user: NewUser): TenantUser;
  find(userId: string): TenantUser | undefined;
  /** Throws for an unknown user: a test that asks for one is wrong. */
  read(userId: string): TenantUser;
  update(userId: string, changes: Partial<TenantUser> & { password?: string }): TenantUser;
  remove(userId: string): void;
  list(): TenantUser[];
  /** Exact and case-sensitive, as `users-by-email` is. */
  byEmail(email: string): TenantUser[];
  /** The other account that holds `email` in this connection. */
  holder(email: string, connection: string, exceptUserId: string): TenantUser | undefined;
  /** The database user who signs in with these credentials. */
  byCredentials(email: string, password: string): TenantUser | undefined;
  setPassword(userId: string, password: string): void;
  connection(name: string): Connection | undefined;
}

function primaryIdentity(user: NewUser): Identity {
  const [prefix, ...rest] = (user.user_id ?? '').split('|');
  const provider = user.provider ?? (prefix || 'auth0');
  return {
    connection: user.connection ?? defaultConnection(provider),
    provider,
    user_id: rest.join('|') || randomBytes(12).toString('hex'),
    isSocial: !OWN_PROVIDERS.includes(provider) && !isEnterprise(provider),
  };
}

export function createUserBook(connections: Connection[] = []): UserBook {
  const users = new Map<string, TenantUser>();
  const passwords = new Map<string, string>();

  function read(userId: string): TenantUser {
    const user = users.get(userId);
    if (!user) throw new Error(`The stand-in tenant has no user ${userId}.`);
    return user;
  }

  return {
    read,
    add({ password, provider: _provider, connection: _connection, identities, ...profile }) {
      const all = structuredClone(identities) ?? [
        primaryIdentity({
          ...profile,
          ...optional('provider', _provider),
          ...optional('connection', _connection),
        }),
      ];
      const primary = all[0];
      if (!primary) throw new Error('A user needs at least one identity.');
      const now = new Date().toISOString();
      const email = profile.email && storedEmail(profile.email, primary.provider);
      const user: TenantUser = {
        user_id: `${primary.provider}|${primary.user_id}`,
        ...(email
          ? { name: email, nickname: email.split('@')[0] ?? email, email_verified: true }
          : {}),
        created_at: now,
        updated_at: now,
        ...structuredClone(profile),
        ...optional('email', email),
        identities: all,
      };
      if (users.has(user.user_id)) throw new Error(`The user ${user.user_id} exists already.`);
      users.set(user.user_id, user);
      if (password !== undefined) passwords.set(user.user_id, password);
      return user;
    },
    find: (userId) => users.get(userId),
    update(userId, { password, ...changes }) {
      const user = Object.assign(read(userId), structuredClone(changes), {
        updated_at: new Date().toISOString(),
      });
      if (password !== undefined) passwords.set(userId, password);
      return user;
    },
    remove(userId) {
      users.delete(userId);
      passwords.delete(userId);
    },
    list: () => [...users.values()],
    byEmail: (email) => [...users.values()].filter((user) => user.email === email),
    holder(email, connection, exceptUserId) {
      if (connections.find((c) => c.name === connection)?.uniqueEmails === false) return undefined;
      return [...users.values()].find(
        (user) =>
          user.user_id !== exceptUserId &&
          user.identities.some(
            (identity) =>
              identity.connection === connection &&
              emailOfIdentity(user, identity)?.toLowerCase() === email.toLowerCase(),
          ),
      );
    },
    byCredentials(email, password) {
      return [...users.values()].find(
        (user) =>
          user.email === email.trim().toLowerCase() && passwords.get(user.user_id) === password,
      );
    },
    setPassword(userId, password) {
      passwords.set(userId, password);
      read(userId).last_password_reset = new Date().toISOString();
    },
    connection(name) {
      const inUse = [...users.values()].some((u) =>
        u.identities.some((i) => i.connection === name),
      );
      return connections.find((c) => c.name === name) ?? (inUse ? { name } : undefined);
    },
  };
}
