/**
 * Nothing that a requester, a token or an account says becomes anything but text in a mail, and most of
 * it does not get there at all. Read back from the mailbox, parsed as mail programs parse it.
 */
import { describe, expect, test } from 'vitest';
import type { InboxMessage } from '../../stand-ins/inbox/messages.ts';
import { ask, expectProblem, newUser, quiet, send } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';

const NEW = 'ada@new.example';
/** All that our mails have, and nothing else may add to. */
const HEADERS = [
  'auto-submitted',
  'content-language',
  'content-type',
  'date',
  'from',
  'message-id',
  'mime-version',
  'subject',
  'to',
  'x-auto-response-suppress',
  'x-entity-ref-id',
];
const HTML = '<a/href=//evil.example>&lt;b@evil.example<img src=x onerror=1>';
const LINES = '\r\nBcc: eve@evil.example\r\n\r\nhttps://evil.example/';

const tagsOf = ({ html }: InboxMessage): string[] => html.match(/<\w+/g) ?? [];

/** One recipient, our headers, our sender: whatever anybody tried. */
function expectUntouched(mail: InboxMessage, to: string): void {
  expect(mail.envelope).toEqual({ from: 'no-reply@readdress.example', to: [to] });
  expect(mail.to).toEqual([to]);
  expect([...mail.headers.keys()].toSorted()).toEqual(HEADERS);
  expect(mail.raw).not.toMatch(/evil|onerror/i);
}

/** The two mails of an invitation in a world where nobody is up to anything. */
async function plainMails(world: World): Promise<InboxMessage[]> {
  const user = await newUser(world, 'plain@old.example');
  await ask(world, user.token, 'plain@new.example');
  return [
    await world.inbox.waitFor({ to: 'plain@new.example' }),
    await world.inbox.waitFor({ to: 'plain@old.example' }),
  ];
}

describe('the requester', () => {
  test('can put no line, list, comment or second recipient into an address', async () => {
    const world = await startWorld();
    const { token } = await newUser(world);
    for (const email of [
      `${NEW}${LINES}`,
      `${NEW}\nBcc: eve@evil.example`,
      `${NEW}\u0085Bcc: eve@evil.example`,
      `${NEW}\u2028eve@evil.example`,
      `${NEW}%0d%0aBcc:eve@evil.example`,
      `${NEW},eve@evil.example`,
      `${NEW};eve@evil.example`,
      `${NEW} eve@evil.example`,
      `grp:${NEW},eve@evil.example;`,
      `Ada <${NEW}>`,
      `"eve@evil.example x"@new.example`,
      'eve@evil.example(@new.example',
      '=?utf-8?q?eve=40evil.example=3e=00?=@new.example',
      `"${HTML}"@new.example`,
      'a&lt;b@new.example\0',
    ])
      expectProblem(await ask(world, token, email), 'invalid-email', JSON.stringify(email));
    await quiet(world);
    expect(world.inbox.attempts).toEqual([]);
  });

  test('can put nothing of a return address, a locale or a header into a mail', async () => {
    const world = await startWorld({ env: { RETURN_URLS: 'https://app.example/' } });
    const user = await newUser(world, 'ada@old.example');
    for (const returnTo of [`https://app.example/${LINES}`, 'https://evil.example/', HTML])
      expectProblem(await ask(world, user.token, NEW, { returnTo }), 'invalid-return-url');
    expect(world.inbox.attempts).toEqual([]);

    const [confirm, notice] = await plainMails(world);
    const answer = await send(world.api, '/v1/email-changes', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${user.token}`,
        'content-type': 'application/json',
        'user-agent': HTML,
        'accept-language': 'evil, en;q=0.1, x-evil',
        referer: 'https://evil.example/',
        origin: 'https://evil.example',
        host: 'evil.example',
        'x-forwarded-for': 'evil.example',
        'x-forwarded-host': 'evil.example',
        forwarded: 'host=evil.example;proto=http',
        'x-original-url': '/evil',
        'idempotency-key': `"${HTML}"`,
        'x-request-id': 'evil',
      },
      // Hints that are none are dropped; the request goes on without them.
      body: JSON.stringify({
        email: NEW,
        returnTo: 'https://app.example/',
        locale: `en${LINES}`,
        timeZone: HTML,
      }),
    });
    expect(answer.status).toBe(202);
    for (const [to, plain] of [
      [NEW, confirm!],
      [user.email, notice!],
    ] as const) {
      const mail = await world.inbox.waitFor({ to });
      expectUntouched(mail, to);
      expect(mail.subject).toBe(plain.subject);
      expect(tagsOf(mail)).toEqual(tagsOf(plain));
      // The way back is the page's to offer: where a mail leads, nobody but us has a say.
      expect(mail.text + mail.html).not.toContain('app.example');
    }
  });
});

test('names in the token and in the account are in no mail', async () => {
  const world = await startWorld();
  const [confirm, notice] = await plainMails(world);
  const names = { name: HTML, nickname: LINES, given_name: HTML, family_name: HTML, picture: HTML };
  const user = await newUser(world, 'ada@old.example');
  world.tenant.updateUser(user.sub, names);
  const token = await world.token(user.sub, {
    claims: {
      'https://readdress/auth_time': Math.floor(world.now() / 1000),
      email: 'eve@evil.example',
      ...names,
    },
  });
  expect((await ask(world, token, NEW)).status).toBe(202);
  for (const [to, plain] of [
    [NEW, confirm!],
    [user.email, notice!],
  ] as const) {
    const mail = await world.inbox.waitFor({ to });
    expectUntouched(mail, to);
    expect(tagsOf(mail)).toEqual(tagsOf(plain));
  }
});

test.each([
  `ada@old.example${LINES}`,
  'ada@old.example, eve@evil.example',
  'eve@evil.example(@old.example',
  'Ada <eve@evil.example>',
  `"${HTML}"@old.example`,
])(
  'a current address that is none, %j, gets no mail, and stays text in the mail to the new one',
  async (current) => {
    const world = await startWorld();
    const [confirm] = await plainMails(world);
    const user = await newUser(world, 'ada@old.example');
    world.tenant.updateUser(user.sub, { email: current });
    expect((await ask(world, user.token, NEW)).status).toBe(202);
    const mail = await world.inbox.waitFor({ to: NEW });
    await quiet(world);
    expect(mail.envelope.to).toEqual([NEW]);
    expect([...mail.headers.keys()].toSorted()).toEqual(HEADERS);
    expect(tagsOf(mail)).toEqual(tagsOf(confirm!));
    expect(mail.text).not.toMatch(/^(https:\/\/evil|Bcc:)/m);
    const recipients = world.inbox.attempts.flatMap(({ to }) => to);
    expect(recipients.filter((to) => to.includes('evil'))).toEqual([]);
    expect(recipients.filter((to) => to !== NEW && !to.startsWith('plain@'))).toEqual([]);
  },
);

test("the operator's own words are text too, in every header and part", async () => {
  const brand = 'Acme "R&D" =?utf-8?q?x?= {{ 7 }} Ünïcode';
  const world = await startWorld({
    env: { BRAND_NAME: brand, MAIL_FROM: 'Acmé R&D =?x?= <no-reply@readdress.example>' },
  });
  const user = await newUser(world, 'ada@old.example');
  await ask(world, user.token, NEW);
  const mail = await world.inbox.waitFor({ to: NEW });
  expectUntouched(mail, NEW);
  expect(mail.headers.get('from')).toMatchObject({
    value: [{ name: 'Acmé R&D =?x?=', address: 'no-reply@readdress.example' }],
  });
  expect(mail.text.replaceAll(/\s+/g, ' ')).toContain(brand);
  expect(mail.html).toContain('R&amp;D');
  expect(mail.html).not.toContain('R&D');
});
