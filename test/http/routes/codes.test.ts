/** The code beside the link, typed into the signed-in app: short, so it has few tries and a short life. */
import { describe, expect, test } from 'vitest';
import { ask, confirm, expectProblem, newUser } from '../../support/wire.ts';
import { eventually, startWorld, tokenIn, untilStatus, type World } from '../../support/world.ts';

const MINUTE = 60_000;
const CODE = /(?<!\d)(\d{4}) (\d{4})(?!\d)/;

const codeIn = (text: string): string => CODE.exec(text)?.slice(1).join('') ?? '';
const another = (code: string, i = 1): string =>
  String((Number(code) + i) % 100_000_000).padStart(8, '0');

async function invited(world: World) {
  const user = await newUser(world);
  const email = `new-${user.email.split('@')[0]}@example.org`;
  const { body } = await ask(world, user.token, email);
  const mail = await world.inbox.waitFor({ to: email });
  const id: string = body.id;
  const type = (code: unknown, token = user.token) =>
    world.call('POST', `/v1/email-changes/${id}/confirm`, { token, body: { code } });
  await untilMailed(world, user.token, id);
  return { ...user, id, type, email, code: codeIn(mail.text), link: tokenIn(mail.text, 'confirm') };
}

const untilMailed = (world: World, token: string, id: string) =>
  eventually(async () => {
    const { body } = await world.call('GET', `/v1/email-changes/${id}`, { token });
    return body.mailedAt !== undefined;
  }, 'mailedAt');

describe('the code', () => {
  test('confirms like the link, with a space or without, and twice is harmless', async () => {
    const world = await startWorld({ env: { CODE: 'on' } });
    for (const write of [
      (code: string) => code,
      (code: string) => `${code.slice(0, 4)} ${code.slice(4)}`,
    ]) {
      const change = await invited(world);
      expect(change.code).toMatch(/^\d{8}$/);
      const typed = await change.type(write(change.code));
      expect([typed.status, typed.body.id]).toEqual([202, change.id]);
      expect(['confirmed', 'committed']).toContain(typed.body.status);
      await untilStatus(world, change.token, change.id, 'committed');
      expect((await change.type(change.code)).body.status).toBe('committed');
      expect(world.tenant.patches(change.sub)).toHaveLength(1);
    }
  });

  test('has five tries, also when they come all at once; the link goes on working', async () => {
    const world = await startWorld({ env: { CODE: 'on' } });
    const one = await invited(world);
    for (let i = 1; i <= 4; i += 1)
      expectProblem(await one.type(another(one.code, i)), 'invalid-code');
    expect(['confirmed', 'committed']).toContain((await one.type(one.code)).body.status);

    const two = await invited(world);
    const guesses = await Promise.all(
      Array.from({ length: 20 }, (_, i) => two.type(another(two.code, i + 1))),
    );
    for (const guess of guesses) expectProblem(guess, 'invalid-code');
    expectProblem(await two.type(two.code), 'invalid-code');
    expect((await confirm(world, two.link)).body.status).toBe('confirmed');
  });

  test('dies after ten minutes, and with a resend, which gives new tries', async () => {
    const world = await startWorld({ env: { CODE: 'on' } });
    const change = await invited(world);
    for (let i = 1; i <= 5; i += 1) await change.type(another(change.code, i));
    world.pass(10 * MINUTE);
    expectProblem(await change.type(change.code), 'invalid-code');

    await world.call('POST', `/v1/email-changes/${change.id}/resend`, { token: change.token });
    const mail = await world.inbox.waitFor(
      (one) => one.to.includes(change.email) && codeIn(one.text) !== change.code,
    );
    await untilMailed(world, change.token, change.id);
    const fresh = codeIn(mail.text);
    expect(fresh).not.toBe(change.code);
    expectProblem(await change.type(change.code), 'invalid-code');
    expect(['confirmed', 'committed']).toContain((await change.type(fresh)).body.status);
  });

  test('works for its owner alone, and of odd shape it is a malformed request', async () => {
    const world = await startWorld({ env: { CODE: 'on' } });
    const change = await invited(world);
    const other = await newUser(world);
    expectProblem(await change.type(change.code, other.token), 'not-found');
    for (const odd of [
      '',
      '1',
      '123456789',
      '1234567',
      ' 12345678',
      '12345678\n',
      '1234-5678',
      '１２３４５６７８',
      'abcdefgh',
      12_345_678,
      null,
      ['12345678'],
      { 0: 1 },
    ])
      expectProblem(await change.type(odd), 'invalid-request', JSON.stringify(odd));
    const path = `/v1/email-changes/${change.id}/confirm`;
    expect((await world.call('POST', path, { body: { code: change.code } })).status).toBe(401);
    const { body } = await world.call('GET', `/v1/email-changes/${change.id}`, {
      token: change.token,
    });
    expect(body.status).toBe('pending');
  });

  test('is not there with CODE=off, neither in the mail nor at the door', async () => {
    const world = await startWorld();
    const change = await invited(world);
    expect(change.code).toBe('');
    expectProblem(await change.type('12345678'), 'not-found');
  });

  test('is guessed against the limit of links as well', async () => {
    const world = await startWorld({ workers: false, env: { CODE: 'on', LIMIT_LINK: '3/1m' } });
    const { token } = await newUser(world);
    const { body } = await ask(world, token, 'new@example.org');
    const type = () =>
      world.call('POST', `/v1/email-changes/${body.id}/confirm`, {
        token,
        body: { code: '12345678' },
      });
    for (let i = 0; i < 3; i += 1) expectProblem(await type(), 'invalid-code');
    expectProblem(await type(), 'too-many-requests');
  });
});
