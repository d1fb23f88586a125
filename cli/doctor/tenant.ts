/** The tenant: discovery and keys of every issuer, the clock, and what a fresh management token may do. */
import { randomBytes } from 'node:crypto';
import type { ApiConfig, Config, WorkerConfig } from '../../src/config.ts';
import { blamed, credentialOf, type Credential } from '../../workers/directory/auth0/access.ts';
import { TenantFault } from '../../workers/directory/auth0/faults.ts';
import { fetchWhole } from '../../workers/directory/auth0/fetch-whole.ts';
import { requestToken } from '../../workers/directory/auth0/request-token.ts';
import { judgeScopes } from '../../workers/directory/auth0/scopes.ts';
import { failure, nameOf, ok, warning, type Check, type Finding } from './finding.ts';

const CALL_MS = 5000;

/** An answer as JSON, and its headers; a redirect is none. */
type Got = { status: number; headers: Headers; body: Record<string, unknown> | undefined };

async function get(url: string, headers: Record<string, string> = {}): Promise<Got> {
  const response = await fetchWhole(url, { headers }, CALL_MS);
  const body = await response.json().then(
    (value: unknown) => Object(value) as Record<string, unknown>,
    () => undefined,
  );
  return { status: response.status, headers: response.headers, body };
}

export const checkTenant = (config: Config): Check => {
  const setting = 'AUTH0_DOMAIN';
  return {
    name: 'tenant',
    setting,
    async run() {
      const issuer = `${config.auth0Url}/`;
      const got = await get(`${issuer}.well-known/openid-configuration`).catch(nameOf);
      if (typeof got === 'string')
        return [
          failure('tenant.discovery', setting, `the tenant can not be reached: ${got}`, REACH),
        ];
      const found = [discovered(got, issuer, setting)];
      return [...found, ...clock(got.headers)];
    },
  };
};
const REACH = 'Is the name right (tenant.region.auth0.com), and is the way out open?';

/** Each issuer's own discovery is asked: custom domains differ from AUTH0_DOMAIN lawfully. */
const checkIssuer = (issuer: string): Check => ({
  name: 'issuer',
  setting: 'AUTH0_ISSUERS',
  async run() {
    const setting = 'AUTH0_ISSUERS';
    const [got, jwks] = await Promise.all([
      get(`${issuer}.well-known/openid-configuration`).catch(nameOf),
      get(`${issuer}.well-known/jwks.json`).catch(nameOf),
    ]);
    const away = [got, jwks].find((one) => typeof one === 'string');
    if (typeof got === 'string' || typeof jwks === 'string')
      return [failure('issuer.discovery', setting, `${issuer} can not be reached: ${away}`, REACH)];
    return [discovered(got, issuer, setting), keysOf(jwks, issuer)];
  },
});

function discovered({ status, body }: Got, issuer: string, setting: string): Finding {
  const check = setting === 'AUTH0_DOMAIN' ? 'tenant.discovery' : 'issuer.discovery';
  const said = body?.['issuer'];
  if (status === 404)
    return failure(
      check,
      setting,
      `${issuer} is no tenant: 404`,
      'Is the name right, region included?',
    );
  if (status !== 200 || typeof said !== 'string')
    return failure(
      check,
      setting,
      `${issuer} answers ${status}, and not as a tenant does`,
      'Is a proxy in between?',
    );
  return said === issuer
    ? ok(check, `${issuer} is a tenant`, setting)
    : failure(
        check,
        setting,
        `${issuer} calls itself ${said}`,
        `Tokens carry that name: write it in AUTH0_ISSUERS.`,
      );
}

function keysOf({ status, body }: Got, issuer: string): Finding {
  const keys = Array.isArray(body?.['keys']) ? (body['keys'] as Record<string, unknown>[]) : [];
  return keys.some(({ kty, use = 'sig' }) => kty === 'RSA' && use === 'sig')
    ? ok('issuer.keys', `${keys.length} signing keys`, 'AUTH0_ISSUERS')
    : failure(
        'issuer.keys',
        'AUTH0_ISSUERS',
        `no RSA key in the JWKS of ${issuer} (${status})`,
        'Set the API in Auth0 to RS256.',
      );
}

function clock(headers: Headers): Finding[] {
  const theirs = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(theirs)) return [];
  const skewS = Math.round((Date.now() - theirs) / 1000);
  const why = `this machine's clock is ${Math.abs(skewS)} s ${skewS < 0 ? 'behind' : 'ahead of'} the tenant's`;
  const todo = 'Let it be set by NTP: tokens and logins are judged by time.';
  if (Math.abs(skewS) > 30) return [failure('clock', 'clock', why, todo)];
  if (Math.abs(skewS) > 5) return [warning('clock', 'clock', why, todo)];
  return [ok('clock', 'agrees with the tenant', 'clock')];
}

/** A token made now: the cached one works on for a day after its secret was rotated. */
export const checkManagement = (config: WorkerConfig): Check => ({
  name: 'management',
  setting: 'AUTH0_CLIENT_SECRET',
  async run() {
    const credential = credentialOf(config);
    try {
      const token = await requestToken({ config, now: Date.now, random: randomBytes });
      return [
        ok('management.token', 'a fresh management token was given', credential),
        ...scopes(config, token.scopes),
        await harmlessRead(config, token.value),
      ];
    } catch (error) {
      if (!(error instanceof TenantFault)) throw error;
      return [refused(error, credential)];
    }
  },
});

function refused(fault: TenantFault, credential: Credential): Finding {
  const { answer, words = '' } = fault;
  const said = `/oauth/token answers ${answer.status ?? 'nothing'}${words && `: ${words}`}`;
  const { setting, advice } = blamed(fault, credential);
  return failure('management.token', setting, said, advice);
}

function scopes(config: WorkerConfig, granted: readonly string[] | undefined): Finding[] {
  if (!granted) return [];
  const { missing, unmet, excessive } = judgeScopes(config, granted);
  const check = 'management.scopes';
  const where = 'Applications → APIs → Auth0 Management API → Application Access.';
  return [
    missing.length > 0
      ? failure(
          check,
          'AUTH0_CLIENT_ID',
          `scopes are missing: ${missing.join(' ')}`,
          `Grant them: ${where}`,
        )
      : ok(check, 'the scopes that are needed are granted', 'AUTH0_CLIENT_ID'),
    ...(unmet.length > 0
      ? [
          warning(
            check,
            'REVOKE',
            `needs scopes that are not granted: ${unmet.join(' ')}`,
            `Grant them: ${where}`,
          ),
        ]
      : []),
    ...(excessive.length > 0
      ? [
          warning(
            check,
            'AUTH0_CLIENT_ID',
            `more scopes than are needed: ${excessive.join(' ')}`,
            `Take them away: ${where}`,
          ),
        ]
      : []),
  ];
}

/** A user that can not be there: 404 says that we may read. */
async function harmlessRead(config: WorkerConfig, token: string): Promise<Finding> {
  const check = 'management.read';
  const url = `${config.auth0Url}/api/v2/users/auth0%7Creaddress-doctor?fields=user_id`;
  const got = await get(url, { authorization: `Bearer ${token}` }).catch(nameOf);
  const setting = 'AUTH0_CLIENT_ID';
  if (typeof got === 'string')
    return failure(check, 'AUTH0_DOMAIN', `the Management API can not be reached: ${got}`, REACH);
  const limit = Number(got.headers.get('x-ratelimit-limit') ?? Infinity);
  if (got.status === 404 || got.status === 200)
    return config.callsPerSecond > limit
      ? warning(
          check,
          'AUTH0_RATE',
          `is more than the tenant allows at once (${limit})`,
          'Lower it: logins share that limit.',
        )
      : ok(check, 'users can be read', setting);
  if (got.status === 429)
    return warning(
      check,
      'AUTH0_RATE',
      'the Management API answers 429',
      'Who else uses up its rate?',
    );
  if (got.status === 401)
    return failure(
      check,
      'AUTH0_MANAGEMENT_AUDIENCE',
      'the Management API refuses the token: 401',
      'The audience belongs to another API or tenant.',
    );
  return failure(
    check,
    setting,
    `reading a user answers ${got.status}`,
    'Grant read:users (docs/auth0-setup.md).',
  );
}

/** Every issuer that tokens may come from. */
export const checkIssuers = (config: ApiConfig): Check[] => config.issuers.map(checkIssuer);
