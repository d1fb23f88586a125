/** CODE=on: eight digits beside the link, typed into the signed-in app. */
import { describe, expect, test } from 'vitest';
import type { InboxMessage } from '../../stand-ins/inbox/messages.ts';
import { dump, expectProblem, quiet, state } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';
import { recordOf } from '../workers/steps.ts';
import {
  addPerson,
  ask,
  linkIn,
  mail,
  MINUTE,
  oneLine,
  SECOND,
  until,
  use,
  view,
  words,
  type Change,
} from './steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';
const ON = { CODE: 'on' };

/** The digits as the reader of the mail sees them: `1234 5678`. */
const digitsIn = ({ text }: Pick<InboxMessage, 'text'>): string => {
  const [, digits] = /(?<!\d)(\d{4} \d{4})(?!\d)/.exec(text) ?? [];
  if (digits === undefined) throw new Error(`no code in: ${text}`);
  return digits;
};

/** A change whose nth confirmation mail is known to have been mailed, and the code in it. */
async function askWithCode(world: World, env = {}) {
  const asked = await ask(world, addPerson(world, OLD), NEW, env);
  return { asked, code: await codeOf(world, asked) };
}

async function codeOf(world: World, asked: Change, n = 1): Promise<string> {
  const code = digitsIn(await mail(world, asked, 'confirm', n));
  await quiet(world);
  expect(await view(world, asked)).toHaveProperty('mailedAt');
  return code;
}

const type = (world: World, { id, token }: Change, code: unknown) =>
  world.call('POST', `/v1/email-changes/${id}/confirm`, { token, body: { code } });

/** Another code of the right shape. */
const wrong = (code: string, n = 1): string =>
  String((Number(code.replace(' ', '')) + n) % 100_000_000).padStart(8, '0');

describe('the right code', () => {
  test('confirms and commits, typed with or without the space, and the link then says so', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    const typed = await type(world, asked, code);
    expect(typed.status).toBe(202);
    expect(typed.body).toMatchObject({ id: asked.id, status: 'confirmed' });
    await until(world, asked, { status: 'committed' });
    expect(world.tenant.user(asked.sub).email).toBe(NEW);
    const link = await linkIn(world, asked, 'confirm', 'confirm');
    expect((await use(world, 'confirm', link)).body).toEqual({ status: 'committed' });

    // Once more, with the space left out, it answers with what is recorded.
    expect((await type(world, asked, code.replace(' ', ''))).body).toMatchObject({
      status: 'committed',
    });
    await quiet(world);
    expect(world.tenant.patches()).toHaveLength(1);
  });

  test('stands in text and HTML of the mail to the new address, and nowhere else', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    const { text, html, subject } = await mail(world, asked, 'confirm');
    expect(oneLine(text)).toContain(words('fact.typedCode'));
    expect(oneLine(html)).toContain(words('fact.typedCode'));
    expect(html).toContain(code);
    expect(subject).not.toMatch(/\d{4}/);
    const notice = await mail(world, asked, 'notice');
    const elsewhere = [notice.text, notice.html, JSON.stringify(await view(world, asked))];
    for (const place of [
      ...elsewhere,
      JSON.stringify(world.logs),
      JSON.stringify(await dump(world)),
    ]) {
      expect(place).not.toContain(code);
      expect(place).not.toContain(code.replace(' ', ''));
    }
  });

  test('is one of two agreements under both, and the other mailbox has still to speak', async () => {
    const world = await startWorld({ env: { ...ON, CONFIRMATION: 'both' } });
    const { asked, code } = await askWithCode(world);
    expect((await type(world, asked, code)).body).toMatchObject({
      status: 'pending',
      awaiting: ['current'],
    });
    await use(world, 'approve', await linkIn(world, asked, 'approve', 'approve'));
    await until(world, asked, { status: 'committed' });
  });

  test('does nothing for a change that was canceled', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    await use(world, 'cancel', await linkIn(world, asked, 'notice', 'cancel'));
    expect((await type(world, asked, code)).body).toMatchObject({ status: 'canceled' });
    await quiet(world);
    expect(world.tenant.patches()).toEqual([]);
  });
});

describe('wrong codes', () => {
  test('are counted: after five even the right one is refused, and the link still works', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    for (let n = 1; n <= 5; n += 1)
      expectProblem(await type(world, asked, wrong(code, n)), 'invalid-code');
    expectProblem(await type(world, asked, code), 'invalid-code');
    expect(await view(world, asked)).toMatchObject({ status: 'pending', awaiting: ['new'] });

    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'committed' });
  });

  test('four of them leave the fifth try for the right one', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    for (let n = 1; n <= 4; n += 1) await type(world, asked, wrong(code, n));
    expect((await type(world, asked, code)).status).toBe(202);
    await until(world, asked, { status: 'committed' });
  });

  test('twenty at once are heard five times, and then the right one is refused', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    const guesses = Array.from({ length: 20 }, (_, n) => type(world, asked, wrong(code, n + 1)));
    for (const answer of await Promise.all(guesses)) expectProblem(answer, 'invalid-code');
    expect((await recordOf(world, asked.id)).codeTries).toBe(5);
    expectProblem(await type(world, asked, code), 'invalid-code');

    // Locked means locked: no try writes anything any more.
    const before = await state(world);
    await Promise.all(Array.from({ length: 5 }, (_, n) => type(world, asked, wrong(code, n + 1))));
    await type(world, asked, code);
    expect(await state(world)).toEqual(before);
  });

  test('among parallel guesses the right one commits at most once, and only if it was heard in time', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    const codes = Array.from({ length: 20 }, (_, n) => (n % 4 === 3 ? code : wrong(code, n + 1)));
    const answers = await Promise.all(codes.map((each) => type(world, asked, each)));
    const accepted = answers.filter(({ status }) => status === 202);
    await quiet(world);
    const { status } = await view(world, asked);
    expect(status).toBe(accepted.length > 0 ? 'committed' : 'pending');
    expect(world.tenant.patches()).toHaveLength(accepted.length > 0 ? 1 : 0);
  });

  test.each([
    ['too short', '1234567'],
    ['too long', '123456789'],
    ['with letters', '1234567a'],
    ['with the space elsewhere', '12 345678'],
    ['with two spaces', '1234  5678'],
    ['with a line end', '12345678\n'],
    ['of other digits', '１２３４５６７８'],
    ['a number', 12345678],
    ['null', null],
    ['a list', ['12345678']],
    ['empty', ''],
    ['missing', undefined],
  ])('malformed, %s: a precise 400 that costs no try', async (_, malformed) => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    for (let n = 0; n < 6; n += 1) {
      const answer = await type(world, asked, malformed);
      expectProblem(answer, 'invalid-request');
      expect(answer.body.errors[0].pointer).toBe('#/code');
    }
    expect((await type(world, asked, code)).status).toBe(202);
  });
});

describe('a code lives shortly', () => {
  test('it is good until the last second of its ten minutes, counted from its mail', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    world.pass(10 * MINUTE - 5 * SECOND);
    expect((await type(world, asked, code)).status).toBe(202);
  });

  test('after ten minutes it is refused, while the link lives on', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    world.pass(10 * MINUTE);
    expectProblem(await type(world, asked, code), 'invalid-code');
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'committed' });
  });

  test('a resend brings another code, kills the old one, and starts tries and time over', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    for (let n = 1; n <= 5; n += 1) await type(world, asked, wrong(code, n));
    world.pass(9 * MINUTE);
    const { id, token } = asked;
    const resent = await world.call('POST', `/v1/email-changes/${id}/resend`, { token });
    expect(resent.status).toBe(202);
    const fresh = await codeOf(world, asked, 2);
    expect(fresh).not.toBe(code);

    expectProblem(await type(world, asked, code), 'invalid-code');
    world.pass(9 * MINUTE);
    expect((await type(world, asked, fresh)).status).toBe(202);
    await until(world, asked, { status: 'committed' });
  });

  test('it can not be typed before it was mailed', async () => {
    const world = await startWorld({ env: ON, workers: false });
    const asked = await ask(world, addPerson(world, OLD), NEW);
    expectProblem(await type(world, asked, '00000000'), 'invalid-code');
  });

  test('a newer request has a code of its own', async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    const next = await ask(world, { sub: asked.sub, email: OLD }, 'ada@third.example');
    const fresh = await codeOf(world, next);
    expect((await type(world, asked, code)).body).toMatchObject({ status: 'superseded' });
    expectProblem(await type(world, next, code), 'invalid-code');
    expect((await type(world, next, fresh)).status).toBe(202);
  });
});

describe('the door of the code', () => {
  test("is closed for everybody else: another user's change is unknown, and no token is no entry", async () => {
    const world = await startWorld({ env: ON });
    const { asked, code } = await askWithCode(world);
    const eve = addPerson(world, 'eve@old.example');
    const hers = { ...asked, token: await world.token(eve.sub) };
    const unknown = { ...hers, id: 'AAAAAAAAAAAAAAAAAAAAAA' };
    expectProblem(await type(world, hers, code), 'not-found');
    expectProblem(await type(world, unknown, code), 'not-found');
    for (let n = 0; n < 10; n += 1) await type(world, hers, wrong(code));
    const path = `/v1/email-changes/${asked.id}/confirm`;
    expectProblem(await world.call('POST', path, { body: { code } }), 'missing-token');
    expect((await type(world, asked, code)).status).toBe(202);
  });

  test('is not there with CODE=off, and no mail speaks of it', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const { text, html } = await mail(world, asked, 'confirm');
    expect(oneLine(text + html)).not.toContain(words('fact.typedCode'));
    expect(() => digitsIn({ text })).toThrow('no code');
    expectProblem(await type(world, asked, '12345678'), 'not-found');
  });

  test('has the limit of the links', async () => {
    const world = await startWorld({ env: { ...ON, LIMIT_LINK: '3/1m' } });
    const { asked, code } = await askWithCode(world);
    for (let n = 1; n <= 3; n += 1) await type(world, asked, wrong(code, n));
    expectProblem(await type(world, asked, code), 'too-many-requests');
  });
});
