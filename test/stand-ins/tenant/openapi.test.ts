/**
 * What the stand-in says of the Management API: its answers are held against our description of
 * them, and that against Auth0's own OpenAPI document where AUTH0_OPENAPI names a copy of it.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startTenant, type Tenant } from '../../../stand-ins/tenant.ts';
import { bodyRefusal } from '../../../stand-ins/tenant/body.ts';
import {
  refreshTokensAnswer,
  revokeRefreshTokens,
  revokeUserAccess,
  SCOPES,
  sessionsAnswer,
  updateUser,
  userAnswer,
} from '../../../stand-ins/tenant/schema.ts';
import { createBrowser, REDIRECT_URI } from './browser.ts';
import { managementToken } from './worker.ts';

const ADA = { user_id: 'auth0|ada', email: 'ada@example.com', password: 'x' };
const GUS = 'google-oauth2|gus';

// Under the names that Auth0's document has for them.
const BODIES = {
  UpdateUserRequestContent: updateUser,
  RevokeUserAccessRequestContent: revokeUserAccess,
  RevokeRefreshTokensRequestContent: revokeRefreshTokens,
};
const ANSWERS = {
  GetUserResponseContent: userAnswer,
  UpdateUserResponseContent: userAnswer,
  UserResponseSchema: userAnswer,
  ListUserSessionsPaginatedResponseContent: sessionsAnswer,
  ListRefreshTokensPaginatedResponseContent: refreshTokensAnswer,
};
type AnswerName = keyof typeof ANSWERS;

let tenant: Tenant;
let heard: [AnswerName, unknown][];

beforeAll(async () => {
  tenant = await startTenant({
    managementScopes: [...new Set(Object.values(SCOPES).flat())],
    spa: { redirectUris: [REDIRECT_URI], logoutUris: [] },
    users: [
      { ...ADA, username: 'ada', phone_number: '+4912345', blocked: false },
      {
        identities: [
          {
            provider: 'google-oauth2',
            connection: 'google-oauth2',
            user_id: 'gus',
            isSocial: true,
          },
          {
            provider: 'auth0',
            connection: 'Username-Password-Authentication',
            user_id: 'gus',
            isSocial: false,
            profileData: { email: 'gus@example.com', email_verified: true, name: 'Gus' },
          },
        ],
      },
    ],
  });
  await createBrowser(tenant).logIn(ADA, { scope: 'openid offline_access change:email' });
  tenant.addSession(ADA.user_id);
  heard = await conversation();
});

afterAll(() => tenant.close());

/** Everything that the stand-in answers with, once. */
async function conversation(): Promise<[AnswerName, unknown][]> {
  const { access_token: token } = await managementToken(tenant);
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${tenant.url}/api/v2/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    expect(response.status).toBe(200);
    return response.json();
  };
  const found = await call('GET', `users-by-email?email=${ADA.email}`);
  return [
    ['GetUserResponseContent', await call('GET', `users/${ADA.user_id}`)],
    ['GetUserResponseContent', await call('GET', `users/${GUS}`)],
    ['UserResponseSchema', z.array(z.unknown()).length(1).parse(found)[0]],
    [
      'ListUserSessionsPaginatedResponseContent',
      await call('GET', `users/${ADA.user_id}/sessions`),
    ],
    [
      'ListRefreshTokensPaginatedResponseContent',
      await call('GET', `users/${ADA.user_id}/refresh-tokens`),
    ],
    [
      'UpdateUserResponseContent',
      await call('PATCH', `users/${ADA.user_id}`, {
        email: 'new@example.com',
        email_verified: true,
        verify_email: false,
        user_metadata: { theme: 'dark' },
        app_metadata: { vip: true },
      }),
    ],
  ];
}

/** Where what was heard does not fit the schema of its name. */
function misfits(schemaOf: (name: AnswerName) => z.ZodType) {
  return heard.flatMap(([name, answer]) => {
    const issues = schemaOf(name).safeParse(answer).error?.issues ?? [];
    return issues.map(({ path, message }) => `${name}.${path.join('.')}: ${message}`);
  });
}

/** What a schema demands of one place in a value. */
interface Demand {
  types: string[];
  required: boolean;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

type JsonSchema = z.core.JSONSchema.JSONSchema;
type Demands = Record<string, Demand>;

const LIMITS = ['format', 'pattern', 'minLength', 'maxLength', 'minItems', 'maxItems'] as const;
const DEFINITIONS = '#/$defs/';

/** Every place that a JSON Schema describes, `tokens[].id` and the like, with its demands. */
function demandsOf(root: JsonSchema): Demands {
  const demands: Demands = {};

  function alternatives(schema: JsonSchema): JsonSchema[] {
    if (schema.$ref !== undefined) {
      const definition = root.$defs?.[schema.$ref.slice(DEFINITIONS.length)];
      if (!definition) throw new Error(`The document lacks ${schema.$ref}.`);
      return alternatives(definition);
    }
    const choices = schema.anyOf ?? schema.oneOf;
    return choices ? choices.flatMap((one) => (isSchema(one) ? alternatives(one) : [])) : [schema];
  }

  function visit(place: string, schema: JsonSchema, required: boolean): void {
    const all = alternatives(schema);
    const demand: Demand = { types: all.flatMap((one) => one.type ?? []).toSorted(), required };
    for (const one of all) {
      for (const limit of LIMITS) {
        if (one[limit] !== undefined) Object.assign(demand, { [limit]: one[limit] });
      }
    }
    // How an address is spelt belongs to its format: Auth0 names it, we have to spell it out.
    if (demand.format !== undefined) delete demand.pattern;
    demands[place] = demand;
    for (const one of all) {
      const { items } = one;
      if (isSchema(items)) visit(`${place}[]`, items, true);
      for (const [name, property] of Object.entries(one.properties ?? {})) {
        if (!isSchema(property)) continue;
        visit(`${place}.${name}`, property, one.required?.includes(name) ?? false);
      }
    }
  }

  visit('$', root, true);
  return demands;
}

type Edge = [field: string, last: number, beyond: number, schema: z.ZodObject];

/** The shortest and the longest text that each field of a body takes, and what is one step beyond. */
function edgesOf(schema: z.ZodObject): Edge[] {
  return Object.entries(demandsOf(z.toJSONSchema(schema))).flatMap(([place, demand]) => {
    const field = place.slice('$.'.length);
    if (field.endsWith('[]')) return [];
    const { minLength: min, maxLength: max } = demand;
    const shortest: Edge[] = min === undefined ? [] : [[field, min, min - 1, schema]];
    const longest: Edge[] = max === undefined ? [] : [[field, max, max + 1, schema]];
    return [...shortest, ...longest];
  });
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

describe('our description of the Management API', () => {
  it('is what the stand-in answers', () => {
    expect(new Set(heard.map(([name]) => name)).size).toBe(Object.keys(ANSWERS).length);
    expect(misfits((name) => ANSWERS[name])).toEqual([]);
  });

  it.each(Object.values(BODIES).flatMap(edgesOf))(
    'takes %s with %i characters, and not with %i',
    (field, last, beyond, schema) => {
      const refusal = (length: number) => bodyRefusal(schema, { [field]: 'x'.repeat(length) });
      expect(refusal(last)).toBeUndefined();
      expect(refusal(beyond)?.status).toBe(400);
    },
  );

  it.each([
    ['ada@example.com', true],
    ["o'brien+tag@sub.exa-mple.xn--p1ai", true],
    ['ada', false],
    ['ada@example', false],
    ['ada@@example.com', false],
    ['.ada@example.com', false],
    ['ada@-example.com', false],
    ['ada @example.com', false],
  ])('takes %s for an email address: %s', (email, isOne) => {
    expect(bodyRefusal(updateUser, { email }) === undefined).toBe(isOne);
  });

  it('refuses in the words of Auth0’s validator', () => {
    const refusal = (body: unknown) => String(bodyRefusal(updateUser, body)?.body);
    expect(refusal({ name: '' })).toContain(
      "Payload validation error: 'String is too short (0 chars), minimum 1' on property name (",
    );
    expect(refusal({ name: 'x'.repeat(301) })).toContain(
      "'String is too long (301 chars), maximum 300' on property name",
    );
    expect(refusal({ phone_number: '12' })).toContain("'String does not match pattern");
    expect(refusal({ user_metadata: [] })).toContain(
      "'Expected type object but found type array' on property user_metadata",
    );
    expect(String(bodyRefusal(revokeRefreshTokens, { ids: [] })?.body)).toContain(
      "'Array is too short (0), minimum 1' on property ids",
    );
  });
});

const AUTH0_OPENAPI = process.env['AUTH0_OPENAPI'];

interface OpenApi {
  paths: Record<string, Record<string, { security?: Record<string, string[]>[] }>>;
  components: { schemas: Record<string, JsonSchema> };
}

describe.runIf(AUTH0_OPENAPI)('Auth0’s own OpenAPI document, at AUTH0_OPENAPI,', () => {
  let api: OpenApi;

  beforeAll(() => {
    const text = readFileSync(AUTH0_OPENAPI ?? '', 'utf8');
    api = JSON.parse(text.replaceAll('#/components/schemas/', DEFINITIONS));
  });

  const theirs = (name: string): JsonSchema => ({
    $ref: `${DEFINITIONS}${name}`,
    $defs: api.components.schemas,
  });

  it.each(Object.entries(SCOPES))('wants the same scopes for %s', (operation, scopes) => {
    const [method = '', path = ''] = operation.split(' ');
    const security = api.paths[path]?.[method.toLowerCase()]?.security ?? [];
    expect(security.flatMap((entry) => entry['oAuth2ClientCredentials'] ?? [])).toEqual(scopes);
  });

  it.each(Object.entries(BODIES))('has the same fields and limits in %s', (name, ours) => {
    expect(demandsOf(z.toJSONSchema(ours))).toEqual(demandsOf(theirs(name)));
  });

  it.each(Object.entries(ANSWERS))(
    'has all fields of our answers in %s, with types that may be ours',
    (name, ours) => {
      const known = demandsOf(theirs(name));
      const strange = Object.entries(demandsOf(z.toJSONSchema(ours))).filter(
        ([place, { types }]) => !types.every((type) => known[place]?.types.includes(type)),
      );
      expect(strange).toEqual([]);
    },
  );

  it('describes every answer of the stand-in', () => {
    expect(misfits((name) => z.fromJSONSchema(theirs(name)))).toEqual([]);
  });
});
