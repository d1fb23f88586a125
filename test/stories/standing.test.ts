/**
 * An address that the tenant does not call verified, the typo at the sign-up above all, has no power
 * over the account: it is told, and that is all.
 */
import { describe, expect, test } from 'vitest';
import { linkToken } from '../../src/links.ts';
import { expectProblem } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';
import { effectivePatches, recordOf, startDeployment, untilDrained } from '../workers/steps.ts';
import {
  ask,
  inspect,
  linkIn,
  mail,
  mailsOf,
  until,
  use,
  view,
  words,
  type Person,
} from './steps.ts';

const TYPO = 'jon@gmial.example';
const RIGHT = 'jon@gmail.example';

/** Signed up with an address that nobody has confirmed. */
function addTypo(world: World, email = TYPO): Person {
  const { user_id: sub } = world.tenant.addUser({ email, email_verified: false });
  return { sub, email };
}

const POWERS = ['cancel', 'approve', 'undo'] as const;

describe.each([
  ['new', {}],
  ['both', {}],
  ['both', { OLD_MAILBOX_WAIT: '7d' }],
  ['auto', {}],
] as const)('under CONFIRMATION=%s %j, an unverified current address', (CONFIRMATION, more) => {
  test('has no part: the new mailbox alone suffices, no mail holds a link of power, and no token of one works', async () => {
    const world = await startWorld({ env: { CONFIRMATION, ...more } });
    const person = addTypo(world);
    const asked = await ask(world, person, RIGHT);
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    const told = await mail(world, asked, 'informed');
    expect(told.to).toEqual([TYPO]);
    for (const part of [told.text, told.html]) {
      expect(part).not.toMatch(/#[\w-]{64}|localhost:3999/);
      expect(part).not.toContain('gmail.example');
    }
    expect(await view(world, asked)).toMatchObject({ awaiting: ['new'] });
    await untilDrained(world);
    await refusesAll(world, asked.id);

    expect((await use(world, 'confirm', confirm)).body.status).toBe('confirmed');
    const committed = await until(world, asked, { status: 'committed' });
    expect(committed).not.toHaveProperty('undoUntil');
    await untilDrained(world);
    await refusesAll(world, asked.id);
    expect(mailsOf(world, asked)).toEqual([
      `confirm → ${RIGHT}`,
      `done → ${RIGHT}`,
      `informed → ${TYPO}`,
    ]);
    // Nobody can take it back, and the mail does not say that somebody could.
    expect((await mail(world, asked, 'done')).text).not.toContain(words('mail.done.undo'));
    expect(world.tenant.user(person.sub)).toMatchObject({ email: RIGHT, email_verified: true });
    expect(effectivePatches(world, person.sub)).toHaveLength(1);
  });
});

/** Its tokens, had anybody given them out, are no tokens. */
async function refusesAll(world: World, id: string) {
  const record = await recordOf(world, id);
  for (const power of POWERS) {
    const token = linkToken(record, power);
    expectProblem(await use(world, power, token), 'invalid-link');
    expectProblem(await inspect(world, token), 'invalid-link');
  }
  expect(await recordOf(world, id)).toEqual(record);
}

test('UNVERIFIED_MAILBOX=trusted gives it back its cancel link and its undo, and says at start what that weakens', async () => {
  const world = await startWorld({ env: { UNVERIFIED_MAILBOX: 'trusted' } });
  expect(world.logs).toContainEqual(
    expect.objectContaining({
      event: 'config.weakened',
      weakening: expect.stringContaining('UNVERIFIED_MAILBOX'),
    }),
  );
  const person = addTypo(world);
  const canceled = await ask(world, person, RIGHT);
  await use(world, 'cancel', await linkIn(world, canceled, 'notice', 'cancel'));
  await until(world, canceled, { status: 'canceled' });

  const asked = await ask(world, person, 'jon@third.example');
  await use(world, 'confirm', await linkIn(world, asked, 'confirm', 'confirm'));
  expect(await until(world, asked, { status: 'committed' })).toHaveProperty('undoUntil');
  await use(world, 'undo', await linkIn(world, asked, 'changed', 'undo'));
  await until(world, asked, { status: 'undone' });
  expect(world.tenant.user(person.sub).email).toBe(TYPO);
});

test('UNVERIFIED_MAILBOX=trusted asks it under both, as any other', async () => {
  const env = { UNVERIFIED_MAILBOX: 'trusted', CONFIRMATION: 'both' };
  const world = await startWorld({ env });
  const asked = await ask(world, addTypo(world), RIGHT);
  await linkIn(world, asked, 'approve', 'approve');
  expect(await view(world, asked)).toMatchObject({ awaiting: ['new', 'current'] });
});

test('a tenant whose accounts are mostly unverified hears of it at the next start, and of the way out', async () => {
  const world = await startWorld({ env: { LIMIT_IP: '1000/1m' } });
  const mostly = () => world.logs.filter(({ event }) => event === 'config.mostly_unverified');
  const invite = async (i: number, email_verified: boolean) => {
    const { user_id: sub } = world.tenant.addUser({ email: `u${i}@old.example`, email_verified });
    return ask(world, { sub, email: '' }, `u${i}@new.example`);
  };
  for (let i = 0; i < 9; i += 1) await invite(i, true);
  for (let i = 9; i < 20; i += 1) await invite(i, false);
  await untilDrained(world, 15_000);
  expect(mostly()).toEqual([]);
  await startDeployment(world, { UNVERIFIED_MAILBOX: 'trusted' });
  await startDeployment(world);
  await expect
    .poll(mostly, { timeout: 8000 })
    .toMatchObject([{ level: 'warn', verified: 9, unverified: 11 }]);
});
