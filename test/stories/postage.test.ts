/**
 * How many mails a mailbox gets and a user causes: strangers can hardly silence an address, nobody can
 * bomb one, and what is told to the requester is true and says nothing about the address.
 */
import { describe, expect, test } from 'vitest';
import { expectProblem, quiet } from '../support/wire.ts';
import { eventually, startWorld, tokenIn, type Answer, type World } from '../support/world.ts';
import { recordOf } from '../workers/steps.ts';
import {
  addPerson,
  ask,
  DAY,
  HOUR,
  linkIn,
  mail,
  MINUTE,
  tryToAsk,
  until,
  use,
  view,
  type Change,
} from './steps.ts';

/** As they are without a setting. */
const DEFAULTS = {
  LIMIT_ADDRESS: '3/24h',
  LIMIT_ADDRESS_FIRST: '10/24h',
  LIMIT_USER_MAILS: '30/24h',
};
const OWNER = 'owner@company.example';

const confirmationsTo = (world: World, to: string) =>
  world.inbox.messages.filter(
    (each) => each.to[0]!.toLowerCase() === to && each.messageId.includes('.mail.confirm.'),
  );
const stranger = (world: World, i: number) => addPerson(world, `stranger${i}@old.example`);
const resend = (world: World, { id, token }: Change): Promise<Answer> =>
  world.call('POST', `/v1/email-changes/${id}/resend`, { token });
const measures = async (world: World): Promise<string> =>
  (await fetch(`${world.workers!.url}/metrics`)).text();

describe('sending it again', () => {
  test('three mails of one user, all with a working link; then a 429 that says so, sends nothing and changes nothing', async () => {
    const world = await startWorld({ env: { ...DEFAULTS, CODE: 'on' } });
    const asked = await ask(world, addPerson(world), OWNER);
    await mail(world, asked, 'confirm');
    for (const n of [2, 3]) {
      // What is under way while time passes is another one's by then.
      await quiet(world);
      world.pass(2 * MINUTE);
      expect((await resend(world, asked)).status).toBe(202);
      await mail(world, asked, 'confirm', n);
    }
    await quiet(world);
    const before = await recordOf(world, asked.id);
    for (let i = 0; i < 3; i += 1) {
      world.pass(2 * MINUTE);
      const refused = await resend(world, asked);
      expectProblem(refused, 'too-many-requests');
      const left = Number(refused.headers.get('retry-after'));
      expect(left).toBeGreaterThan(23 * 3600);
      expect(left).toBeLessThanOrEqual(24 * 3600);
      // The same by a new request, for this address or another spelling of its mailbox.
      for (const email of [OWNER, 'owner+2@company.example'])
        expectProblem(
          await tryToAsk(world, { sub: asked.sub, email: '' }, email),
          'too-many-requests',
        );
    }
    await quiet(world);
    expect(await recordOf(world, asked.id)).toEqual(before);
    const mails = confirmationsTo(world, OWNER);
    expect(mails).toHaveLength(3);
    const links = mails.map(({ text }) => tokenIn(text, 'confirm'));
    expect(new Set(links).size).toBe(1);
    expect(new Set(mails.map(({ text }) => /\d{4} \d{4}/.exec(text)?.[0])).size).toBe(3);
    expect((await use(world, 'confirm', links[0]!)).body.status).toBe('confirmed');
  });

  test('mails of one change do not hide one another: each has an id of its own for threads and lists', async () => {
    const world = await startWorld();
    const asked = await ask(world, addPerson(world), OWNER);
    await mail(world, asked, 'confirm');
    world.pass(2 * MINUTE);
    await resend(world, asked);
    await mail(world, asked, 'confirm', 2);
    const mails = confirmationsTo(world, OWNER);
    for (const name of ['x-entity-ref-id', 'message-id'])
      expect(new Set(mails.map(({ headers }) => headers.get(name))).size).toBe(2);
    for (const name of ['in-reply-to', 'references'])
      expect(mails.map(({ headers }) => headers.get(name))).toEqual([undefined, undefined]);
  });

  test('an older code dies with the next one, and an older link does not', async () => {
    const world = await startWorld({ env: { CODE: 'on' } });
    const asked = await ask(world, addPerson(world), OWNER);
    const codeOf = ({ text }: { text: string }) => /\d{4} \d{4}/.exec(text)![0];
    const first = codeOf(await mail(world, asked, 'confirm'));
    await quiet(world);
    world.pass(2 * MINUTE);
    await resend(world, asked);
    const second = codeOf(await mail(world, asked, 'confirm', 2));
    const type = (code: string) =>
      world.call('POST', `/v1/email-changes/${asked.id}/confirm`, {
        token: asked.token,
        body: { code },
      });
    await eventually(async () => (await recordOf(world, asked.id)).codeMailedAt);
    expectProblem(await type(first), 'invalid-code');
    expect((await type(second)).status).toBe(202);
  });

  test('does not keep a confirmation alive for more than a day', async () => {
    const world = await startWorld({ env: { LIMIT_USER: '1000/1h' } });
    const asked = await ask(world, addPerson(world), OWNER);
    const { requestedAt } = await view(world, asked);
    let last = '';
    for (let at = 0; at < 25 * HOUR; at += 50 * MINUTE) {
      await quiet(world);
      world.pass(50 * MINUTE);
      const { body } = await tryToAsk(world, { sub: asked.sub, email: '' }, OWNER);
      if (body.id !== asked.id) break;
      last = body.expiresAt;
    }
    expect(Date.parse(last)).toBe(Date.parse(requestedAt) + DAY);
    expect((await view(world, asked)).status).toBe('expired');
  });
});

describe('strangers', () => {
  test('cannot keep an address from its owner by asking for it, nor by asking again', async () => {
    const world = await startWorld({ env: DEFAULTS });
    for (let i = 0; i < 3; i += 1) {
      const change = await ask(world, stranger(world, i), OWNER);
      await mail(world, change, 'confirm');
      world.pass(2 * MINUTE);
      for (let n = 0; n < 2; n += 1) {
        await resend(world, change);
        world.pass(2 * MINUTE);
      }
    }
    const honest = await ask(world, addPerson(world), OWNER);
    await use(world, 'confirm', await linkIn(world, honest, 'confirm', 'confirm'));
    expect(await until(world, honest, { status: 'committed' })).toMatchObject({ email: OWNER });
  });

  test('send no more than so many first mails and so many further ones to a mailbox, whatever they call it', async () => {
    const world = await startWorld({ env: DEFAULTS });
    const spellings = ['v@gmail.com', 'V+x@gmail.com', 'v.v@gmail.com', 'vv+1@googlemail.com'];
    const changes: Change[] = [];
    for (let i = 0; i < 16; i += 1)
      changes.push(await ask(world, stranger(world, i), spellings[i % spellings.length]!));
    await quiet(world);
    const sent = () =>
      world.inbox.messages.filter(({ messageId }) => messageId.includes('.mail.confirm.'));
    // Two mailboxes: `v` and `vv`, each with less than its share.
    expect(sent()).toHaveLength(16);
    for (let round = 0; round < 4; round += 1) {
      world.pass(2 * MINUTE);
      for (const change of changes) await resend(world, change);
    }
    await quiet(world);
    expect(sent()).toHaveLength(16 + 2 * 3);
  });

  test('who come in tens are muted: no answer tells, none lies, and operators see it', async () => {
    const world = await startWorld({ env: { ...DEFAULTS, CODE: 'on' } });
    const first: Answer[] = [];
    for (let i = 0; i < 12; i += 1) first.push(await tryToAsk(world, stranger(world, i), OWNER));
    await quiet(world);
    expect(confirmationsTo(world, OWNER)).toHaveLength(10);
    // At the door all are told the same.
    const shape = ({ status, body, headers }: Answer) =>
      JSON.stringify([status, Object.keys(body), body.status, headers.get('ratelimit')]);
    expect(new Set(first.map(shape)).size).toBe(1);
    const muted = world.logs.filter(({ event }) => event === 'mail.muted');
    expect(muted).toMatchObject([{ level: 'warn', template: 'confirm' }, { level: 'warn' }]);
    expect(await measures(world)).toContain(
      'readdress_mails_total{template="confirm",outcome="muted"} 2',
    );
    const silenced = first.filter(({ body }) => muted.some(({ change }) => change === body.id));
    expect(silenced).toHaveLength(2);
    for (const { body, token } of silenced as (Answer & { token: string })[]) {
      const seen = (await world.call('GET', `/v1/email-changes/${body.id}`, { token })).body;
      expect(seen.status).toBe('pending');
      expect(seen).not.toHaveProperty('mailedAt');
      // Nor is there a code to guess, or a try to be had at it.
      const typed = await world.call('POST', `/v1/email-changes/${body.id}/confirm`, {
        token,
        body: { code: '1234 5678' },
      });
      expectProblem(typed, 'invalid-code');
      expect(await recordOf(world, body.id)).not.toHaveProperty('codeTries');
    }
    // A click forgives: the next one is mailed again.
    await use(world, 'confirm', tokenIn(confirmationsTo(world, OWNER)[0]!.text, 'confirm'));
    const next = await ask(world, stranger(world, 99), OWNER);
    await mail(world, next, 'confirm');
  });

  test('who used up the further mails silence nobody by it: the older mail goes on to work and to be true', async () => {
    const world = await startWorld({ env: DEFAULTS });
    const honest = await ask(world, addPerson(world), OWNER);
    await mail(world, honest, 'confirm');
    const others = [
      await ask(world, stranger(world, 1), OWNER),
      await ask(world, stranger(world, 2), OWNER),
    ];
    for (let n = 0; n < 2; n += 1) {
      world.pass(2 * MINUTE);
      for (const other of others) await resend(world, other);
    }
    await quiet(world);
    const { mailedAt } = await view(world, honest);
    const again = await resend(world, honest);
    expect([again.status, again.body.mailedAt]).toEqual([202, mailedAt]);
    await quiet(world);
    expect(
      world.inbox.messages.filter(({ messageId }) =>
        messageId.startsWith(`<${honest.id}.mail.confirm`),
      ),
    ).toHaveLength(1);
    await use(world, 'confirm', await linkIn(world, honest, 'confirm', 'confirm'));
    await until(world, honest, { status: 'committed' });
  });
});

describe('one user', () => {
  test('causes no more than LIMIT_USER_MAILS mails, is told when there may be more, and costs the current mailbox no warning', async () => {
    const world = await startWorld({ env: { ...DEFAULTS, LIMIT_USER_MAILS: '6/24h' } });
    const person = addPerson(world);
    for (let i = 0; i < 3; i += 1)
      await mail(world, await ask(world, person, `new${i}@new.example`), 'notice');
    const refused = await tryToAsk(world, person, 'new3@new.example');
    expectProblem(refused, 'too-many-requests');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(23 * 3600);
    await quiet(world);
    expect(world.inbox.messages.length).toBeLessThanOrEqual(6);
    // Each request that was taken had its warning.
    expect(world.inbox.to(person.email)).toHaveLength(3);
    expect((await tryToAsk(world, stranger(world, 1), 'new3@new.example')).status).toBe(202);
  });

  test.each(['stopped', 'changed'])(
    'gets its %s mail also when its mails are used up',
    async (kind) => {
      const world = await startWorld({ env: { ...DEFAULTS, LIMIT_USER_MAILS: '2/24h' } });
      const asked = await ask(world, addPerson(world), OWNER);
      await mail(world, asked, 'notice');
      const link = await linkIn(world, asked, 'confirm', 'confirm');
      if (kind === 'changed') await use(world, 'confirm', link);
      else {
        await quiet(world);
        await world.call('DELETE', `/v1/email-changes/${asked.id}`, { token: asked.token });
      }
      expect((await mail(world, asked, kind as 'changed')).to).toEqual(['ada@old.example']);
    },
  );

  test('whose current mailbox cannot be warned any more gets no change: nothing is mailed until it can', async () => {
    const world = await startWorld({ env: { ...DEFAULTS, LIMIT_USER_MAILS: '4/24h' } });
    const current = (i: number) => addPerson(world, `me+${i}@old.example`);
    for (let i = 0; i < 4; i += 1) {
      await ask(world, current(i), `new${i}@new.example`);
      await quiet(world);
    }
    const held = await ask(world, current(9), 'new9@new.example');
    await eventually(() =>
      world.logs.some(({ event, change }) => event === 'mail.held' && change === held.id),
    );
    expect(world.inbox.to('new9@new.example')).toEqual([]);
    expect(await view(world, held)).not.toHaveProperty('mailedAt');
  });
});

test('an unverified current mailbox gets one mail a day and user, and few in all', async () => {
  const world = await startWorld({ env: { ...DEFAULTS, LIMIT_ADDRESS_FIRST: '3/24h' } });
  const victims = Array.from({ length: 5 }, (_, i) =>
    world.tenant.addUser({ email: `victim+${i}@target.example`, email_verified: false }),
  );
  for (const [i, { user_id: sub, email = '' }] of victims.entries())
    for (let n = 0; n < 2; n += 1) {
      const asked = await ask(world, { sub, email }, `thief${i}${n}@new.example`);
      await mail(world, asked, 'confirm');
      await quiet(world);
    }
  const toVictim = () => world.inbox.messages.filter(({ to }) => to[0]!.endsWith('target.example'));
  expect(toVictim()).toHaveLength(3);
  expect(world.logs.filter(({ event }) => event === 'mail.muted').length).toBe(7);
});

test('FOLD_ADDRESSES=off counts each spelling for itself, for teams that test with tags, and says at start what that weakens', async () => {
  const world = await startWorld({ env: { ...DEFAULTS, FOLD_ADDRESSES: 'off' } });
  const person = addPerson(world);
  for (let i = 0; i < 5; i += 1) {
    const asked = await ask(world, person, `team+${i}@company.example`);
    await mail(world, asked, 'confirm');
  }
  expect(world.logs).toContainEqual(
    expect.objectContaining({ weakening: expect.stringContaining('FOLD_ADDRESSES') }),
  );
});
