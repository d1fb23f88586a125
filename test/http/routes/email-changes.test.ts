/** The signed-in user's side of an email change, over HTTP. */
import { describe, expect, test } from 'vitest';
import type { ProblemCode } from '../../../src/http/problems.ts';
import {
  ask,
  askAndReadMail,
  comparable,
  confirm,
  expectProblem,
  newUser,
  quiet,
  send,
  state,
} from '../../support/wire.ts';
import { eventually, startWorld, tokenIn, untilStatus, type World } from '../../support/world.ts';

const MINUTE = 60_000;
const CHANGES = '/v1/email-changes';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('a request', () => {
  test('is answered with 202, where to follow it, and the change as the contract shows it', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);

    const asked = await ask(world, token, ' Ada.L+tag@Exämple.ORG ');

    expect(asked.status).toBe(202);
    expect(asked.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(asked.headers.get('cache-control')).toBe('no-store');
    expect(asked.headers.get('location')).toBe(
      `${world.env['PUBLIC_URL']}${CHANGES}/${asked.body.id}`,
    );
    expect(asked.body).toEqual({
      id: expect.stringMatching(/^[\w-]{22}$/),
      status: 'pending',
      email: 'Ada.L+tag@xn--exmple-cua.org',
      displayEmail: 'Ada.L+tag@exämple.org',
      requestedAt: expect.stringMatching(ISO),
      expiresAt: expect.stringMatching(ISO),
      resendAfter: expect.stringMatching(ISO),
      awaiting: ['new'],
    });
    const [requestedAt, expiresAt, resendAfter] = ['requestedAt', 'expiresAt', 'resendAfter'].map(
      (name) => Date.parse(asked.body[name]),
    );
    expect(expiresAt! - requestedAt!).toBe(60 * MINUTE);
    expect(resendAfter! - requestedAt!).toBe(MINUTE);

    for (const path of [`${CHANGES}/${asked.body.id}`, `${CHANGES}/current`]) {
      const seen = await world.call('GET', path, { token });
      expect(seen.status).toBe(200);
      expect(seen.body).toEqual(asked.body);
    }
    // Nothing was asked of the tenant but its signing keys.
    expect(world.tenant.calls).toEqual(world.tenant.jwksRequests());
  });

  test('takes a returnTo and a locale that are allowed', async () => {
    const app = 'https://good.example/account?tab=email';
    const world = await startWorld({
      workers: false,
      env: { RETURN_URLS: `https://x.example, ${app}` },
    });
    const { token } = await newUser(world);
    for (const locale of ['de', 'pt-BR', 'zh-Hant-TW', 'tlh'])
      expect((await ask(world, token, 'a@example.org', { returnTo: app, locale })).status).toBe(
        202,
      );
  });

  test('for what looks like a slip suggests what was probably meant, and goes on all the same', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    const asked = await ask(world, token, 'ada@gmial.com');
    expect(asked).toMatchObject({
      status: 202,
      body: { status: 'pending', email: 'ada@gmial.com', suggestion: 'ada@gmail.com' },
    });
    const other = await ask(world, (await newUser(world)).token, 'ada@gmail.com');
    expect(other.body).not.toHaveProperty('suggestion');
  });
});

test('addresses that are thrown away after use are refused where DISPOSABLE says so, and nowhere else', async () => {
  const strict = await startWorld({ workers: false, env: { DISPOSABLE: 'refuse' } });
  const { token } = await newUser(strict);
  for (const email of ['ada@mailinator.com', 'ada@x.MAILINATOR.com'])
    expectProblem(await ask(strict, token, email), 'invalid-email');
  for (const email of ['ada@duck.com', 'ada@mozmail.com', 'ada@new.example'])
    expect((await ask(strict, token, email)).status, email).toBe(202);
  const lax = await startWorld({ workers: false });
  expect((await ask(lax, (await newUser(lax)).token, 'ada@mailinator.com')).status).toBe(202);
});

describe('bad input', () => {
  const EMAIL = 'new@example.org';
  const json = (body: unknown) => JSON.stringify(body);
  type Bad = {
    body?: string | Buffer;
    type?: string | null;
    code: ProblemCode;
    pointers?: string[];
  };
  const invalid = (body: unknown, ...pointers: string[]): Bad => ({
    body: json(body),
    code: 'invalid-request',
    pointers,
  });
  const refused = (body: string | Buffer): Bad => ({ body, code: 'invalid-request' });
  const twice = (body: string): Bad => ({ ...refused(body), pointers: ['#'] });
  const wrongType = (type: string | null, body: string | Buffer = json({ email: EMAIL })): Bad => ({
    body,
    type,
    code: 'unsupported-media-type',
  });

  const BAD: Record<string, Bad> = {
    'no address': invalid({}, '#/email'),
    'null as address': invalid({ email: null }, '#/email'),
    'a number as address': invalid({ email: 5 }, '#/email'),
    'a boolean as address': invalid({ email: true }, '#/email'),
    'two addresses in an array (CVE-2023-7028)': invalid(
      { email: [EMAIL, 'b@example.org'] },
      '#/email',
    ),
    'one address in an array': invalid({ email: [EMAIL] }, '#/email'),
    'an object as address': invalid({ email: { '0': EMAIL } }, '#/email'),
    'an address beyond all reason': invalid(
      { email: `${'a'.repeat(1200)}@example.org` },
      '#/email',
    ),
    'an unknown field': invalid({ email: EMAIL, admin: true }, '#'),
    'the address once more in another case': invalid({ email: EMAIL, Email: 'b@example.org' }, '#'),
    'a PHP-style list': invalid({ 'email[]': EMAIL }, '#/email', '#'),
    "a field of the record that is not the caller's": invalid(
      { email: EMAIL, sub: 'auth0|x' },
      '#',
    ),
    'an array as body': invalid([{ email: EMAIL }], '#'),
    'an empty array as body': invalid([], '#'),
    'null as body': invalid(null, '#'),
    'a string as body': invalid(EMAIL, '#'),
    'a number as body': invalid(7, '#'),
    'a returnTo of another type': invalid(
      { email: EMAIL, returnTo: ['https://good.example/'] },
      '#/returnTo',
    ),
    'a null returnTo': invalid({ email: EMAIL, returnTo: null }, '#/returnTo'),
    'several faults at once': invalid(
      { email: 1, returnTo: 2, more: 3 },
      '#/email',
      '#/returnTo',
      '#',
    ),
    'the address twice': twice(`{"email":"${EMAIL}","email":"b@example.org"}`),
    'the same address twice': twice(`{"email":"${EMAIL}","email":"${EMAIL}"}`),
    'the address once more by escapes': twice(
      String.raw`{"email":"${EMAIL}","\u0065mai\u006C" :"b@example.org"}`,
    ),
    'a name twice deeper down': twice(`{"email":"${EMAIL}","x":[{"a":{}},{"b":1,"b":"}"}]}`),
    'bytes that are not UTF-8': {
      ...refused(Buffer.from(`{"email":"\xe9@example.org"}`, 'latin1')),
      pointers: ['#'],
    },
    'a byte order mark': {
      ...refused(`\ufeff${json({ email: EMAIL })}`),
      pointers: ['#'],
    },
    'an empty body': { ...refused(''), pointers: ['#'] },
    'half a JSON': refused('{"email":'),
    'two JSONs': refused(`${json({ email: EMAIL })}${json({ email: EMAIL })}`),
    'single quotes': refused(`{'email':'${EMAIL}'}`),
    'a prototype': refused(`{"email":"${EMAIL}","__proto__":{"admin":true}}`),
    'a prototype alone': refused(`{"__proto__":{"email":"${EMAIL}"}}`),
    'a constructor with a prototype': refused(
      `{"email":"${EMAIL}","constructor":{"prototype":{"a":1}}}`,
    ),
    'UTF-16': {
      ...refused(Buffer.from(`\ufeff${json({ email: EMAIL })}`, 'utf16le')),
      pointers: ['#'],
    },
    'UTF-16 the other way': {
      ...refused(Buffer.from(`\ufeff${json({ email: EMAIL })}`, 'utf16le').swap16()),
      pointers: ['#'],
    },
    '20 kB': {
      body: json({ email: EMAIL, locale: 'x'.repeat(20_000) }),
      code: 'payload-too-large',
    },
    'text/plain, which needs no preflight': wrongType('text/plain'),
    'a form': wrongType('application/x-www-form-urlencoded', `email=${encodeURIComponent(EMAIL)}`),
    'a form with two addresses': wrongType(
      'application/x-www-form-urlencoded',
      'email=a@x.org&email=b@x.org',
    ),
    'a multipart form': wrongType('multipart/form-data; boundary=x', '--x--'),
    XML: wrongType('application/xml', `<email>${EMAIL}</email>`),
    'no type at all': wrongType(null),
    'a type that is none': wrongType('json'),
    'JSON by another name': wrongType('application/vnd.api+json'),
  };

  const RETURN_URLS = ['https://good.example/', 'https://good.example/app?from=mail'];
  const BAD_RETURNS = [
    '',
    '/',
    '//evil.example',
    String.raw`/\evil.example`,
    'https:evil.example',
    'https:good.example/',
    'https://good.example@evil.example/',
    'https://good.example.evil.example/',
    'https://good.example:443/',
    'https://good.example:8443/',
    'https://user@good.example/',
    'javascript:alert(1)',
    'data:text/html,x',
    'https://good.example/%09',
    'https://good.example/\t',
    '\thttps://good.example/',
    'https://good.example/\n',
    'https://go\nod.example/',
    'https://good.example/%2e%2e',
    'https://good.example/..',
    'HTTPS://GOOD.EXAMPLE/',
    'https://good.example',
    'http://good.example/',
    String.raw`https:\\good.example/`,
    'https://gооd.example/',
    'https://good.example/app',
    'https://good.example/app?from=mail&x=1',
    'https://good.example/app?from=mail#x',
    'https://good.example/ ',
  ];

  test('gets a precise problem, and nothing is stored, mailed or asked of the tenant', async () => {
    const world = await startWorld({ workers: false, env: { RETURN_URLS: RETURN_URLS.join(',') } });
    const { token } = await newUser(world);
    expect((await world.call('GET', `${CHANGES}/current`, { token })).status).toBe(404);
    const before = await state(world);

    for (const [label, { body = '', type, code, pointers = [] }] of Object.entries(BAD)) {
      const wired = await send(world.api, CHANGES, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-length': Buffer.byteLength(body),
          ...(type === null ? {} : { 'content-type': type ?? 'application/json' }),
        },
        body,
      });
      const answer = {
        ...wired,
        headers: new Headers(wired.headers as Record<string, string>),
        body: JSON.parse(wired.text),
      };
      expectProblem(answer, code, label);
      const shown: { pointer: string }[] = answer.body.errors ?? [];
      expect(new Set(shown.map(({ pointer }) => pointer)), label).toEqual(new Set(pointers));
    }
    for (const returnTo of BAD_RETURNS) {
      const answer = await ask(world, token, EMAIL, { returnTo });
      expectProblem(answer, 'invalid-return-url', JSON.stringify(returnTo));
      expect(answer.body.errors).toEqual([{ pointer: '#/returnTo', detail: expect.any(String) }]);
    }

    expect(await state(world)).toEqual(before);
    expect(world.inbox.attempts).toHaveLength(0);
    expect(world.tenant.calls).toEqual(world.tenant.jwksRequests());
  });

  test('a hostile address is refused as one, and is mailed to nobody', async () => {
    const world = await startWorld({
      workers: false,
      env: { PUBLIC_URL: 'https://change.example' },
    });
    const { token } = await newUser(world);
    await world.call('GET', `${CHANGES}/current`, { token });
    const before = await state(world);
    const hostile = [
      '',
      'a',
      'a@',
      '@example.org',
      'a@b@example.org',
      'a@evil.org,b@good.org',
      'a@evil.org;b@good.org',
      'grp:a@evil.org,b@good.org;',
      'a@evil.org b@good.org',
      'Name <a@good.org>',
      '<a@good.org>',
      '"a@evil.org x"@good.org',
      'a@evil.org(@good.org',
      'a@good.org(c)',
      'a%evil.org@good.org',
      'evil.org!a@good.org',
      '@evil.org:b@good.org',
      '=?utf-8?q?a=40evil.org=3e=00?=@good.org',
      'a@good.org\r\nBcc: x@evil.org',
      'a@good\n.org',
      'a\t@good.org',
      'a\u0000@good.org',
      'a@good.\u2028org',
      'a\ud800@good.org',
      'a@[127.0.0.1]',
      'a@127.0.0.1',
      'a@0x7f.1',
      'a@localhost',
      'a@good.org.',
      'a..b@good.org',
      '.a@good.org',
      `${'a'.repeat(65)}@good.org`,
      `a@${'b'.repeat(64)}.org`,
      'mıke@good.org',
      'ſam@good.org',
      '\u212a@good.org',
      'a\u200b@good.org',
      'a@go\u00adod.org',
      'a@ｇood.org',
      'a@good。org',
      'a@xn--a.org',
      'a@good.test',
      'a@good.example',
      'a@good.invalid',
      'a@uk',
      '<script>alert(1)</script>@good.org',
    ];
    for (const email of hostile) {
      const answer = await ask(world, token, email);
      expectProblem(answer, 'invalid-email', JSON.stringify(email));
      expect(answer.body.errors).toEqual([{ pointer: '#/email', detail: expect.any(String) }]);
      // What was sent is not played back.
      expect(answer.text.includes(email) && email.length > 2, email).toBe(false);
    }
    expect(await state(world)).toEqual(before);
  });

  test('a body where none belongs is refused before anything happens', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    const { body: change } = await ask(world, token, 'a@example.org');
    const before = await state(world);
    for (const body of [{ email: 'b@example.org' }, [], 'x', 7]) {
      const at = `${CHANGES}/${change.id}`;
      expectProblem(
        await world.call('POST', `${at}/resend`, { token, body: JSON.stringify(body) }),
        'invalid-request',
      );
      expectProblem(
        await world.call('DELETE', at, { token, body: JSON.stringify(body) }),
        'invalid-request',
      );
    }
    expect(await state(world)).toEqual(before);
  });
});

describe('ownership', () => {
  test("another user's change is as unknown as one that never was, in every byte", async () => {
    const world = await startWorld({ workers: false });
    const [owner, other] = [await newUser(world), await newUser(world)];
    const { body: change } = await ask(world, owner.token, 'new@example.org');
    const before = await state(world);

    const unknown = `${change.id.slice(0, -2)}${change.id.endsWith('AA') ? 'AQ' : 'AA'}`;
    const odd = ['x', `${change.id}A`, 'a'.repeat(500), '%2e%2e', `%00${change.id}`, '*', '%7B%7D'];
    for (const [method, suffix] of [
      ['GET', ''],
      ['HEAD', ''],
      ['DELETE', ''],
      ['POST', '/resend'],
    ] as const) {
      const answerFor = async (id: string) =>
        comparable(
          await send(world.api, `${CHANGES}/${id}${suffix}`, {
            method,
            headers: { authorization: `Bearer ${other.token}` },
          }),
        );
      const foreign = await answerFor(change.id);
      expect(foreign, method).toMatchObject({ status: 404 });
      for (const id of [unknown, ...odd])
        expect(await answerFor(id), `${method} ${id}`).toEqual(foreign);
    }
    expectProblem(
      await world.call('GET', `${CHANGES}/${change.id}`, { token: other.token }),
      'not-found',
    );
    // The look at a foreign id left no trace, and the owner still has the change.
    expect(await state(world)).toEqual(before);
    expect(
      (await world.call('GET', `${CHANGES}/${change.id}`, { token: owner.token })).status,
    ).toBe(200);
  });

  test('a token of another issuer with the same sub does not reach the change', async () => {
    const world = await startWorld({ workers: false });
    const owner = await newUser(world);
    const { body: change } = await ask(world, owner.token, 'new@example.org');
    const token = await world.token(owner.sub, {
      claims: {
        iss: 'https://other.eu.auth0.com/',
        'https://readdress/auth_time': world.now() / 1000,
      },
    });
    expectProblem(await world.call('GET', `${CHANGES}/${change.id}`, { token }), 'invalid-token');
  });
});

describe('current', () => {
  test('is 404 for who never asked, then always the newest change, whatever became of it', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    const current = () => world.call('GET', `${CHANGES}/current`, { token });
    expectProblem(await current(), 'not-found');

    const first = await ask(world, token, 'first@example.org');
    expect((await current()).body).toEqual(first.body);
    const second = await ask(world, token, 'second@example.org');
    expect((await current()).body).toEqual(second.body);
    await world.call('DELETE', `${CHANGES}/${second.body.id}`, { token });
    const { awaiting: _, ...rest } = second.body;
    expect((await current()).body).toEqual({
      ...rest,
      status: 'canceled',
      canceledBy: 'user',
    });
    expect((await world.call('GET', `${CHANGES}/${first.body.id}`, { token })).body.status).toBe(
      'superseded',
    );
  });

  test('an unchanged change is a 304, and another change never passes for it', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    const first = await ask(world, token, 'first@example.org');
    const look = (path: string, etag?: string) =>
      send(world.api, path, {
        headers: { authorization: `Bearer ${token}`, ...(etag && { 'if-none-match': etag }) },
      });
    const { etag = '' } = (await look(`${CHANGES}/current`)).headers;
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const match of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const same = await look(`${CHANGES}/current`, match);
      expect([same.status, same.text, same.headers.etag], match).toEqual([304, '', etag]);
    }
    expect((await look(`${CHANGES}/current`, '"other"')).status).toBe(200);

    // Same version, same status, another change.
    const second = await ask(world, token, 'second@example.org');
    const moved = await look(`${CHANGES}/current`, etag);
    expect(moved.status).toBe(200);
    expect(JSON.parse(moved.text).id).toBe(second.body.id);
    // Superseded: the same change, but no longer the same.
    expect((await look(`${CHANGES}/${first.body.id}`, etag)).status).toBe(200);

    // Time alone changes it too.
    world.pass(60 * MINUTE);
    const expired = await look(`${CHANGES}/current`, moved.headers.etag);
    expect(expired.status).toBe(200);
    expect(JSON.parse(expired.text).status).toBe('expired');
  });
});

/** The other mailbox owner's answer to this link, and what the link would do. */
async function toldBy(world: World, token: string) {
  const [clicked, inspected] = [
    await confirm(world, token),
    await world.call('POST', '/v1/links/inspect', { body: { token } }),
  ];
  return { clicked, inspected };
}

describe('asking again', () => {
  test('for the same address within the cooldown is the same change and sends nothing more', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const first = await askAndReadMail(world, user, 'New@example.org');
    await quiet(world);
    const before = await state(world);

    const again = await Promise.all(
      Array.from({ length: 5 }, () => ask(world, user.token, 'New@EXAMPLE.org')),
    );
    for (const { status, body } of again) expect([status, body.id]).toEqual([202, first.id]);
    expect(await state(world)).toEqual(before);
    expect(world.inbox.messages).toHaveLength(2);
    // And the link is still the one.
    expect((await confirm(world, first.confirm)).body).toEqual({ status: 'confirmed' });
  });

  test('after the cooldown the link is mailed again, and the older mail goes on to work', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const first = await askAndReadMail(world, user, 'new@example.org');
    world.pass(60_001);
    const again = await ask(world, await world.token(user.sub), 'new@example.org');
    expect(again.body).toMatchObject({ id: first.id, status: 'pending' });
    const mail = await eventually(() => world.inbox.to('new@example.org')[1]);

    expect(tokenIn(mail.text, 'confirm')).toBe(first.confirm);
    expect((await confirm(world, first.confirm)).body).toEqual({ status: 'confirmed' });
    await untilStatus(world, user.token, first.id, 'committed');
    expect(world.tenant.patches()).toHaveLength(1);
  });

  test('for another address supersedes: the older link says so and never commits', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const first = await askAndReadMail(world, user, 'first@example.org');
    const second = await askAndReadMail(world, user, 'second@example.org');
    expect(second.id).not.toBe(first.id);

    const told = await toldBy(world, first.confirm);
    expect([told.clicked.status, told.clicked.body]).toEqual([202, { status: 'superseded' }]);
    expect(told.inspected.body).toMatchObject({ purpose: 'confirm', status: 'superseded' });
    await confirm(world, second.confirm);
    await untilStatus(world, user.token, second.id, 'committed');
    expect(world.tenant.patches().map((call) => call.body)).toMatchObject([
      { email: 'second@example.org' },
    ]);
    expect((await confirm(world, first.confirm)).body).toEqual({ status: 'superseded' });
  });

  test('is refused while a confirmed change is on its way, with a time to come back', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    world.tenant.faults.add({ kind: 'status', status: 503, match: { path: '/api/v2/users/' } });
    await confirm(world, change.confirm);

    for (const email of ['other@example.org', 'new@example.org']) {
      const refused = await ask(world, user.token, email);
      expectProblem(refused, 'commit-in-progress');
      expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    }
    expectProblem(
      await world.call('POST', `${CHANGES}/${change.id}/resend`, { token: user.token }),
      'commit-in-progress',
    );
    world.tenant.faults.clear();
    world.pass(5 * MINUTE);
    await untilStatus(world, user.token, change.id, 'committed');
    const next = await ask(world, await world.token(user.sub), 'other@example.org');
    expect(next.status).toBe(202);
  });
});

test('a content type without a body is no body: many clients always name one', async () => {
  const world = await startWorld({ env: { RESEND_AFTER: '1s' } });
  const user = await newUser(world);
  const change = await askAndReadMail(world, user, 'new@example.org');
  world.pass(2000);
  const bare = async (method: string, path: string) => {
    const headers = { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' };
    return (await fetch(`${world.api}${CHANGES}/${change.id}${path}`, { method, headers })).status;
  };
  expect(await bare('POST', '/resend')).toBe(202);
  expect(await bare('DELETE', '')).toBe(204);
});

describe('resend', () => {
  test('is 429 with the seconds left within the cooldown, and 202 with the same link in a new mail after it', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    const resend = () =>
      world.call('POST', `${CHANGES}/${change.id}/resend`, { token: user.token });

    const early = await resend();
    expectProblem(early, 'too-many-requests');
    const seconds = Number(early.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(world.inbox.messages).toHaveLength(2);

    world.pass(seconds * 1000);
    const later = await resend();
    expect([later.status, later.body.id, later.body.status]).toEqual([202, change.id, 'pending']);
    expect(Date.parse(later.body.expiresAt) - world.now()).toBeGreaterThan(59 * MINUTE);
    expectProblem(await resend(), 'too-many-requests');
    const mail = await eventually(() => world.inbox.to('new@example.org')[1]);
    expect(tokenIn(mail.text, 'confirm')).toBe(change.confirm);
    // The notice is not repeated, and its link still works.
    expect(world.inbox.to(user.email)).toHaveLength(1);
    expect(
      (await world.call('POST', '/v1/cancel', { body: { token: change.cancel } })).body,
    ).toEqual({ status: 'canceled' });
  });

  test('of a closed change sends nothing and says what became of it', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    await world.call('DELETE', `${CHANGES}/${change.id}`, { token: user.token });
    await quiet(world);
    const mails = world.inbox.messages.length;
    world.pass(2 * MINUTE);
    const { status, body } = await world.call('POST', `${CHANGES}/${change.id}/resend`, {
      token: user.token,
    });
    expect([status, body.status]).toEqual([202, 'canceled']);
    await quiet(world);
    expect(world.inbox.messages).toHaveLength(mails);
  });
});

describe('DELETE', () => {
  test('withdraws with 204, twice is harmless, and both links say canceled', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    for (let i = 0; i < 2; i += 1) {
      const deleted = await world.call('DELETE', `${CHANGES}/${change.id}`, { token: user.token });
      expect([deleted.status, deleted.text, deleted.headers.get('content-type')]).toEqual([
        204,
        '',
        null,
      ]);
    }
    for (const purpose of ['confirm', 'cancel'] as const) {
      const { body } = await world.call('POST', `/v1/${purpose}`, {
        body: { token: change[purpose] },
      });
      expect(body).toEqual({ status: 'canceled' });
    }
    expect(world.tenant.patches()).toHaveLength(0);
  });

  test('of a change whose PATCH may be on its way is a 409, and so is that of a committed one', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    let answer = (): void => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    const { struck } = world.tenant.faults.add({
      kind: 'hold',
      until,
      times: 1,
      match: { method: 'PATCH' },
    });
    await confirm(world, change.confirm);
    await struck;
    const remove = () => world.call('DELETE', `${CHANGES}/${change.id}`, { token: user.token });

    const refused = await remove();
    expectProblem(refused, 'commit-in-progress');
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    answer();
    await untilStatus(world, user.token, change.id, 'committed');
    expectProblem(await remove(), 'already-committed');
    expect(world.tenant.user(user.sub).email).toBe('new@example.org');
  });
});

describe('an identity that can never change', () => {
  test('is refused at the door with its reason, and the tenant never hears of it', async () => {
    const world = await startWorld({ workers: false });
    await ask(world, (await newUser(world)).token, 'warm@example.org');
    const before = await state(world);
    const subs = [
      'google-oauth2|1234567890',
      'apple|000123.abc.456',
      'samlp|acme|ada@acme.example',
      'waad|x',
      'email|5f7c',
      'sms|5f7c',
      'oauth2|custom|1',
      'auth0-like|1',
      'AUTH0|1',
    ];
    for (const sub of subs) {
      const answer = await ask(world, await world.token(sub), 'new@example.org');
      expectProblem(answer, 'unsupported-identity', sub);
    }
    expect(await state(world)).toEqual(before);
    expect(world.tenant.calls).toEqual(world.tenant.jwksRequests());
  });
});

describe('limits', () => {
  test('LIMIT_USER counts exactly, shows what is left, and says when to come back', async () => {
    const world = await startWorld({ workers: false, env: { LIMIT_USER: '40/1h' } });
    const user = await newUser(world);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => ask(world, user.token, `new${i}@example.org`)),
    );

    const granted = answers.filter(({ status }) => status === 202);
    const refused = answers.filter(({ status }) => status !== 202);
    expect(granted).toHaveLength(40);
    const shares = granted.map(({ headers }) => {
      expect(headers.get('ratelimit-policy')).toBe('"user";q=40;w=3600');
      const [, left, reset] = /^"user";r=(\d+);t=(\d+)$/.exec(headers.get('ratelimit') ?? '') ?? [];
      expect(Number(reset)).toBeGreaterThan(3500);
      expect(Number(reset)).toBeLessThanOrEqual(3600);
      return Number(left);
    });
    expect(shares.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, left) => left));
    for (const answer of refused) {
      expectProblem(answer, 'too-many-requests');
      expect(answer.headers.get('ratelimit')).toMatch(/^"user";r=0;t=\d+$/);
      const wait = Number(answer.headers.get('retry-after'));
      expect(wait).toBeGreaterThan(3500);
      expect(wait).toBeLessThanOrEqual(3600);
    }
    // Another user is not touched by it, and looking costs nothing.
    expect((await ask(world, (await newUser(world)).token, 'x@example.org')).status).toBe(202);
    expect((await world.call('GET', `${CHANGES}/current`, { token: user.token })).status).toBe(200);
  });

  test('what sends no mail costs nothing of LIMIT_USER', async () => {
    const world = await startWorld({ workers: false, env: { LIMIT_USER: '2/1h' } });
    const user = await newUser(world);
    for (let i = 0; i < 4; i += 1) {
      const asked = await ask(world, user.token, 'same@example.org');
      expect(asked.status).toBe(202);
      // What was given back is shown as left.
      expect(asked.headers.get('ratelimit')).toMatch(/^"user";r=1;t=\d+$/);
    }
    for (let i = 0; i < 4; i += 1) {
      expectProblem(await ask(world, user.token, 'nonsense'), 'invalid-email');
      expectProblem(
        await ask(world, user.token, 'b@example.org', { returnTo: 'x' }),
        'invalid-return-url',
      );
    }
    expect((await ask(world, user.token, 'other@example.org')).status).toBe(202);
    expectProblem(await ask(world, user.token, 'third@example.org'), 'too-many-requests');
  });

  test('LIMIT_IP stands before the token check, and a forwarded address is believed from trusted proxies only', async () => {
    const knock = (world: World, forwarded: string) =>
      world.call('POST', CHANGES, {
        token: 'x.y.z',
        body: {},
        headers: { 'x-forwarded-for': forwarded },
      });
    const direct = await startWorld({ workers: false, env: { LIMIT_IP: '3/1m' } });
    for (let i = 0; i < 3; i += 1)
      expectProblem(await knock(direct, `203.0.113.${i}`), 'invalid-token');
    const refused = await knock(direct, '203.0.113.9');
    expectProblem(refused, 'too-many-requests');
    expect(refused.headers.get('ratelimit')).toMatch(/^"ip";r=0;t=\d+$/);
    expect(refused.headers.get('ratelimit-policy')).toBe('"ip";q=3;w=60');
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);

    const proxied = await startWorld({
      workers: false,
      env: { LIMIT_IP: '1/1m', TRUST_PROXY: 'loopback' },
    });
    for (let i = 0; i < 3; i += 1) {
      expectProblem(await knock(proxied, `203.0.113.${i}`), 'invalid-token');
      expectProblem(await knock(proxied, `203.0.113.${i}`), 'too-many-requests');
      // What the client itself wrote in front is not believed.
      expectProblem(await knock(proxied, `198.51.100.7, 203.0.113.${i}`), 'too-many-requests');
    }
  });
});
