/** What people and platforms really send: hints refuse nothing, and a refusal names its cause. */
import { describe, expect, test } from 'vitest';
import { matchLocale } from '../../../src/locales/messages.ts';
import { ask, commitChange, dump, expectProblem, newUser } from '../../support/wire.ts';
import { startWorld, tokenIn } from '../../support/world.ts';

const CHANGES = '/v1/email-changes';

describe('the hints', () => {
  test('of whatever form never refuse a change', async () => {
    const world = await startWorld({ workers: false });
    // What phones, shells and frameworks write, then what is no hint at all.
    const languages = ['de', 'en_US', 'zh_Hant_TW', 'en_US@calendar=japanese', 'fr-CA fr en', 'C'];
    const zones = ['Europe/Berlin', 'UTC', '+02:00', 'Mars/Olympus', 'Europe/'];
    const odd = [
      '',
      ' ',
      '-',
      'x-klingon',
      '../../etc/passwd',
      'de\r\nBcc: x@example.org',
      '\u0000',
    ];
    const others = ['x'.repeat(7000), null, 7, true, [], ['de'], {}, { de: 1 }];
    const hints = [...languages, ...zones, ...odd, ...others];
    for (const hint of hints) {
      const { token } = await newUser(world);
      const asked = await ask(world, token, 'new@example.org', { locale: hint, timeZone: hint });
      expect(asked.status, JSON.stringify(hint)).toBe(202);
    }
    const { token } = await newUser(world);
    expectProblem(
      await ask(world, token, 'new@example.org', { language: 'de' }),
      'invalid-request',
    );
  });

  test.each([
    [{ locale: 'pt_BR' }, 'de', 'pt-BR'],
    [{ locale: 'fr_CA@calendar=gregorian' }, 'de', 'fr'],
    [{ locale: '' }, 'de-AT, en;q=0.5', 'de'],
    [{ locale: null }, 'de-AT, en;q=0.5', 'de'],
    [{}, 'ja', 'ja'],
  ])('of a language are followed: %j beside %s', async (more, header, expected) => {
    const world = await startWorld();
    const user = await newUser(world);
    const asked = await world.call('POST', CHANGES, {
      token: user.token,
      body: { email: 'new@example.org', ...more },
      headers: { 'accept-language': header },
    });
    expect(asked.status).toBe(202);
    const { html } = await world.inbox.waitFor({ to: 'new@example.org' });
    expect(matchLocale(/<html[^>]* lang="([\w-]+)"/.exec(html)?.[1])).toBe(expected);
  });

  test('of a time zone are kept in the record alone, sealed', async () => {
    const world = await startWorld({ workers: false });
    const { token } = await newUser(world);
    const asked = await ask(world, token, 'new@example.org', { timeZone: 'Pacific/Chatham' });
    expect(asked.status).toBe(202);
    expect(asked.text).not.toContain('Chatham');
    expect(JSON.stringify(await dump(world))).not.toContain('Chatham');
  });
});

describe('an address', () => {
  test('with white space and unseen marks around it is that address', async () => {
    const world = await startWorld({ workers: false });
    for (const [before, after] of [
      ['', '\n'],
      ['\t', '\r\n'],
      ['\u00a0', '\u2009'],
      ['\u3000', '\u3000'],
      ['\ufeff', '\u200b'],
      ['\u202a', '\u202c\u200e'],
    ]) {
      const { token } = await newUser(world);
      const asked = await ask(world, token, `${before}new@example.org${after}`);
      expect([asked.status, asked.body.email]).toEqual([202, 'new@example.org']);
    }
  });

  test('that is refused is refused with its own cause, and changes nothing', async () => {
    const world = await startWorld({
      workers: false,
      env: { PUBLIC_URL: 'https://change.example' },
    });
    const { token } = await newUser(world);
    for (const [email, words] of [
      ['a\u200bb@example.org', /U\+200B at position 2/],
      ['new@exam\u2060ple.org', /U\+2060 at position 9/],
      ['new＠example.org', /U\+FF20 at position 4/],
      ['example.org', /no @/],
      [`${'a'.repeat(65)}@example.org`, /too long/],
      ['"a b"@example.org', /Quoted/],
      ['a%b@example.org', /source route/],
      ['a@example.zzzz', /ending/],
      ['a@uk', /ending/],
    ] as const) {
      const answer = await ask(world, token, email);
      expectProblem(answer, 'invalid-email', email);
      expect(answer.body.errors).toEqual([
        { pointer: '#/email', detail: expect.stringMatching(words) },
      ]);
    }
    expect((await world.call('GET', `${CHANGES}/current`, { token })).status).toBe(404);
    for (const email of ['name@sa.gov.au', 'a@mil.no', 'a@nhs.uk', 'a@gov.in', 'a@co.uk'])
      expect((await ask(world, token, email)).status, email).toBe(202);
  });

  test('asked for again in another letter case is the same change, and sends nothing more', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const first = await ask(world, user.token, 'Ada.Lovelace@Example.org');
    await world.inbox.waitFor({ to: 'Ada.Lovelace@example.org' });
    const again = await ask(world, user.token, 'ada.lovelace@EXAMPLE.ORG');
    expect([again.status, again.body.id]).toEqual([202, first.body.id]);
    // Past the cooldown it is invited again, still as the same change.
    world.pass(61_000);
    const later = await ask(world, user.token, 'ADA.lovelace@example.org');
    expect([later.status, later.body.id]).toEqual([202, first.body.id]);
    const ofAnother = await ask(world, user.token, 'grace@example.org');
    expect(ofAnother.body.id).not.toBe(first.body.id);
  });
});

describe('an identity', () => {
  test('of a custom store may have an id of any sane length, from the request to the commit', async () => {
    const world = await startWorld();
    const user_id = `auth0|${'custom-store/'.repeat(20)}42`;
    world.tenant.addUser({ user_id, email: 'old@example.com', password: 'correct horse' });
    const user = { email: 'old@example.com', token: await world.token(user_id) };
    await commitChange(world, user, 'new@example.org');
    expect(world.tenant.user(user_id)?.email).toBe('new@example.org');

    const endless = await world.token(`auth0|${'x'.repeat(2000)}`);
    const refused = await ask(world, endless, 'new@example.org');
    expectProblem(refused, 'unsupported-identity');
    expect(refused.body.detail).toMatch(/longer than 1024/);
  });

  test('that can not change its address is told why in words that are true for it', async () => {
    const world = await startWorld({ workers: false });
    for (const [sub, words] of [
      ['email|5f7c', /code or link mailed/],
      ['sms|5f7c', /telephone/],
      ['google-oauth2|1', /social or enterprise/],
      ['samlp|acme|1', /social or enterprise/],
    ] as const) {
      const refused = await ask(world, await world.token(sub), 'new@example.org');
      expectProblem(refused, 'unsupported-identity', sub);
      expect(refused.body.detail).toMatch(words);
    }
  });

  test('without a password changes its address under PASSWORDLESS=allow, and undoes it', async () => {
    const world = await startWorld({ env: { PASSWORDLESS: 'allow' } });
    const { user_id } = world.tenant.addUser({ provider: 'email', email: 'old@example.com' });
    const user = { email: 'old@example.com', token: await world.token(user_id) };
    await commitChange(world, user, 'new@example.org');
    expect(world.tenant.user(user_id)).toMatchObject({
      email: 'new@example.org',
      email_verified: true,
    });
    const mail = await world.inbox.waitFor(
      ({ to, text }) => to.includes('old@example.com') && text.includes('/undo#'),
    );
    const token = tokenIn(mail.text, 'undo');
    const undone = await world.call('POST', '/v1/undo', {
      body: { token },
      headers: { prefer: 'wait=15' },
    });
    expect(undone.body).toEqual({ status: 'undone' });
    expect(world.tenant.user(user_id)?.email).toBe('old@example.com');
    // A social login stays its provider's.
    const social = await ask(world, await world.token('google-oauth2|1'), 'x@example.org');
    expectProblem(social, 'unsupported-identity');
  });
});
