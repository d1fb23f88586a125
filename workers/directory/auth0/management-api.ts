/**
 * The two calls of the Management API that an email change needs, through Auth0's own client with
 * its retries off: a PATCH that is retried blindly is how an address gets overwritten twice.
 */
import { ManagementError } from 'auth0';
import { UsersClient } from 'auth0/users';
import type { WorkerConfig } from '../../../src/config.ts';
import type { Deps } from '../../../src/deps.ts';
import { sameAddress } from '../../../src/domain/account.ts';
import type { CallOptions, Directory } from '../directory.ts';
import { checkAccess } from './access.ts';
import { isAboutTheUser, isGone } from './refusals.ts';
import { TenantFault, textOf } from './faults.ts';
import { sharesOf } from '../../lease.ts';
import { fetchWhole, type Asked } from './fetch-whole.ts';
import { createManagementTokens } from './management-token.ts';
import type { ManagementToken } from './request-token.ts';
import { createTenantBudget } from './tenant-budget.ts';
import { isUser, toDirectoryUser } from './directory-user.ts';
import { createTenantWatch } from './tenant-watch.ts';

/** A GET that is answered so is answered so for ever. */
const FOR_GOOD = [400, 405, 410, 422];
const FIELDS =
  'user_id,email,email_verified,name,blocked,identities,last_password_reset,updated_at,last_login,locale,app_metadata,user_metadata';

export function createManagementApi(deps: Deps<WorkerConfig>): Directory {
  const { config } = deps;
  const tokens = createManagementTokens(deps);
  const budget = createTenantBudget(deps);
  const watch = createTenantWatch(deps);
  const { callMs, patchMs } = sharesOf(config);

  const timed = async (method: string, send: () => Promise<Response>): Promise<Response> => {
    const startedAt = deps.clock.monotonic();
    let status = 'none';
    try {
      const response = await send();
      status = String(response.status);
      return response;
    } finally {
      const seconds = (deps.clock.monotonic() - startedAt) / 1000;
      deps.signals.tell('call', { method, status, seconds });
    }
  };

  const clientFor = (token: ManagementToken, { lease }: CallOptions) =>
    new UsersClient({
      baseUrl: `${config.auth0Url}/api/v2`,
      token: token.value,
      maxRetries: 0,
      async fetch(input, init) {
        // The last look before the bytes leave: Redis says whether the lease is ours, and a process
        // that was asleep meanwhile must not write now.
        const mayLeave =
          !lease || ((await lease.isHeld().catch(() => false)) && lease.leftMs() > 0);
        if (!mayLeave) throw new SentTooLate();
        const method = init?.method ?? 'GET';
        const timeoutMs = method === 'PATCH' ? patchMs : callMs;
        const response = await timed(method, () =>
          fetchWhole(input as string, asAsked(init), timeoutMs),
        );
        await budget.learn(response.status, response.headers);
        // Auth0 answers in JSON or not at all: a page with a 200 is some gateway's, and no yes to a write.
        // (What is read is looked at by whoever reads it.)
        const isPage = /html/i.test(response.headers.get('content-type') ?? '');
        if (response.ok && isPage && method !== 'GET')
          throw new TenantFault('doubt', { status: response.status });
        return response;
      },
    });

  /** `use` checks the answer too: one that is not what was asked for is not called served. */
  const call = async <T>(
    use: (users: UsersClient) => Promise<T>,
    options: CallOptions,
  ): Promise<T> => {
    for (let again = true; ; again = false) {
      const token = await tokens.get().catch((error: unknown) => {
        if (error instanceof TenantFault && error.kind === 'away') watch.failed(error.message);
        throw error;
      });
      await budget.take(options.maxWaitMs);
      try {
        const answer = await use(clientFor(token, options));
        watch.served();
        return answer;
      } catch (error) {
        const fault = classify(error);
        if (fault.kind === 'refused' || fault.kind === 'configuration') watch.served();
        else watch.failed(fault.message);
        if (fault.answer.status !== 401) throw fault;
        await tokens.drop(token);
        if (!again) throw new TenantFault('configuration', { ...fault.answer, cause: error });
      }
    }
  };

  return {
    checkAccess: () => checkAccess(deps, () => tokens.prove()),

    async readUser(sub, options) {
      try {
        return await call(async (users) => {
          const fields = { fields: FIELDS, include_fields: true };
          const { data, rawResponse } = await users.get(sub, fields).withRawResponse();
          const theirNow = Date.parse(rawResponse.headers.get('date') ?? '');
          return { ...toDirectoryUser(data, sub), aheadMs: (theirNow || deps.now()) - deps.now() };
        }, options);
      } catch (error) {
        if (!(error instanceof TenantFault)) throw error;
        if (isGone(error)) return undefined;
        // Reading changes nothing, so there is nothing to doubt; nor has it a script that may fail.
        const { answer } = error;
        if (error.kind === 'doubt') throw new TenantFault('away', { ...answer, cause: error });
        const isFinal = error.kind === 'configuration' && FOR_GOOD.includes(answer.status ?? 0);
        throw isFinal ? new TenantFault('refused', { ...answer, cause: error }) : error;
      }
    },

    writeEmail: (sub, { email, emailVerified, connection, name }, options) =>
      call(async (users) => {
        const user: unknown = await users.update(sub, {
          email,
          email_verified: emailVerified,
          verify_email: false,
          connection,
          ...(name === undefined ? {} : { name }),
        });
        // A 200 that is not the user, in JSON, with the new address, proves nothing.
        const written = isUser(user, sub) && sameAddress(String(user['email']), email);
        if (!written) throw new TenantFault('doubt', { status: 200 });
        const passwordSetAt = Date.parse(String(user['last_password_reset'])) || 0;
        return { verified: user['email_verified'] === true, passwordSetAt };
      }, options),

    verifyEmail: (sub, connection, options) =>
      call(async (users) => {
        const wish = { email_verified: true, verify_email: false, connection };
        const user: unknown = await users.update(sub, wish);
        if (!isUser(user, sub) || user['email_verified'] !== true)
          throw new TenantFault('doubt', { status: 200 });
      }, options),

    async writePassword(sub, wish, options) {
      await call(async (users) => {
        const user: unknown = await users.update(sub, wish);
        if (!isUser(user, sub)) throw new TenantFault('doubt', { status: 200 });
      }, options);
    },

    async revoke(sub, what, options) {
      await call((users) => users.sessions.delete(sub), options);
      // Its turn is waited for: to begin again would take the first one's once more, and so on for ever.
      const patient = { ...options, maxWaitMs: 2 * callMs };
      if (what === 'all') await call((users) => users.refreshToken.delete(sub), patient);
    },
  };
}

/** What Auth0's client wants sent: its body is text. */
const asAsked = ({ method, headers, body }: RequestInit = {}): Asked => ({
  method,
  headers,
  body: typeof body === 'string' ? body : undefined,
});

class SentTooLate extends Error {
  override name = 'SentTooLate';
}

/** Sorts what the SDK throws by what to do about it. */
function classify(error: unknown): TenantFault {
  if (error instanceof TenantFault) return error;
  const root = rootOf(error);
  if (root instanceof TenantFault) return root;
  if (root instanceof SentTooLate || NEVER_CONNECTED.test(codeOf(root)))
    return new TenantFault('away', { cause: error });
  if (!(error instanceof ManagementError)) return new TenantFault('doubt', { cause: error });
  const status = error.statusCode;
  const body = Object(error.body) as Record<string, unknown>;
  const errorCode = textOf(body['errorCode']);
  const answer = { status, errorCode, message: textOf(body['message']), cause: error };
  if (status === 429) return new TenantFault('busy', answer);
  // Anything but Auth0's own no is some proxy's page, which decides nothing.
  if (status === undefined || status >= 500 || status === 408 || !isAuth0s(body, status))
    return new TenantFault('doubt', answer);
  return new TenantFault(isAboutTheUser(answer) ? 'refused' : 'configuration', answer);
}

const isAuth0s = (body: Record<string, unknown>, status: number): boolean =>
  body['statusCode'] === status ||
  typeof body['errorCode'] === 'string' ||
  (typeof body['error'] === 'string' && typeof body['message'] === 'string');

/** The connection was never opened: certainly nothing was carried out. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_\w+|ERR_TLS_\w+|UNABLE_TO_\w+|\w*SELF_SIGNED_CERT\w*)$/;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

function rootOf(error: unknown): unknown {
  let root = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  return root;
}
