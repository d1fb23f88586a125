/** PATCH /users/{id}: which changes Auth0 takes, which it refuses, and in which words. */
import { managementError, type Answer } from './answers.ts';
import { bodyRefusal } from './body.ts';
import { updateUser } from './schema.ts';
import { isRecord } from './shapes.ts';
import {
  emailOfIdentity,
  isEnterprise,
  storedEmail,
  type Identity,
  type TenantUser,
  type UserBook,
} from './users.ts';

const REFUSED_PAIRS = [
  ['password', 'email'],
  ['password', 'email_verified'],
  ['username', 'email'],
  ['username', 'email_verified'],
  ['username', 'password'],
] as const;

const CONTROL_FIELDS = new Set(['connection', 'client_id', 'verify_email', 'verify_phone_number']);
const IDENTITY_FIELDS = new Set([
  'email',
  'email_verified',
  'username',
  'password',
  'phone_number',
]);
const METADATA = new Set(['user_metadata', 'app_metadata']);

export interface PatchEffects {
  /** The user's sessions end when one of their identifiers changed. */
  identifierChanged: boolean;
  /** The address to which Auth0 itself would now send a verification mail. */
  verificationMailTo?: string;
}

type Body = Record<string, unknown>;

function pairRefusal(body: Body): Answer | undefined {
  const pair = REFUSED_PAIRS.find(([a, b]) => a in body && b in body);
  if (!pair) return undefined;
  return notSupported(`Cannot update ${pair[0]} and ${pair[1]} simultaneously.`);
}

function notSupported(message: string): Answer {
  return managementError(400, message, 'operation_not_supported');
}

function identityRefusal(users: UserBook, target: Identity, body: Body): Answer | undefined {
  const { provider } = target;
  if ('email_verified' in body && (isEnterprise(provider) || provider === 'sms')) {
    return notSupported('Email verification is not supported for enterprise users.');
  }
  if ('email' in body && provider !== 'auth0' && provider !== 'email') {
    return notSupported('Cannot update email for non-database user.');
  }
  if (('password' in body || 'username' in body) && provider !== 'auth0') {
    return notSupported('Connection is not supported for this operation.');
  }
  if (('email' in body || 'password' in body) && users.connection(target.connection)?.disabled) {
    return notSupported('Cannot change email or password for users in a disabled connection.');
  }
  return undefined;
}

function takenRefusal(
  users: UserBook,
  user: TenantUser,
  target: Identity,
  body: Body,
): Answer | undefined {
  if (typeof body['email'] !== 'string') return undefined;
  const email = storedEmail(body['email'], target.provider);
  if (!users.holder(email, target.connection, user.user_id)) return undefined;
  return managementError(400, 'The specified new email already exists', 'auth0_idp_error');
}

/** The refusal of this PATCH, or undefined when it may be carried out. */
export function patchRefusal(users: UserBook, user: TenantUser, patch: Body): Answer | undefined {
  const malformed = bodyRefusal(updateUser, patch);
  if (malformed) return malformed;
  if (Object.keys(patch).length === 0) {
    return managementError(
      400,
      "Payload validation error: 'Too few properties defined (0), minimum 1'.",
      'invalid_body',
    );
  }
  const clash = pairRefusal(patch);
  if (clash) return clash;
  const name = patch['connection'];
  if (typeof name === 'string' && !users.connection(name)) {
    return managementError(400, 'Connection does not exist.', 'inexistent_connection');
  }
  const target = targetOf(user, patch);
  if (!target) {
    return notSupported('Connection is not supported for this operation.');
  }
  return identityRefusal(users, target, patch) ?? takenRefusal(users, user, target, patch);
}

/** Without `connection` a PATCH is about the primary identity, with it about that connection's. */
function targetOf(user: TenantUser, body: Body): Identity | undefined {
  const name = body['connection'];
  return name === undefined
    ? user.identities[0]
    : user.identities.find((identity) => identity.connection === name);
}

function setField(holder: object, field: string, value: unknown): void {
  if (value === null) Reflect.deleteProperty(holder, field);
  else Reflect.set(holder, field, value);
}

function mergeMetadata(user: TenantUser, field: string, value: unknown): void {
  const before: unknown = Reflect.get(user, field);
  const merged = { ...(isRecord(before) ? before : {}), ...(isRecord(value) ? value : {}) };
  for (const [name, entry] of Object.entries(merged)) {
    if (entry === null) Reflect.deleteProperty(merged, name);
  }
  Reflect.set(user, field, merged);
}

/** Carries out a PATCH that `patchRefusal` let through. */
export function applyPatch(users: UserBook, user: TenantUser, patch: Body): PatchEffects {
  const target = targetOf(user, patch);
  if (!target) throw new Error('patchRefusal lets no PATCH without a target through.');
  const isPrimary = target === user.identities[0];
  const holder = isPrimary ? user : (target.profileData ??= {});
  const before = emailOfIdentity(user, target);
  const wasVerified = holder.email_verified === true;

  for (const [field, value] of Object.entries(patch)) {
    if (CONTROL_FIELDS.has(field) || field === 'password') continue;
    if (METADATA.has(field)) mergeMetadata(user, field, value);
    else if (field === 'email' && typeof value === 'string') {
      setField(holder, 'email', storedEmail(value, target.provider));
    } else setField(IDENTITY_FIELDS.has(field) ? holder : user, field, value);
  }
  const after = emailOfIdentity(user, target);
  const emailChanged = after !== before;
  if (emailChanged && !('email_verified' in patch)) holder.email_verified = false;
  if (typeof patch['password'] === 'string') users.setPassword(user.user_id, patch['password']);
  user.updated_at = new Date().toISOString();

  return {
    identifierChanged:
      emailChanged ||
      (wasVerified && holder.email_verified === false) ||
      ['password', 'username', 'phone_number'].some((field) => field in patch),
    ...(patch['verify_email'] === true && after !== undefined ? { verificationMailTo: after } : {}),
  };
}
