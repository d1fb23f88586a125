/** Takeover by email change is an incident of minutes: the previous mailbox takes its address back. */
import { describe, expect, test } from 'vitest';
import type { FaultAction } from '../../stand-ins/tenant/faults.ts';
import { expectProblem, submit } from '../support/wire.ts';
import { eventually, startWorld, type World } from '../support/world.ts';
import {
  addPerson,
  ask,
  change,
  DAY,
  HOUR,
  inspect,
  linkIn,
  mail,
  mailsOf,
  managementCalls,
  oneLine,
  press,
  signIn,
  tryToAsk,
  until,
  use,
  view,
  words,
  type Change,
  type Person,
} from './steps.ts';

const RESET = 'https://login.example.com/reset';
const A = 'ada@a.example';
const B = 'ada@b.example';
const C = 'ada@c.example';

const wide = { rateLimit: { burst: 10_000, perSecond: 10_000 } };
const undoLink = (world: World, committed: Change) => linkIn(world, committed, 'changed', 'undo');
const addressOf = (world: World, { sub }: Person) => world.tenant.user(sub).email;
const effective = (world: World) => world.tenant.patches().filter((call) => call.effective);

/** A → B → C, and the undo links that A and B hold. */
async function chain(world: World) {
  const ada = addPerson(world, A);
  const first = await change(world, ada, B);
  const second = await change(world, { ...ada, email: B }, C);
  const links = { a: await undoLink(world, first), b: await undoLink(world, second) };
  return { ada, first, second, links };
}

describe('the previous mailbox', () => {
  test('takes its address back by the page behind its notice, and both mailboxes are told what to do', async () => {
    const world = await startWorld({ env: { PASSWORD_RESET_URL: RESET } });
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const link = await undoLink(world, stolen);

    // Looking is not undoing: neither the page, nor the inspection that it makes.
    expect((await world.call('GET', '/undo')).status).toBe(200);
    const seen = await inspect(world, link);
    expect(seen.body).toMatchObject({
      purpose: 'undo',
      status: 'committed',
      email: 'a•••@b.example',
      currentEmail: 'a•••@a.example',
      expiresAt: (await view(world, stolen)).undoUntil,
    });
    expect(addressOf(world, ada)).toBe(B);

    const page = await press(world, 'undo', link);
    await until(world, stolen, { status: 'undone', signInAgain: true });
    expect(await page()).toContain(words('page.outcome.undone.title'));
    expect(await page()).toContain(words('page.outcome.undone.next'));

    // One write, with the care of a commit: verified, no mail by Auth0, the identity by its connection.
    expect(world.tenant.patches().map(({ body }) => body)).toEqual(
      [B, A].map((email) => ({
        email,
        email_verified: true,
        verify_email: false,
        connection: 'Username-Password-Authentication',
      })),
    );
    expect(world.tenant.user(ada.sub)).toMatchObject({ email: A, email_verified: true });

    const restored = await mail(world, stolen, 'restored');
    const undone = await mail(world, stolen, 'undone');
    expect([restored.to, undone.to]).toEqual([[A], [B]]);
    // Whoever has the new mailbox is perhaps the thief, and needs no way to a new password.
    expect([restored.text.includes(RESET), undone.text.includes(RESET)]).toEqual([true, false]);
    expect([restored.html.includes(RESET), undone.html.includes(RESET)]).toEqual([true, false]);
    for (const { text } of [restored, undone]) expect(text).not.toMatch(/#[\w-]{64}/);
    expect(oneLine(restored.text)).toContain(words('mail.restored.next'));
    expect(undone.text).not.toContain(A);
  });

  test('has no reset link in its mails where none is configured', async () => {
    const world = await startWorld();
    const stolen = await change(world, addPerson(world, A), B);
    await use(world, 'undo', await undoLink(world, stolen));
    const mails = [await mail(world, stolen, 'restored'), await mail(world, stolen, 'undone')];
    for (const { text } of mails) expect(text).not.toContain('http');
  });

  test('signs out whoever took the account: sessions and refresh tokens are gone at the tenant', async () => {
    // A tenant that keeps sessions over a change of address: only the revocation can end them.
    const world = await startWorld({ tenant: { endSessionsOnEmailChange: false } });
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const { refresh_token = '' } = await signIn(world, B);
    expect(world.tenant.sessions(ada.sub)).toHaveLength(1);
    expect(world.tenant.refreshTokens(ada.sub)).toHaveLength(1);

    await use(world, 'undo', await undoLink(world, stolen));
    await until(world, stolen, { status: 'undone', revocation: 'done' });
    expect(world.tenant.sessions(ada.sub)).toEqual([]);
    expect(world.tenant.refreshTokens(ada.sub)).toEqual([]);
    const renewed = await fetch(`${world.tenant.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: world.tenant.spaClientId,
        refresh_token,
      }),
    });
    expect(renewed.status).toBe(403);
  });

  test('is undone all the same where the plan has no revocation, and the status says so', async () => {
    const world = await startWorld({ tenant: { plan: 'free' } });
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    await use(world, 'undo', await undoLink(world, stolen));
    await until(world, stolen, { status: 'undone', revocation: 'unsupported' });
    expect(addressOf(world, ada)).toBe(A);
  });
});

describe('after an undo', () => {
  test('nobody can ask for a change for UNDO_LOCK, a day by default, and is told for how long', async () => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    await use(world, 'undo', await undoLink(world, stolen));
    await until(world, stolen, { status: 'undone' });

    const refused = await tryToAsk(world, ada, C);
    expectProblem(refused, 'changes-locked');
    const left = Number(refused.headers.get('retry-after'));
    expect(left).toBeGreaterThan(86_000);
    expect(left).toBeLessThanOrEqual(86_400);
    // Not even for the address that it had, and not half a day later.
    expect((await tryToAsk(world, ada, A)).status).toBe(409);
    world.pass(DAY / 2);
    expectProblem(await tryToAsk(world, ada, C), 'changes-locked');
    // Another user of the tenant is not locked.
    const eve = addPerson(world, 'eve@a.example');
    expect((await tryToAsk(world, eve, 'eve@b.example')).status).toBe(202);

    world.pass(DAY / 2);
    expect((await tryToAsk(world, ada, C)).status).toBe(202);
  });

  test('UNDO_LOCK=0s locks nothing', async () => {
    const world = await startWorld({ env: { UNDO_LOCK: '0s' } });
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    await use(world, 'undo', await undoLink(world, stolen));
    await until(world, stolen, { status: 'undone' });
    expect((await tryToAsk(world, ada, C)).status).toBe(202);
  });

  test('the open change that followed is over, by no act of its own, and its link says so', async () => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const next = await ask(world, { ...ada, email: B }, C);
    const confirm = await linkIn(world, next, 'confirm', 'confirm');

    await use(world, 'undo', await undoLink(world, stolen));
    await until(world, next, { status: 'canceled', canceledBy: 'undo' });
    await until(world, stolen, { status: 'undone' });
    expect((await use(world, 'confirm', confirm)).body).toEqual({ status: 'canceled' });
    expect(addressOf(world, ada)).toBe(A);
    expect(effective(world)).toHaveLength(2);
  });
});

describe('a chain A → B → C', () => {
  test("A's link restores A and ends what followed; B's link can not undo that; all three are told", async () => {
    const world = await startWorld();
    const { ada, first, second, links } = await chain(world);
    await use(world, 'undo', links.a);
    await until(world, first, { status: 'undone' });
    await until(world, second, { status: 'undone' });
    expect(addressOf(world, ada)).toBe(A);

    const late = await press(world, 'undo', links.b);
    expect(await late()).toContain(words('page.outcome.undone.title'));
    expect((await use(world, 'undo', links.b)).body).toEqual({ status: 'undone' });
    expect(addressOf(world, ada)).toBe(A);
    expect(effective(world)).toHaveLength(3);

    await mail(world, first, 'restored');
    await mail(world, first, 'undone');
    await mail(world, second, 'undone');
    const told = (each: Change) =>
      mailsOf(world, each).filter((line) => /undone|restored/.test(line));
    expect(told(first)).toEqual([`restored → ${A}`, `undone → ${B}`]);
    expect(told(second)).toEqual([`undone → ${C}`]);
  });

  test("B's link restores B, and A keeps the last word", async () => {
    const world = await startWorld();
    const { ada, first, second, links } = await chain(world);
    await use(world, 'undo', links.b);
    await until(world, second, { status: 'undone' });
    expect(addressOf(world, ada)).toBe(B);
    expect((await view(world, first)).status).toBe('committed');

    // The lock is for new changes, not for an owner who is late to read their mail.
    await use(world, 'undo', links.a);
    await until(world, first, { status: 'undone' });
    expect(addressOf(world, ada)).toBe(A);
  });

  test('of both links at once A has the last word, whichever comes first', async () => {
    const world = await startWorld();
    const { ada, first, second, links } = await chain(world);
    await Promise.all([use(world, 'undo', links.b), use(world, 'undo', links.a)]);
    await until(world, first, { status: 'undone' }, 15_000);
    await until(world, second, { status: 'undone' });
    expect(addressOf(world, ada)).toBe(A);
  });

  test('a chain that leads back to A is undone to A without a complaint to A', async () => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    const away = await change(world, ada, B);
    const back = await change(world, { ...ada, email: B }, A);
    await use(world, 'undo', await undoLink(world, away));
    await until(world, back, { status: 'undone' });
    await mail(world, away, 'restored');
    await mail(world, away, 'undone');
    expect(addressOf(world, ada)).toBe(A);
    expect(mailsOf(world, back).filter((line) => line.startsWith('undone'))).toEqual([]);
    // It was there already: nothing had to be written.
    expect(effective(world)).toHaveLength(2);
  });
});

describe('an undo is refused, with its reason and without a write, when', () => {
  type Trouble = (world: World, sub: string) => void;
  const gone: Trouble = (world, sub) => world.tenant.deleteUser(sub);
  const moved: Trouble = (world, sub) =>
    void world.tenant.updateUser(sub, { email: 'x@z.example' });
  const linked: Trouble = (world, sub) => {
    const [database] = world.tenant.user(sub).identities;
    const social = {
      connection: 'google-oauth2',
      provider: 'google-oauth2',
      user_id: '7',
      isSocial: true,
    };
    world.tenant.updateUser(sub, { identities: [social, database!] });
  };
  const taken: Trouble = (world) => void world.tenant.addUser({ email: A });

  test.each([
    ['the account has moved on by other means', 'address-drifted', moved],
    ['the account is gone', 'user-gone', gone],
    ['another identity is the primary one by now', 'unsupported-identity', linked],
    ['somebody else has the previous address by now', 'email-taken', taken],
  ] as const)('%s: %s', async (_, reason, trouble) => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const link = await undoLink(world, stolen);
    trouble(world, ada.sub);

    const page = await press(world, 'undo', link);
    await until(world, stolen, { status: 'committed', reason });
    expect(await page()).toContain(words('page.outcome.undo-refused.title'));
    expect(await page()).toContain(words(`reason.${reason}.why`));
    expect((await use(world, 'undo', link)).body).toEqual({ status: 'committed', reason });
    expect(effective(world)).toHaveLength(1);
    expect(mailsOf(world, stolen)).not.toContain(`restored → ${A}`);
    // An undo that changed nothing locks nothing.
    expect((await tryToAsk(world, ada, C)).status).toBe(202);
  });

  test('its window is over: the page says that it is too late, and nothing happens', async () => {
    const world = await startWorld({ env: { UNDO_WINDOW: '1h' } });
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const link = await undoLink(world, stolen);
    world.pass(HOUR);
    const page = await press(world, 'undo', link);
    expect(await page()).toContain(words('page.outcome.undo-window-passed.title'));
    expect(await view(world, stolen)).toMatchObject({ status: 'committed' });
    expect(addressOf(world, ada)).toBe(B);
    expect(effective(world)).toHaveLength(1);
  });
});

describe('an undo happens once', () => {
  test('twenty presses at once are one write, one mail to each side, one answer', async () => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const link = await undoLink(world, stolen);
    await mail(world, stolen, 'done');
    const answers = await Promise.all(Array.from({ length: 20 }, () => use(world, 'undo', link)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    await until(world, stolen, { status: 'undone', revocation: 'done' });
    expect((await use(world, 'undo', link)).body).toEqual({ status: 'undone' });
    await mail(world, stolen, 'restored');
    await mail(world, stolen, 'undone');
    expect(effective(world)).toHaveLength(2);
    expect(mailsOf(world, stolen)).toEqual([
      `changed → ${A}`,
      `confirm → ${B}`,
      `done → ${B}`,
      `notice → ${A}`,
      `restored → ${A}`,
      `undone → ${B}`,
    ]);
  });

  test.each([
    { kind: 'executeThenReset' },
    { kind: 'executeThenStatus', status: 502 },
    { kind: 'reset' },
  ] as const)(
    'when the answer to its write is lost ($kind) it is settled by reading, never by writing again',
    async (fault) => {
      const world = await startWorld();
      const ada = addPerson(world, A);
      const stolen = await change(world, ada, B);
      world.tenant.faults.add({ ...fault, match: { method: 'PATCH' }, times: 1 });
      await use(world, 'undo', await undoLink(world, stolen));
      await until(world, stolen, { status: 'undone' });
      expect(addressOf(world, ada)).toBe(A);
      expect(effective(world)).toHaveLength(2);
    },
  );

  test('a press is not lost while Auth0 is away, however long, and the page says that it is recorded', async () => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const link = await undoLink(world, stolen);
    const match = { path: '/api/v2/' };
    const away = world.tenant.faults.add({ kind: 'status', status: 503, match });
    const page = await press(world, 'undo', link);
    await away.struck;
    expect(await page()).toContain(words('page.outcome.undo-processing.title'));
    // Past the window, past every deadline of a commit.
    for (let days = 0; days < 3; days += 1) {
      const { hits } = away;
      world.pass(5 * DAY);
      // What was under way meanwhile is put off only now.
      const tried = () => {
        world.pass(60_000);
        return away.hits > hits;
      };
      await eventually(tried, 'another attempt');
    }
    expect((await view(world, stolen)).status).toBe('committed');
    // Nobody can slip a change in between.
    expectProblem(await tryToAsk(world, ada, C), 'commit-in-progress');
    away.remove();
    world.pass(HOUR);
    await until(world, stolen, { status: 'undone' });
    expect(addressOf(world, ada)).toBe(A);
    await mail(world, stolen, 'restored');
  });

  test('who waits for it is answered with the outcome', async () => {
    const world = await startWorld();
    const stolen = await change(world, addPerson(world, A), B);
    const token = await undoLink(world, stolen);
    const answer = await world.call('POST', '/v1/undo', {
      body: { token },
      headers: { prefer: 'wait=10' },
    });
    expect(answer).toMatchObject({ status: 200, body: { status: 'undone' } });
  });

  test('when support has put the address back already it is settled without a write', async () => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    world.tenant.updateUser(ada.sub, { email: A });
    await use(world, 'undo', await undoLink(world, stolen));
    await until(world, stolen, { status: 'undone', revocation: 'done' });
    expect(effective(world)).toHaveLength(1);
    await mail(world, stolen, 'restored');
    expect(managementCalls(world, ada.sub).slice(3)).toEqual([
      'GET user 200',
      'DELETE sessions 202',
      'DELETE refresh-tokens 202',
    ]);
  });
});

test('an undo token opens no other door, and no other token opens this one', async () => {
  const world = await startWorld();
  const ada = addPerson(world, A);
  const stolen = await change(world, ada, B);
  const undo = await undoLink(world, stolen);
  const cancel = await linkIn(world, stolen, 'notice', 'cancel');
  const confirm = await linkIn(world, stolen, 'confirm', 'confirm');
  for (const purpose of ['confirm', 'approve', 'cancel'] as const)
    expectProblem(await use(world, purpose, undo), 'invalid-link');
  for (const token of [confirm, cancel])
    expectProblem(await use(world, 'undo', token), 'invalid-link');
  expect((await submit(world, '/cancel', undo)).status).toBe(400);

  // The proof of one change under the name of another is nothing at all.
  const eve = await change(world, addPerson(world, 'eve@a.example'), 'eve@b.example');
  const other = await undoLink(world, eve);
  expectProblem(await use(world, 'undo', other.slice(0, 22) + undo.slice(22)), 'invalid-link');

  expect((await view(world, stolen)).status).toBe('committed');
  expect((await view(world, eve)).status).toBe('committed');
  expect(effective(world)).toHaveLength(2);
});

describe('whoever set a password on a stolen account', () => {
  const THIEFS = 'thief and his password';
  const stolenBy = async (world: World) => {
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const link = await undoLink(world, stolen);
    world.tenant.updateUser(ada.sub, {
      password: THIEFS,
      last_password_reset: new Date(Date.now() + 1000).toISOString(),
    });
    return { ada, stolen, link };
  };
  /** The fault strikes the PATCH after the one that puts the address back. */
  const afterTheAddress = (world: World, fault: FaultAction) => {
    const match = { method: 'PATCH' };
    const address = world.tenant.faults.add({ kind: 'delay', ms: 1, match, times: 1 });
    void address.struck.then(() => world.tenant.faults.add({ ...fault, match, times: 1 }));
  };
  const passwords = (world: World) =>
    world.tenant.patches().filter(({ body }) => 'password' in (body as object));

  test('cannot sign in with it after the undo, and its owner is told where to set a new one', async () => {
    const world = await startWorld({ env: { PASSWORD_RESET_URL: RESET } });
    const { ada, stolen, link } = await stolenBy(world);
    expect(await signIn(world, B, THIEFS)).toHaveProperty('access_token');
    await use(world, 'undo', link);
    await until(world, stolen, { status: 'undone' });
    const restored = await mail(world, stolen, 'restored');
    expect(oneLine(restored.text)).toContain(words('mail.restored.password'));
    expect(restored.text).toContain(RESET);
    expect(addressOf(world, ada)).toBe(A);
    // In a PATCH of its own, strong, and nowhere to be read.
    const [patch] = passwords(world);
    expect(Object.keys(patch!.body as object).toSorted()).toEqual(['connection', 'password']);
    expect(await signIn(world, A, THIEFS)).not.toHaveProperty('access_token');
    expect(JSON.stringify(world.logs)).not.toMatch(/aA1!/);
  });

  test('is not helped by a tenant that refuses the password: address and sessions go, and the owner is told', async () => {
    const world = await startWorld();
    const { ada, stolen, link } = await stolenBy(world);
    world.tenant.addSession(ada.sub);
    const body = { statusCode: 400, error: 'Bad Request', message: 'PasswordStrengthError' };
    afterTheAddress(world, { kind: 'status', status: 400, body });
    await use(world, 'undo', link);
    await until(world, stolen, { status: 'undone' });
    const restored = await mail(world, stolen, 'restored');
    expect(oneLine(restored.text)).toContain(words('mail.restored.password-failed'));
    expect(world.logs).toContainEqual(
      expect.objectContaining({ event: 'undo.password_failed', level: 'error' }),
    );
    await eventually(() => world.tenant.sessions(ada.sub).length === 0);
  });

  test('is helped by no lost answer: whatever came of it is read, and the owner is told', async () => {
    const world = await startWorld();
    const { stolen, link } = await stolenBy(world);
    afterTheAddress(world, { kind: 'executeThenReset' });
    await use(world, 'undo', link);
    const restored = await mail(world, stolen, 'restored');
    expect(oneLine(restored.text)).toContain(words('mail.restored.password'));
    expect(await signIn(world, A, THIEFS)).not.toHaveProperty('access_token');
  });

  test('is not helped by setting it while the undo is on its way', async () => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    const stolen = await change(world, ada, B);
    const link = await undoLink(world, stolen);
    const thief = { password: THIEFS, last_password_reset: new Date().toISOString() };
    const setIt = () => Promise.resolve(world.tenant.updateUser(ada.sub, thief));
    const held = world.tenant.faults.add({
      kind: 'hold',
      until: world.tenant.waitFor(({ method }) => method === 'PATCH').then(setIt),
      match: { method: 'PATCH' },
      times: 1,
    });
    await use(world, 'undo', link);
    await held.struck;
    const restored = await mail(world, stolen, 'restored');
    expect(oneLine(restored.text)).toContain(words('mail.restored.password'));
    expect(await signIn(world, A, THIEFS)).not.toHaveProperty('access_token');
  });

  test('is not mixed up with the owner, who set one as soon as the address was back: it stays, also when the answer to the undo was lost', async () => {
    const world = await startWorld();
    const { ada, stolen, link } = await stolenBy(world);
    world.tenant.faults.add({
      kind: 'executeThenReset',
      match: { method: 'PATCH' },
      times: 1,
    });
    const back = world.tenant.waitFor(
      ({ method, effective, body }) =>
        method === 'PATCH' && effective === true && (body as { email?: string }).email === A,
    );
    await use(world, 'undo', link);
    await back;
    world.tenant.updateUser(ada.sub, {
      password: 'a new one of her own',
      last_password_reset: new Date(Date.now() + 5000).toISOString(),
    });
    await mail(world, stolen, 'restored');
    expect(passwords(world)).toEqual([]);
    expect(await signIn(world, A, 'a new one of her own')).toHaveProperty('access_token');
  });

  test.each(['html200', 'empty200'] as const)(
    'is out only when the tenant said so: %s in its place is none of its words',
    async (kind) => {
      const world = await startWorld({ env: { TENANT_PATIENCE: '1s' } });
      const { stolen, link } = await stolenBy(world);
      afterTheAddress(world, { kind });
      await use(world, 'undo', link);
      const restored = await mail(world, stolen, 'restored');
      expect(oneLine(restored.text)).toContain(words('mail.restored.password'));
      expect(await signIn(world, A, THIEFS)).not.toHaveProperty('access_token');
      expect(passwords(world)).toHaveLength(2);
    },
  );

  test('before the change is nobody of that kind: the password stays', async () => {
    const world = await startWorld();
    const ada = addPerson(world, A);
    world.tenant.updateUser(ada.sub, {
      last_password_reset: new Date(Date.now() - 60_000).toISOString(),
    });
    const stolen = await change(world, ada, B);
    await use(world, 'undo', await undoLink(world, stolen));
    const restored = await mail(world, stolen, 'restored');
    expect(oneLine(restored.text)).toContain(words('mail.restored.next'));
    expect(passwords(world)).toEqual([]);
  });
});

describe('whoever changes the address again and again', () => {
  test('is stopped by the limit, which an undo gives back, and never outruns the first mailbox', async () => {
    const world = await startWorld({ env: { LIMIT_COMMITTED: '3/7d' } });
    const ada = addPerson(world, A);
    const first = await change(world, ada, B);
    const link = await undoLink(world, first);
    await change(world, { ...ada, email: B }, C);
    await change(world, { ...ada, email: C }, 'ada@d.example');
    const refused = await tryToAsk(world, ada, 'ada@e.example');
    expectProblem(refused, 'too-many-requests');
    const waitS = Number(refused.headers.get('retry-after'));
    expect(waitS).toBeGreaterThan(6.9 * 86_400);
    await use(world, 'undo', link);
    await until(world, first, { status: 'undone' });
    expect(addressOf(world, ada)).toBe(A);
    world.pass(25 * HOUR);
    expect((await tryToAsk(world, ada, 'ada@e.example')).status).toBe(202);
  });

  test('sixty times leaves the undo where it was, also with a request pending', async () => {
    const world = await startWorld({ env: { AUTH0_RATE: '1000' }, tenant: wide });
    const ada = addPerson(world, A);
    const first = await change(world, ada, B);
    const link = await undoLink(world, first);
    let email = B;
    for (let i = 0; i < 60; i += 1) {
      const to = `thief${i}@d.example`;
      await change(world, { ...ada, email }, to);
      email = to;
    }
    await ask(world, { ...ada, email }, 'pending@d.example');
    await use(world, 'undo', link);
    await until(world, first, { status: 'undone' });
    expect(addressOf(world, ada)).toBe(A);
  }, 60_000);
});

test('at the rate of a free tenant an undo ends the sessions and the password too, and asks no more than it must', async () => {
  const world = await startWorld({ env: { AUTH0_RATE: '2' } });
  const ada = addPerson(world, A);
  const stolen = await change(world, ada, B);
  world.tenant.updateUser(ada.sub, {
    password: 'of the thief',
    last_password_reset: new Date(Date.now() + 1000).toISOString(),
  });
  world.tenant.addSession(ada.sub);
  const before = managementCalls(world, ada.sub).length;
  await use(world, 'undo', await undoLink(world, stolen));
  await until(world, stolen, { status: 'undone', revocation: 'done' }, 20_000);
  expect(world.tenant.sessions(ada.sub)).toEqual([]);
  expect(await signIn(world, A, 'of the thief')).not.toHaveProperty('access_token');
  // Read, address; read, password; sessions, refresh tokens.
  expect(managementCalls(world, ada.sub).slice(before)).toHaveLength(6);
  const pauses = world.logs.filter(
    ({ event, outcome }) => event === 'task.done' && outcome === 'pause',
  );
  expect(pauses.length).toBeLessThan(20);
}, 30_000);
