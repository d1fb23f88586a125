/**
 * What the stand-in knows of Auth0's Management API: bodies, answers and scopes, as plain facts in
 * our own words. `test/stand-ins/tenant/openapi.test.ts` holds them against Auth0's own document.
 */
import { z } from 'zod';

// Auth0 names its formats in its answers; only that of email says what it allows.
const EMAIL =
  /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+[a-z\d](?:[a-z\d-]*[a-z\d])?$/i;

const words = (max?: number) => (max ? z.string().min(1).max(max) : z.string().min(1)).nullable();
const metadata = z.record(z.string(), z.unknown());

/** PATCH /users/{id}. Its descriptions show in the 400 for a value that does not fit. */
export const updateUser = z
  .strictObject({
    email: z.email({ pattern: EMAIL }).nullable().describe("The user's email address"),
    email_verified: z.boolean().describe('Whether the email address is verified'),
    verify_email: z.boolean().describe('Whether Auth0 mails the user a verification link'),
    connection: z.string().min(1).describe('The connection whose identity is updated'),
    client_id: z.string().min(1).describe('The application on whose behalf the email changes'),
    name: words(300).describe("The user's full name"),
    nickname: words(300).describe("The user's nickname"),
    given_name: words(150).describe("The user's given name"),
    family_name: words(150).describe("The user's family name"),
    picture: z.string().meta({ format: 'strict-uri' }).nullable().describe("The user's picture"),
    username: words(128).describe('The name with which the user signs in'),
    password: words().describe('The new password'),
    phone_number: z
      .string()
      .regex(/^\+[0-9]{1,15}$/)
      .nullable()
      .describe("The user's phone number, in E.164"),
    phone_verified: z.boolean().describe('Whether the phone number is verified'),
    verify_phone_number: z.boolean().describe('Whether Auth0 texts the user a code'),
    blocked: z.boolean().describe('Whether an administrator blocked the user'),
    user_metadata: metadata.describe('What the user may read and write'),
    app_metadata: metadata.describe('What the user may only read'),
  })
  .partial();

/** POST /users/{id}/revoke-access. */
export const revokeUserAccess = z
  .strictObject({
    session_id: z.string().max(50).meta({ format: 'session-id' }).describe('The session to end'),
    preserve_refresh_tokens: z.boolean().describe("Whether the session's refresh tokens live on"),
  })
  .partial();

/** POST /refresh-tokens/revoke. */
export const revokeRefreshTokens = z
  .strictObject({
    ids: z.array(z.string().min(1).max(30)).min(1).describe('The refresh tokens to revoke'),
    user_id: z.string().min(1).max(300).meta({ format: 'user-id' }).describe('Whose to revoke'),
    client_id: z
      .string()
      .min(1)
      .max(64)
      .meta({ format: 'client-id' })
      .describe('The application whose refresh tokens to revoke'),
  })
  .partial();

const profile = z
  .strictObject({
    email: z.string(),
    email_verified: z.boolean(),
    username: z.string(),
    phone_number: z.string(),
    phone_verified: z.boolean(),
    name: z.string(),
    given_name: z.string(),
    family_name: z.string(),
  })
  .partial();

const identity = z.strictObject({
  connection: z.string(),
  provider: z.string(),
  user_id: z.string(),
  isSocial: z.boolean(),
  profileData: profile.optional(),
});

/** A user, as GET and PATCH /users/{id} and GET /users-by-email answer with one. */
export const userAnswer = z.strictObject({
  user_id: z.string(),
  ...profile.shape,
  email: z.email({ pattern: EMAIL }).optional(),
  nickname: z.string().optional(),
  picture: z.string().optional(),
  blocked: z.boolean().optional(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  last_login: z.iso.datetime().optional(),
  last_ip: z.string().optional(),
  logins_count: z.int().optional(),
  app_metadata: metadata.optional(),
  user_metadata: metadata.optional(),
  identities: z.array(identity).min(1),
});

/** GET /users/{user_id}/sessions. */
export const sessionsAnswer = z.strictObject({
  sessions: z.array(
    z.strictObject({
      id: z.string(),
      user_id: z.string(),
      created_at: z.iso.datetime(),
      authenticated_at: z.iso.datetime(),
      expires_at: z.iso.datetime().nullable(),
      clients: z.array(z.strictObject({ client_id: z.string() })),
    }),
  ),
});

/** GET /users/{user_id}/refresh-tokens. */
export const refreshTokensAnswer = z.strictObject({
  tokens: z.array(
    z.strictObject({
      id: z.string(),
      user_id: z.string(),
      client_id: z.string(),
      created_at: z.iso.datetime(),
      expires_at: z.iso.datetime().nullable(),
      session_id: z.string().nullable(),
      rotating: z.boolean(),
      resource_servers: z.array(z.strictObject({ audience: z.string(), scopes: z.string() })),
    }),
  ),
});

/** The scopes of which each operation wants at least one, in Auth0's order. */
export const SCOPES = {
  'GET /users/{id}': ['read:users', 'read:current_user', 'read:user_idp_tokens'],
  'PATCH /users/{id}': [
    'update:users',
    'update:users_app_metadata',
    'update:current_user_metadata',
  ],
  'GET /users-by-email': ['read:users'],
  'GET /users/{user_id}/sessions': ['read:sessions'],
  'DELETE /users/{user_id}/sessions': ['delete:sessions'],
  'GET /users/{user_id}/refresh-tokens': ['read:refresh_tokens'],
  'DELETE /users/{user_id}/refresh-tokens': ['delete:refresh_tokens'],
  'POST /users/{id}/revoke-access': ['delete:sessions', 'delete:refresh_tokens'],
  'POST /refresh-tokens/revoke': ['delete:refresh_tokens'],
} as const satisfies Record<string, readonly string[]>;

/** A method and a path as Auth0's OpenAPI names it. */
export type Operation = keyof typeof SCOPES;
