/** Auth0's own OpenAPI description of the Management API (an excerpt): schemas and scopes. */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { isRecord } from './shapes.ts';

interface Operation {
  security?: Record<string, string[]>[];
}

interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
}

const ROOT = 'auth0';

let loaded: { ajv: Ajv2020; api: OpenApi } | undefined;
const compiled = new Map<string, ValidateFunction>();

function load(): { ajv: Ajv2020; api: OpenApi } {
  if (loaded) return loaded;
  const file = new URL('./auth0-openapi-users.json', import.meta.url);
  // Our own file, so its shape is known.
  const api: OpenApi = JSON.parse(readFileSync(file, 'utf8'));
  const ajv = new Ajv2020({
    strict: false,
    validateSchema: false,
    allErrors: false,
    verbose: true,
  });
  addFormats.default(ajv);
  for (const format of ['strict-uri', 'user-id', 'client-id', 'session-id']) {
    ajv.addFormat(format, true); // Auth0's own formats; what they allow is not published.
  }
  ajv.addSchema(api, ROOT);
  loaded = { ajv, api };
  return loaded;
}

/** Every way in which `value` breaks the named schema of Auth0's OpenAPI; none when it fits. */
export function schemaErrors(name: string, value: unknown): ErrorObject[] {
  let validate = compiled.get(name);
  if (!validate) {
    validate = load().ajv.compile({ $ref: `${ROOT}#/components/schemas/${name}` });
    compiled.set(name, validate);
  }
  return validate(value) ? [] : (validate.errors ?? []);
}

/** The scopes of which the operation wants at least one. */
export function scopesOf(method: string, path: string): string[] {
  const security = load().api.paths[path]?.[method.toLowerCase()]?.security ?? [];
  return security.flatMap((entry) => entry['oAuth2ClientCredentials'] ?? []);
}

/** Names of the fields that the schema of an object describes. */
export function fieldsOf(name: string): string[] {
  const schema = load().ajv.getSchema(`${ROOT}#/components/schemas/${name}`)?.schema;
  if (!isRecord(schema) || !isRecord(schema['properties'])) return [];
  return Object.keys(schema['properties']);
}
