/** The holder of a mailed link, over JSON: what each token may do, and what becomes of races. */
import { describe, expect, test } from 'vitest';
import {
  ask,
  askAndReadMail,
  commitChange,
  comparable,
  confirm,
  expectProblem,
  newUser,
  quiet,
  state,
  type Mailed,
} from '../../support/wire.ts';
import { eventually, startWorld, tokenIn, untilStatus, type World } from '../../support/world.ts';

const MINUTE = 60_000;
const PURPOSES = ['confirm', 'approve', 'cancel', 'undo'] as const;
const DOORS = ['/v1/links/inspect', ...PURPOSES.map((purpose) => `/v1/${purpose}`)];

const useAt = (world: World, path: string, token: unknown, headers = {}) =>
  world.call('POST', path, { body: { token }, headers });
const cancel = (world: World, token: string) => useAt(world, '/v1/cancel', token);
const inspect = (world: World, token: string) => useAt(world, '/v1/links/inspect', token);

const flip = (text: string, at: number): string =>
  text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);

describe('a token that is not one', () => {
  test('gets one and the same answer from every door, whatever is wrong with it, and moves nothing', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const { confirm: token } = await askAndReadMail(world, user, 'new@example.org');
    const other = await askAndReadMail(world, await newUser(world), 'other@example.org');
    const idChars = 21;

    const wrong: Record<string, string> = {
      empty: '',
      blank: ' ',
      'the word undefined': 'undefined',
      'a path': '../../../etc/passwd',
      'random, of the right shape': Buffer.from(
        Array.from({ length: 48 }, (_, i) => (i * 37 + 11) % 256),
      ).toString('base64url'),
      zeros: 'A'.repeat(64),
      'one character short': token.slice(0, -1),
      'without its first character': token.slice(1),
      'one character long': `${token}A`,
      'far too long': token.repeat(100),
      'with a NUL': `${token}\0`,
      'in the other base64 alphabet': `${token.slice(0, -1)}+`,
      padded: `${token}==`,
      'in another case': token.toLowerCase(),
      // Percent-encoded text is read; what is read must still be ours.
      'percent-encoded and altered': `%${flip(token, 0).charCodeAt(0).toString(16)}${token.slice(1)}`,
      'non-ASCII': `${token.slice(0, -1)}é`,
      'altered in the id': flip(token, 3),
      'altered where id meets proof': flip(token, idChars),
      'altered in the proof': flip(token, 40),
      'altered at its end': flip(token, 63),
      'the id alone': token.slice(0, 22),
      'the id with no proof': token.slice(0, idChars).padEnd(64, 'A'),
      'the id of one with the proof of another': token.slice(0, 22) + other.confirm.slice(22),
    };
    await quiet(world);
    const before = await state(world);
    const reference = await confirm(world, 'x');
    expectProblem(reference, 'invalid-link');
    for (const [label, text] of Object.entries(wrong))
      for (const door of DOORS)
        expect(comparable(await useAt(world, door, text)), `${label} at ${door}`).toEqual(
          comparable(reference),
        );
    // Genuine, but meant for another door.
    for (const [purpose, genuine] of [
      ['confirm', token],
      ['cancel', other.cancel],
    ] as const)
      for (const door of PURPOSES.filter((each) => each !== purpose))
        expect(
          comparable(await useAt(world, `/v1/${door}`, genuine)),
          `${purpose} at ${door}`,
        ).toEqual(comparable(reference));

    expect(await state(world)).toEqual(before);
    expect((await confirm(world, token)).body).toEqual({ status: 'confirmed' });
  });

  test('that is not even text is a malformed request', async () => {
    const world = await startWorld({ workers: false });
    for (const token of [null, 5, true, ['A'.repeat(64)], { 0: 'A' }])
      for (const door of DOORS) expectProblem(await useAt(world, door, token), 'invalid-request');
    for (const body of [{}, [], { token: 'x', more: 1 }, { 'token[]': 'x' }])
      for (const door of DOORS)
        expectProblem(await world.call('POST', door, { body }), 'invalid-request');
  });
});

describe('a genuine token of a closed change', () => {
  test('says what became of it, at every door it opens, and reopens nothing', async () => {
    const world = await startWorld();
    const ends: Record<string, (change: Mailed) => Promise<unknown>> = {
      superseded: (change) => ask(world, change.token, 'second@example.org'),
      canceled: (change) =>
        world.call('DELETE', `/v1/email-changes/${change.id}`, { token: change.token }),
      committed: async (change) => {
        await confirm(world, change.confirm);
        await untilStatus(world, change.token, change.id, 'committed');
      },
      rejected: async (change) => {
        world.tenant.addUser({ email: change.email, password: 'correct horse' });
        await confirm(world, change.confirm);
        await untilStatus(world, change.token, change.id, 'rejected');
      },
    };
    for (const [status, end] of Object.entries(ends)) {
      const change = await askAndReadMail(world, await newUser(world), `${status}@example.org`);
      await end(change);
      const patches = world.tenant.patches().length;
      const recorded = { status, ...(status === 'rejected' ? { reason: 'email-taken' } : {}) };
      for (let i = 0; i < 2; i += 1)
        for (const purpose of ['confirm', 'cancel'] as const) {
          const used = await useAt(world, `/v1/${purpose}`, change[purpose]);
          expect([used.status, used.body], `${purpose} ${status}`).toEqual([202, recorded]);
          expect((await inspect(world, change[purpose])).body).toMatchObject({
            purpose,
            ...recorded,
          });
        }
      expect(world.tenant.patches(), status).toHaveLength(patches);
    }
  });

  test('is confirmable until the last second of its life, and expired from the next on', async () => {
    const world = await startWorld({ env: { LINK_TTL: '30m' } });
    const [early, late] = [await newUser(world), await newUser(world)];
    const inTime = await askAndReadMail(world, early, 'early@example.org');
    const tooLate = await askAndReadMail(world, late, 'late@example.org');
    const { body } = await inspect(world, inTime.confirm);
    world.pass(Date.parse(body.expiresAt) - 1000 - world.now());
    expect((await confirm(world, inTime.confirm)).body).toEqual({ status: 'confirmed' });
    await untilStatus(world, early.token, inTime.id, 'committed');

    const last = await inspect(world, tooLate.confirm);
    world.pass(Date.parse(last.body.expiresAt) + 1000 - world.now());
    expect((await inspect(world, tooLate.confirm)).body.status).toBe('expired');
    expect((await confirm(world, tooLate.confirm)).body).toEqual({ status: 'expired' });
    expect((await cancel(world, tooLate.cancel)).body).toEqual({ status: 'expired' });
    expect(world.tenant.patches(late.sub)).toHaveLength(0);
  });
});

describe('inspect', () => {
  test('shows a mailbox its own address and masks the other, and changes nothing', async () => {
    const world = await startWorld();
    const user = await newUser(world, 'ada.byron@old.example');
    const change = await askAndReadMail(world, user, 'lovelace@example.org');
    await quiet(world);
    const before = await state(world);
    const shared = {
      status: 'pending',
      awaiting: ['new'],
      currentEmail: 'a•••@old.example',
      expiresAt: expect.stringMatching(/Z$/),
      locale: 'en',
    };
    const [byNew, byOld] = [
      await inspect(world, change.confirm),
      await inspect(world, change.cancel),
    ];
    expect(byNew.status).toBe(200);
    expect(byNew.body).toEqual({ ...shared, purpose: 'confirm', email: 'lovelace@example.org' });
    expect(byOld.body).toEqual({ ...shared, purpose: 'cancel', email: 'l•••@example.org' });
    expect(await state(world)).toEqual(before);

    await confirm(world, change.confirm);
    const committed = await untilStatus(world, user.token, change.id, 'committed');
    const mail = await world.inbox.waitFor((one) => one.text.includes('/undo#'));
    const undo = await inspect(world, tokenIn(mail.text, 'undo'));
    expect(undo.body).toEqual({
      purpose: 'undo',
      status: 'committed',
      email: 'l•••@example.org',
      currentEmail: 'a•••@old.example',
      expiresAt: committed.undoUntil,
      locale: 'en',
    });
  });
});

describe('Prefer: wait', () => {
  test('answers 200 with the outcome as soon as there is one, and 202 when there is none in time', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    const done = await confirm(world, change.confirm, { prefer: 'respond-async, wait=10' });
    expect([done.status, done.body]).toEqual([200, { status: 'committed' }]);
    expect(done.headers.get('preference-applied')).toBe('wait=10');
    const again = await confirm(world, change.confirm, { prefer: 'wait=10' });
    expect([again.status, again.body]).toEqual([200, { status: 'committed' }]);

    const slow = await askAndReadMail(world, await newUser(world), 'slow@example.org');
    let answer = (): void => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    world.tenant.faults.add({ kind: 'hold', until, match: { path: '/api/v2/users/' } });
    const startedAt = performance.now();
    const waiting = await confirm(world, slow.confirm, { prefer: 'wait=1' });
    expect([waiting.status, waiting.body]).toEqual([202, { status: 'confirmed' }]);
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(performance.now() - startedAt).toBeLessThan(2500);
    answer();
  });

  test('tells the taken address to the mailbox that asked, and a malformed wish is no wish', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    world.tenant.addUser({ email: 'taken@example.org', password: 'correct horse' });
    const change = await askAndReadMail(world, user, 'taken@example.org');
    for (const prefer of ['wait', 'wait=', 'wait=-1', 'wait=soon', 'await=9', 'wait=0'])
      expect(
        (await confirm(world, change.confirm, { prefer })).headers.has('preference-applied'),
      ).toBe(false);
    const told = await confirm(world, change.confirm, { prefer: 'wait="10"' });
    expect([told.status, told.body]).toEqual([200, { status: 'rejected', reason: 'email-taken' }]);
  });
});

describe('races', () => {
  test('fifty clicks at once are one click: one transition, one PATCH, one answer', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    const clicks = await Promise.all(
      Array.from({ length: 50 }, () => confirm(world, change.confirm)),
    );
    for (const { status, body } of clicks) {
      expect(status).toBe(202);
      expect(['confirmed', 'committed']).toContain(body.status);
    }
    await untilStatus(world, user.token, change.id, 'committed');
    await eventually(() => world.inbox.messages.length === 4, 'four mails');
    expect(world.tenant.patches()).toHaveLength(1);
    expect(world.logs.filter((line) => line.event === 'email_change.confirmed')).toHaveLength(1);
    expect(world.logs.filter((line) => line.event === 'email_change.committed')).toHaveLength(1);
  });
});

describe('the current mailbox', () => {
  test('stops a change that its owner did not ask for, before and after the click of the new one', async () => {
    const world = await startWorld();
    for (const clickedFirst of [false, true]) {
      const user = await newUser(world);
      const change = await askAndReadMail(world, user, `new${Number(clickedFirst)}@example.org`);
      const away = world.tenant.faults.add({
        kind: 'status',
        status: 503,
        match: { path: '/api/v2/users/' },
      });
      if (clickedFirst) await confirm(world, change.confirm);
      for (let i = 0; i < 2; i += 1) {
        const { status, body } = await cancel(world, change.cancel);
        expect([status, body]).toEqual([202, { status: 'canceled' }]);
      }
      away.remove();
      expect((await confirm(world, change.confirm)).body).toEqual({ status: 'canceled' });
      world.pass(MINUTE);
      await eventually(async () => {
        const due = await world.redis.zrangebyscore(`${world.prefix}:due`, '-inf', '+inf');
        return !due.some((task) => task === `${change.id}:commit`);
      }, 'the commit to be dropped');
      expect(world.tenant.patches(user.sub)).toHaveLength(0);
    }
  });
});

describe('both mailboxes have to agree', () => {
  const both = (world: World, user: { email: string }, address: string) =>
    Promise.all([
      world.inbox.waitFor({ to: address }),
      world.inbox.waitFor({ to: user.email }),
    ]).then(([invitation, question]) => ({
      confirm: tokenIn(invitation.text, 'confirm'),
      approve: tokenIn(question.text, 'approve'),
      cancel: tokenIn(question.text, 'cancel'),
    }));

  test.each([
    ['new', 'current'],
    ['current', 'new'],
  ] as const)('in any order: first %s, then %s; one token twice is not two', async (...order) => {
    const world = await startWorld({ env: { CONFIRMATION: 'both' } });
    const user = await newUser(world);
    const asked = await ask(world, user.token, 'new@example.org');
    expect(asked.body.awaiting).toEqual(['new', 'current']);
    const tokens = await both(world, user, 'new@example.org');
    expect(new Set(Object.values(tokens)).size).toBe(3);
    const press = (side: 'new' | 'current') =>
      side === 'new' ? confirm(world, tokens.confirm) : useAt(world, '/v1/approve', tokens.approve);
    // Neither stands in for the other.
    expectProblem(await confirm(world, tokens.approve), 'invalid-link');
    expectProblem(await useAt(world, '/v1/approve', tokens.confirm), 'invalid-link');

    const [first, second] = order;
    for (let i = 0; i < 3; i += 1) {
      const { body } = await press(first);
      expect(body).toEqual({ status: 'pending', awaiting: [second] });
    }
    const { body: half } = await world.call('GET', `/v1/email-changes/${asked.body.id}`, {
      token: user.token,
    });
    expect([half.status, half.awaiting]).toEqual(['pending', [second]]);
    expect(world.tenant.patches()).toHaveLength(0);

    expect((await press(second)).body).toEqual({ status: 'confirmed' });
    await untilStatus(world, user.token, asked.body.id, 'committed');
    for (const side of order) expect((await press(side)).body).toEqual({ status: 'committed' });
    expect(world.tenant.patches()).toHaveLength(1);
  });

  test('and the current one alone can still say no', async () => {
    const world = await startWorld({ env: { CONFIRMATION: 'both' } });
    const user = await newUser(world);
    const { body: change } = await ask(world, user.token, 'new@example.org');
    const tokens = await both(world, user, 'new@example.org');
    await confirm(world, tokens.confirm);
    expect((await cancel(world, tokens.cancel)).body).toEqual({ status: 'canceled' });
    expect((await useAt(world, '/v1/approve', tokens.approve)).body).toEqual({
      status: 'canceled',
    });
    await untilStatus(world, user.token, change.id, 'canceled');
    expect(world.tenant.patches()).toHaveLength(0);
  });

  test('under auto only where the login had no second factor', async () => {
    const world = await startWorld({ workers: false, env: { CONFIRMATION: 'auto' } });
    const { sub } = await newUser(world);
    const awaits = async (amr: unknown, claim = 'https://readdress/amr') => {
      const token = await world.token(sub, {
        claims: { 'https://readdress/auth_time': Math.floor(world.now() / 1000), [claim]: amr },
      });
      return (await ask(world, token, `a${performance.now()}@example.org`)).body.awaiting;
    };
    expect(await awaits(['pwd', 'mfa'])).toEqual(['new']);
    expect(await awaits(['mfa'], 'amr')).toEqual(['new']);
    for (const weak of [['pwd'], [], 'mfa', { mfa: true }, undefined, null])
      expect(await awaits(weak)).toEqual(['new', 'current']);
  });
});

describe('LIMIT_LINK', () => {
  test('ends guessing with 429, at all link doors together, and says when to come back', async () => {
    const world = await startWorld({ workers: false, env: { LIMIT_LINK: '5/1m' } });
    for (const door of DOORS)
      expectProblem(await useAt(world, door, 'A'.repeat(64)), 'invalid-link');
    for (const door of DOORS) {
      const refused = await useAt(world, door, 'A'.repeat(64));
      expectProblem(refused, 'too-many-requests');
      expect(refused.headers.get('ratelimit-policy')).toBe('"link";q=5;w=60');
      expect(refused.headers.get('ratelimit')).toMatch(/^"link";r=0;t=\d+$/);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    }
    // Whoever asks for a change has a limit of its own.
    expect((await ask(world, (await newUser(world)).token, 'a@example.org')).status).toBe(202);
  });
});

describe('after the commit', () => {
  test('the cancel link says that it is too late, and the undo link takes over', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await commitChange(world, user, 'new@example.org');
    expect((await cancel(world, change.cancel)).body).toEqual({ status: 'committed' });
    const mail = await world.inbox.waitFor((one) => one.text.includes('/undo#'));
    expect(mail.to).toEqual([user.email]);
    const undo = tokenIn(mail.text, 'undo');
    expectProblem(await confirm(world, undo), 'invalid-link');
    const undone = await useAt(world, '/v1/undo', undo, { prefer: 'wait=10' });
    expect([undone.status, undone.body]).toEqual([200, { status: 'undone' }]);
    expect(world.tenant.user(user.sub)).toMatchObject({ email: user.email, email_verified: true });
  });
});
