/** The token endpoint: one request for a management token, and one that only asks whether we are known. */
import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import type { WorkerConfig } from '../../../src/config.ts';
import type { Deps } from '../../../src/deps.ts';
import { objectIn, TenantFault, textOf } from './faults.ts';
import { fetchWhole } from './fetch-whole.ts';

export type ManagementToken = {
  value: string;
  expiresAt: number;
  renewAt: number;
  /** As the tenant told them with it. */
  scopes?: readonly string[];
  /** When it was made, and a fingerprint of the credentials that it was made for. */
  madeAt?: number;
  by?: string;
};

const FETCH_TIMEOUT_MS = 8000;
/** Renewed when this much of the lifetime is left, at least a minute before the end. */
const AHEAD = 0.1;
/** Auth0's quota of tokens is counted by the day at most. */
const MAX_REST_MS = 86_400_000;

/** Client credentials, by secret or by private_key_jwt (RFC 7523). @throws {TenantFault} */
export async function requestToken(
  deps: Pick<Deps<WorkerConfig>, 'config' | 'now' | 'random'>,
): Promise<ManagementToken> {
  const { config, now } = deps;
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: config.clientId,
    audience: config.managementAudience,
  });
  if (config.credential.kind === 'secret') form.set('client_secret', config.credential.secret);
  else {
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    form.set('client_assertion', clientAssertion(deps, config.credential.key));
  }
  const url = `${config.auth0Url}/oauth/token`;
  const { status, retryAfter, body } = await fetchWhole(
    url,
    { method: 'POST', body: form },
    FETCH_TIMEOUT_MS,
  )
    .then(async (response) => ({
      status: response.status,
      retryAfter: response.headers.get('retry-after') ?? '',
      body: objectIn(await response.text()),
    }))
    .catch((cause: unknown) => {
      throw new TenantFault('away', { cause });
    });
  if (status === 401 || status === 403 || status === 400) {
    // The Authentication API has names of its own for them.
    const { error, error_description: words } = body;
    const said = { errorCode: textOf(error), message: textOf(words) };
    throw new TenantFault('configuration', { status, ...said });
  }
  const { access_token: value, expires_in: lifetimeS } = body;
  const isToken = typeof value === 'string' && typeof lifetimeS === 'number' && lifetimeS > 0;
  if (status !== 200 || !isToken)
    throw new TenantFault('away', { status, ...retryAfterIn(retryAfter, now()) });
  const lifetimeMs = lifetimeS * 1000;
  const scope = textOf(body['scope']);
  return {
    value,
    ...(scope === undefined ? {} : { scopes: scope.split(' ').filter((name) => name !== '') }),
    expiresAt: now() + lifetimeMs,
    renewAt: now() + lifetimeMs - Math.max(Math.min(60_000, lifetimeMs / 2), lifetimeMs * AHEAD),
  };
}

/** No API has this name: whoever is known to the tenant is told so (403), anybody else is not known (401). */
const NO_API = 'urn:readdress:proof-of-credentials';

/** @throws {TenantFault} when the tenant does not know these credentials */
export async function probe(deps: Deps<WorkerConfig>): Promise<void> {
  const config = { ...deps.config, managementAudience: NO_API };
  await requestToken({ ...deps, config }).catch((error: unknown) => {
    if (!(error instanceof TenantFault)) throw error;
    const { status, errorCode = '' } = error.answer;
    if (status === 401 || /^(?:invalid|unauthorized)_client$/.test(errorCode)) throw error;
  });
}

/** What names a key without being one. */
export const publicPart = (key: KeyObject): string =>
  createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();

/** Seconds or a date (RFC 9110 §10.2.3). */
function retryAfterIn(field: string, now: number): { retryAfterMs?: number } {
  const ms = /^\d{1,9}$/.test(field) ? Number(field) * 1000 : Date.parse(field) - now;
  return ms > 0 ? { retryAfterMs: Math.min(ms, MAX_REST_MS) } : {};
}

const ASSERTION_LIFETIME_S = 60;

function clientAssertion(
  { config, now, random }: Pick<Deps<WorkerConfig>, 'config' | 'now' | 'random'>,
  key: KeyObject,
): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const iat = Math.floor(now() / 1000);
  const claims = {
    iss: config.clientId,
    sub: config.clientId,
    aud: `${config.auth0Url}/`,
    jti: random(16).toString('base64url'),
    iat,
    exp: iat + ASSERTION_LIFETIME_S,
  };
  const signed = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}
