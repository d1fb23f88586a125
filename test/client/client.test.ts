import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import {
  createEmailChangeClient,
  EmailChangeError,
  type EmailChange,
  type ErrorCode,
  type Fetch,
  type Inspection,
  type Outcome,
  type Reason,
} from '../../client/index.ts';
import type { Reason as CoreReason } from '../../src/domain/email-change.ts';
import type { ProblemCode } from '../../src/http/problems.ts';
import type { inspectionSchema, stateOf, viewOf } from '../../src/http/routes/views.ts';
import { bundle } from './bundle.ts';
import { CHANGE, json, problem, startService, TOKEN, type Service } from './service.ts';

let service: Service;
const asksForToken: { maxAge?: number }[] = [];
const connect = (more: object = {}) =>
  createEmailChangeClient({
    baseUrl: service.baseUrl,
    getAccessToken: async (options) => {
      asksForToken.push(options);
      return `token-${asksForToken.length}`;
    },
    ...more,
  });
const failure = async (promise: Promise<unknown>): Promise<EmailChangeError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EmailChangeError);
  return error as EmailChangeError;
};

beforeEach(async () => {
  asksForToken.length = 0;
  service = await startService((_, response) => json(response, 200, CHANGE));
});
afterEach(() => service.stop());

describe('calls', () => {
  test('a request carries the access token and what was asked, nothing more', async () => {
    const asked = { email: 'ada@new.test', returnTo: 'https://app.test/', locale: 'de' };
    expect(await connect().request(asked)).toEqual(CHANGE);
    expect(service.asked).toMatchObject([
      { method: 'POST', path: '/v1/email-changes', body: asked },
    ]);
    expect(service.asked[0]!.headers).toMatchObject({
      authorization: 'Bearer token-1',
      'content-type': 'application/json',
    });
    expect(asksForToken).toEqual([{}]);
  });

  test.each([
    ['get', 'GET', '/v1/email-changes/id'],
    ['resend', 'POST', '/v1/email-changes/id/resend'],
    ['cancel', 'DELETE', '/v1/email-changes/id'],
  ] as const)('%s is %s %s with the access token and no body', async (name, method, path) => {
    await connect()[name]('id');
    expect(service.asked).toMatchObject([{ method, path, body: undefined }]);
    expect(service.asked[0]!.headers.authorization).toBe('Bearer token-1');
    expect(service.asked[0]!.headers).not.toHaveProperty('content-type');
  });

  test('a code is sent as its digits, however it was typed', async () => {
    await connect().confirmByCode('id', ' 1234 5678');
    expect(service.asked).toMatchObject([
      { method: 'POST', path: '/v1/email-changes/id/confirm', body: { code: '12345678' } },
    ]);
    expect(service.asked[0]!.headers.authorization).toBe('Bearer token-1');
  });

  test('cancel resolves with nothing, from an answer without a body', async () => {
    service.answer((_, response) => response.writeHead(204).end());
    expect(await connect().cancel('id')).toBeUndefined();
  });

  test('current is undefined for who has no change, and an error for everything else', async () => {
    expect(await connect().current()).toEqual(CHANGE);
    service.answer((_, response) => problem(response, 404, 'not-found'));
    expect(await connect().current()).toBeUndefined();
    service.answer((_, response) => problem(response, 403, 'insufficient-scope'));
    expect((await failure(connect().current())).code).toBe('insufficient-scope');
  });

  test('an id can not leave its place in the path', async () => {
    await connect().get('../links?x#y');
    expect(service.asked[0]!.path).toBe('/v1/email-changes/..%2Flinks%3Fx%23y');
  });

  test('the base URL may have a path and may end in slashes', async () => {
    await connect({ baseUrl: `${service.baseUrl}/email//` }).get('id');
    expect(service.asked[0]!.path).toBe('/email/v1/email-changes/id');
  });
});

describe('links', () => {
  const outcome: Outcome = { status: 'pending', awaiting: ['current'] };

  test.each([
    ['confirm', '/v1/confirm'],
    ['approve', '/v1/approve'],
    ['cancelByLink', '/v1/cancel'],
    ['undo', '/v1/undo'],
    ['inspect', '/v1/links/inspect'],
  ] as const)('%s posts the token alone to %s, and never an access token', async (name, path) => {
    service.answer((_, response) => json(response, 202, outcome));
    expect(await connect()[name](TOKEN)).toEqual(outcome);
    expect(service.asked).toMatchObject([{ method: 'POST', path, body: { token: TOKEN } }]);
    expect(service.asked[0]!.headers).not.toHaveProperty('authorization');
    expect(asksForToken).toEqual([]);
  });

  // What is in it the API reads, by the grammar that its form has too (test/http/routes/bent-links.test.ts).
  test.each([
    '',
    'nonsense',
    `https://email.test/confirm#${TOKEN}`,
    `https://wrap.test/?url=https%3A%2F%2Femail.test%2Fconfirm%23${TOKEN}&data=05`,
    ` ${TOKEN.slice(0, 30)}\r\n  ${TOKEN.slice(30)} `,
  ])('what was pasted is the service to read: %j', async (link) => {
    service.answer((_, response) => problem(response, 400, 'invalid-link'));
    expect((await failure(connect().confirm(link))).code).toBe('invalid-link');
    expect((await failure(connect().inspect(link))).code).toBe('invalid-link');
    expect(service.asked.map(({ body }) => body)).toEqual([{ token: link }, { token: link }]);
  });

  test('waiting for the outcome is a preference of RFC 7240', async () => {
    await connect().confirm(TOKEN, { wait: 10 });
    await connect().confirm(TOKEN);
    expect(service.asked.map(({ headers }) => headers['prefer'])).toEqual(['wait=10', undefined]);
  });

  test('a link works without any way to get an access token', async () => {
    const client = createEmailChangeClient({ baseUrl: service.baseUrl });
    expect(await client.confirm(TOKEN)).toEqual(CHANGE);
  });
});

describe('errors', () => {
  test('a problem is an error with its stable code, status, words and pointers', async () => {
    const errors = [{ pointer: '#/email', detail: 'no' }];
    service.answer((_, response) =>
      problem(response, 400, 'invalid-email', { detail: 'Write one plain address.', errors }),
    );
    const error = await failure(connect().request({ email: 'x' }));
    expect(error).toMatchObject({
      name: 'EmailChangeError',
      code: 'invalid-email',
      status: 400,
      message: 'Write one plain address.',
      errors,
      retryAfterMs: undefined,
    });
  });

  test('the time to wait is in milliseconds', async () => {
    service.answer((_, response) =>
      problem(response, 429, 'too-many-requests', { headers: { 'retry-after': '42' } }),
    );
    expect(await failure(connect().resend('id'))).toMatchObject({
      code: 'too-many-requests',
      retryAfterMs: 42_000,
    });
  });

  test.each([
    [502, '<html>Bad gateway</html>'],
    [500, ''],
    [418, '"short"'],
    [400, 'null'],
  ])('an error that is not ours (%i) is unexpected, with its status', async (status, body) => {
    service.answer((_, response) => response.writeHead(status).end(body));
    expect(await failure(connect().get('id'))).toMatchObject({ code: 'unexpected', status });
  });

  test('a success that is not ours is unexpected too', async () => {
    service.answer((_, response) => response.end('<html>Please log in to this Wi-Fi</html>'));
    expect(await failure(connect().get('id'))).toMatchObject({ code: 'unexpected', status: 0 });
  });

  test('an answer that breaks off is unexpected', async () => {
    service.answer((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"id":', () => response.destroy());
    });
    expect(await failure(connect().get('id'))).toMatchObject({ code: 'unexpected' });
  });

  test('no answer is unreachable, and says why', async () => {
    await service.stop();
    const error = await failure(connect().get('id'));
    expect(error).toMatchObject({ code: 'unreachable', status: 0 });
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test('what getAccessToken throws arrives as it is, and nothing is sent', async () => {
    const closed = new Error('popup closed');
    const client = connect({ getAccessToken: () => Promise.reject(closed) });
    await expect(client.request({ email: 'a@b.test' })).rejects.toBe(closed);
    expect(service.asked).toEqual([]);
  });

  test('an aborted call rejects with the reason, before or after it was sent', async () => {
    const reason = new Error('left the page');
    await expect(connect().get('id', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(service.asked).toEqual([]);

    service.answer(() => undefined);
    const controller = new AbortController();
    const call = connect().get('id', { signal: controller.signal });
    await service.until((asked) => asked.length === 1);
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});

describe('step-up (RFC 9470)', () => {
  const CHALLENGE =
    'Bearer realm="email-change", error="insufficient_user_authentication", error_description="More recent authentication is required", max_age="300"';
  const tooOld = (headers: Record<string, string> = { 'www-authenticate': CHALLENGE }) =>
    service.answer(({ headers: { authorization } }, response) =>
      authorization === 'Bearer token-2'
        ? json(response, 202, CHANGE)
        : problem(response, 401, 'insufficient-user-authentication', { headers }),
    );

  test('a login that is too old is renewed once, and the call is made again', async () => {
    tooOld();
    expect(await connect().request({ email: 'ada@new.test' })).toEqual(CHANGE);
    expect(asksForToken).toEqual([{}, { maxAge: 300 }]);
    expect(service.asked.map(({ body }) => body)).toEqual([
      { email: 'ada@new.test', timeZone: expect.any(String) },
      { email: 'ada@new.test', timeZone: expect.any(String) },
    ]);
  });

  test('max_age may be a token as well as a quoted string, and may be missing', async () => {
    tooOld({ 'www-authenticate': 'Bearer error="insufficient_user_authentication", max_age=0' });
    await connect().request({ email: 'a@b.test' });
    expect(asksForToken).toEqual([{}, { maxAge: 0 }]);
    asksForToken.length = 0;
    tooOld({ 'www-authenticate': 'Bearer error="insufficient_user_authentication"' });
    await connect().request({ email: 'a@b.test' });
    expect(asksForToken).toEqual([{}, {}]);
  });

  test('a second challenge is an error, not another login', async () => {
    service.answer((_, response) =>
      problem(response, 401, 'insufficient-user-authentication', {
        headers: { 'www-authenticate': CHALLENGE },
      }),
    );
    const error = await failure(connect().request({ email: 'a@b.test' }));
    expect(error).toMatchObject({ code: 'insufficient-user-authentication', status: 401 });
    expect(asksForToken.length).toBe(2);
  });

  test('a login that the user gives up is the error of getAccessToken', async () => {
    tooOld();
    const closed = new Error('popup closed');
    const getAccessToken = ({ maxAge }: { maxAge?: number }) =>
      maxAge === undefined ? 'old' : Promise.reject(closed);
    await expect(connect({ getAccessToken }).request({ email: 'a@b.test' })).rejects.toBe(closed);
  });

  test('any other 401 is an error at once', async () => {
    service.answer((_, response) =>
      problem(response, 401, 'invalid-token', {
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      }),
    );
    expect((await failure(connect().get('id'))).code).toBe('invalid-token');
    expect(asksForToken.length).toBe(1);
  });
});

test('the types are those of the service', () => {
  expectTypeOf<ErrorCode>().toEqualTypeOf<ProblemCode | 'unreachable' | 'unexpected'>();
  expectTypeOf<Reason>().toEqualTypeOf<CoreReason>();
  type Loose<T> = { [K in keyof T]: K extends 'reason' ? string | undefined : T[K] | undefined };
  expectTypeOf<ReturnType<typeof viewOf>>().toExtend<Loose<EmailChange>>();
  expectTypeOf<ReturnType<typeof stateOf>>().toExtend<Loose<Outcome>>();
  expectTypeOf<(typeof inspectionSchema)['_output']>().toExtend<Loose<Inspection>>();
  expectTypeOf<typeof fetch>().toExtend<Fetch>();
});

test('minified and gzipped the client takes at most 2 kB', async () => {
  expect(gzipSync(await bundle('index'), { level: 9 }).length).toBeLessThanOrEqual(2000);
});
