/** Support's own door: what a machine of the help desk may do for a user, and what nobody may. */
import { beforeAll, describe, expect, test } from 'vitest';
import { addPerson, ask, change, HOUR, linkIn, mail, until, use } from '../../stories/steps.ts';
import { readdress } from '../../stories/operator.ts';
import { expectProblem, quiet } from '../../support/wire.ts';
import { startWorld, type World } from '../../support/world.ts';

const SCOPE = 'support:email';
const desk = (world: World, scope = SCOPE): Promise<string> =>
  world.tenant.accessToken({
    sub: 'desk@clients',
    scope,
    claims: { gty: 'client-credentials', azp: 'desk' },
  });
const pathOf = (sub: string, rest = '') =>
  `/v1/users/${encodeURIComponent(sub)}/email-changes${rest}`;
const ACTOR = '?actor=Jane%20of%20ticket%204711';
const actor = 'Jane of ticket 4711';

const startDesk = (env: Record<string, string> = {}, lasting = {}) =>
  startWorld({ env: { SUPPORT_SCOPE: SCOPE, LIMIT_SUPPORT: '100/24h', ...env }, ...lasting });

async function askFor(world: World, sub: string, email: string) {
  const token = await desk(world);
  return world.call('POST', pathOf(sub), { token, body: { email, actor } });
}
async function read(world: World, sub: string) {
  return world.call('GET', pathOf(sub, ACTOR), { token: await desk(world) });
}

test('there is no such door unless SUPPORT_SCOPE is set', async () => {
  const world = await startWorld({ workers: false });
  const token = await desk(world);
  expectProblem(await world.call('GET', pathOf('auth0|a', ACTOR), { token }), 'not-found');
  const body = { email: 'a@new.example', actor };
  expectProblem(await world.call('POST', pathOf('auth0|a'), { token, body }), 'not-found');
});

describe('the door', () => {
  let world: World;
  beforeAll(async () => {
    world = await startDesk({}, { lasting: true });
    return () => world.close();
  });
  const calls = (token: string, sub = 'auth0|a', id = 'AAAAAAAAAAAAAAAAAAAAAA') => [
    world.call('GET', pathOf(sub, ACTOR), { token }),
    world.call('POST', pathOf(sub), { token, body: { email: 'x@new.example', actor } }),
    world.call('POST', pathOf(sub, `/${id}/resend`), { token, body: { actor } }),
    world.call('DELETE', pathOf(sub, `/${id}${ACTOR}`), { token }),
  ];

  test('opens for a machine with the scope, and for no user, whatever their scopes', async () => {
    const user = await world.token('auth0|a', { scope: `change:email ${SCOPE}` });
    for (const answer of await Promise.all(calls(user))) expectProblem(answer, 'invalid-token');
    const other = await desk(world, 'read:things');
    for (const answer of await Promise.all(calls(other))) {
      expectProblem(answer, 'insufficient-scope');
      expect(answer.headers.get('www-authenticate')).toContain(`scope="${SCOPE}"`);
    }
    const bare = await world.call('GET', pathOf('auth0|a', ACTOR));
    expectProblem(bare, 'missing-token');
    // And the user's own doors stay shut for the machine.
    const token = await desk(world, `change:email ${SCOPE}`);
    expectProblem(await world.call('GET', '/v1/email-changes/current', { token }), 'invalid-token');
  });

  test('wants to know who acts, at every call', async () => {
    const token = await desk(world);
    const id = 'AAAAAAAAAAAAAAAAAAAAAA';
    const answers = await Promise.all([
      world.call('GET', pathOf('auth0|a'), { token }),
      world.call('POST', pathOf('auth0|a'), { token, body: { email: 'x@new.example' } }),
      world.call('POST', pathOf('auth0|a'), { token, body: { email: 'x@new.example', actor: '' } }),
      world.call('POST', pathOf('auth0|a', `/${id}/resend`), { token, body: {} }),
      world.call('DELETE', pathOf('auth0|a', `/${id}`), { token }),
    ]);
    for (const answer of answers) expectProblem(answer, 'invalid-request');
  });

  test('says of nobody whether there is such a user, and of a foreign change that there is none', async () => {
    const known = addPerson(world, 'known@old.example');
    for (const sub of [known.sub, 'auth0|nobody', 'google-oauth2|1', 'nonsense'])
      expect(await read(world, sub), sub).toMatchObject({ status: 200, body: [] });
    const asked = await ask(world, known, 'known@new.example');
    const token = await desk(world);
    const [, , resend, cancel] = await Promise.all(calls(token, 'auth0|other', asked.id));
    expectProblem(resend!, 'not-found');
    expectProblem(cancel!, 'not-found');
    const [, taken, , unknown] = await Promise.all(calls(token, 'auth0|nobody'));
    expect(taken!.status).toBe(202);
    expectProblem(unknown!, 'not-found');
  });

  test('reads, resends and withdraws a user’s own change, on record with its actor', async () => {
    const ben = addPerson(world, 'ben@old.example');
    const asked = await ask(world, ben, 'ben@new.example');
    expect((await read(world, ben.sub)).body).toMatchObject([{ id: asked.id, status: 'pending' }]);
    await linkIn(world, asked, 'confirm', 'confirm');
    const token = await desk(world);
    const resend = () =>
      world.call('POST', pathOf(ben.sub, `/${asked.id}/resend`), { token, body: { actor } });
    expectProblem(await resend(), 'too-many-requests');
    world.pass(61_000);
    expect(await resend()).toMatchObject({ status: 202, body: { id: asked.id } });
    await mail(world, asked, 'confirm', 2);
    const gone = await world.call('DELETE', pathOf(ben.sub, `/${asked.id}${ACTOR}`), { token });
    expect(gone.status).toBe(204);
    expect((await read(world, ben.sub)).body).toMatchObject([
      { status: 'canceled', canceledBy: 'operator' },
    ]);
    const { lines } = await readdress(world, ['audit', '1000']);
    expect(lines.filter(({ change: id }) => id === asked.id).at(-1)).toMatchObject({
      status: 'canceled',
      actor: 'support',
      by: actor,
    });
    const told = world.logs.filter((line) => line['change'] === asked.id && line.level === 'warn');
    expect(told.map(({ event }) => event)).toEqual(['support.resend', 'support.cancel']);
    expect(JSON.stringify(world.logs)).not.toContain(actor);
    const { body: all } = await read(world, ben.sub);
    expect(JSON.stringify(all)).not.toContain(actor);
  });
});

describe('a change that support asked for', () => {
  const request = async (world: World, old: string, to: string, verified = true) => {
    const { user_id: sub } = world.tenant.addUser({
      email: old,
      email_verified: verified,
      password: 'x',
    });
    const answer = await askFor(world, sub, to);
    expect(answer).toMatchObject({ status: 202, body: { awaiting: ['new', 'current'] } });
    const id = answer.body.id as string;
    return { id, sub, from: old, to, token: await world.token(sub) };
  };

  test('asks both mailboxes, whatever the policy, and happens at once when both agree', async () => {
    const world = await startDesk();
    const asked = await request(world, 'cal@old.example', 'cal@new.example');
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await until(world, asked, { status: 'pending' });
    expect(world.tenant.patches()).toEqual([]);
    await use(world, 'approve', await linkIn(world, asked, 'approve', 'approve'));
    await until(world, asked, { status: 'committed' });
  });

  test('waits for a silent mailbox for three days, and not a minute less', async () => {
    const world = await startDesk();
    const asked = await request(world, 'dan@old.example', 'dan@new.example');
    await linkIn(world, asked, 'approve', 'cancel');
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await quiet(world);
    world.pass(72 * HOUR - 60_000);
    await quiet(world);
    expect((await read(world, asked.sub)).body).toMatchObject([{ status: 'pending' }]);
    expect(world.tenant.patches()).toEqual([]);
    world.pass(120_000);
    await until(world, { ...asked, token: await world.token(asked.sub) }, { status: 'committed' });
  });

  test('is stopped by the current mailbox', async () => {
    const world = await startDesk();
    const asked = await request(world, 'eve@old.example', 'eve@new.example');
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await use(world, 'cancel', await linkIn(world, asked, 'approve', 'cancel'));
    await until(world, asked, { status: 'canceled' });
    world.pass(80 * HOUR);
    await quiet(world);
    expect(world.tenant.patches()).toEqual([]);
  });

  test('waits as long where the current mailbox has no say', async () => {
    const world = await startDesk();
    const asked = await request(world, 'flo@old.example', 'flo@new.example', false);
    await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
    await quiet(world);
    world.pass(72 * HOUR - 60_000);
    await quiet(world);
    expect(world.tenant.patches()).toEqual([]);
    world.pass(120_000);
    await until(world, { ...asked, token: await world.token(asked.sub) }, { status: 'committed' });
  });

  test('is capped for the day over all users, and no committed changes stop it', async () => {
    const world = await startDesk({ LIMIT_SUPPORT: '2/24h', LIMIT_COMMITTED: '1/7d' });
    const gil = addPerson(world, 'gil@old.example');
    await change(world, gil, 'gil@new.example');
    const first = await askFor(world, gil.sub, 'gil@third.example');
    expect(first).toMatchObject({ status: 202, body: { awaiting: ['new', 'current'] } });
    // The same again is the same change, and costs nothing.
    expect((await askFor(world, gil.sub, 'gil@third.example')).body.id).toBe(first.body.id);
    expect((await askFor(world, 'auth0|nobody', 'x@new.example')).status).toBe(202);
    const capped = await askFor(world, 'auth0|more', 'y@new.example');
    expectProblem(capped, 'too-many-requests');
    expect(Number(capped.headers.get('retry-after'))).toBeGreaterThan(3600);
    expectProblem(await askFor(world, 'google-oauth2|1', 'z@new.example'), 'unsupported-identity');
    expectProblem(await askFor(world, gil.sub, 'nonsense'), 'invalid-email');
  });
});
