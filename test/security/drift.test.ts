/**
 * What came to nothing is told to whoever pressed a button for it: which mail goes to which mailbox,
 * what it says to do, and what the operator hears. (That nothing is written when an account has
 * drifted is in test/workers/commit.test.ts, case by case.)
 */
import { describe, expect, test } from 'vitest';
import type { Template } from '../../src/domain/mails.ts';
import { quiet } from '../support/wire.ts';
import { startWorld, type World } from '../support/world.ts';
import { readdress } from '../stories/operator.ts';
import { startReceiver } from '../stories/receiver.ts';
import {
  addPerson,
  ask,
  change,
  HOUR,
  linkIn,
  mail,
  mailsOf,
  oneLine,
  until,
  use,
  words,
  type Change,
} from '../stories/steps.ts';

const OLD = 'ada@old.example';
const NEW = 'ada@new.example';
const [MASKED_OLD, MASKED_NEW] = ['a•••@old.example', 'a•••@new.example'];
type Words = Parameters<typeof words>[0];

/** The mail is there, once, in the right hands: its own address in clear, the other one masked. */
async function expectTold(
  world: World,
  asked: Change,
  template: Template,
  to: string,
  says: readonly Words[],
): Promise<void> {
  const { to: recipients, text, html } = await mail(world, asked, template);
  expect(recipients).toEqual([to]);
  for (const key of says) {
    expect(oneLine(text)).toContain(words(key));
    expect(oneLine(html).replaceAll('&#39;', "'")).toContain(words(key));
  }
  const other = to === OLD ? NEW : OLD;
  expect(text).not.toContain(other);
  expect(text).toContain(to === OLD ? MASKED_NEW : MASKED_OLD);
  // It asks for nothing: there is nothing left to press.
  expect(text).not.toMatch(/#[\w-]{64}/);
  await quiet(world);
  expect(mailsOf(world, asked).filter((line) => line.startsWith(template))).toHaveLength(1);
}

/** A confirmed change whose commit waits for a tenant that is away. */
async function confirmedAndWaiting(world: World): Promise<{ asked: Change; mend: () => void }> {
  const asked = await ask(world, addPerson(world, OLD), NEW);
  const link = await linkIn(world, asked, 'confirm', 'confirm');
  await mail(world, asked, 'notice');
  const away = world.tenant.faults.add({ kind: 'status', status: 503, match: { method: 'GET' } });
  await use(world, 'confirm', link);
  await away.struck;
  return { asked, mend: () => away.remove() };
}

describe('a confirmed change that is canceled before its commit is told to the new mailbox', () => {
  test.each<[by: string, cancel: (world: World, asked: Change) => Promise<unknown>]>([
    [
      'current-mailbox',
      async (world, asked) => use(world, 'cancel', await linkIn(world, asked, 'notice', 'cancel')),
    ],
    ['user', (world, { id, token }) => world.call('DELETE', `/v1/email-changes/${id}`, { token })],
    ['operator', (world, { id }) => readdress(world, ['cancel', id])],
  ])('by the %s, and by whom it was', async (by, cancel) => {
    const world = await startWorld();
    const { asked, mend } = await confirmedAndWaiting(world);
    await cancel(world, asked);
    mend();
    await until(world, asked, { status: 'canceled', canceledBy: by });
    const why = `end.canceled.${by}` as Words;
    await expectTold(world, asked, 'failed', NEW, ['mail.failed.intro', why, 'end.next']);
    expect(world.tenant.patches()).toEqual([]);
  });
});

describe('under `both`, who has agreed hears of an end that came without the other', () => {
  async function halfAgreed(world: World, side: 'new' | 'current') {
    const asked = await ask(world, addPerson(world, OLD), NEW);
    const confirm = await linkIn(world, asked, 'confirm', 'confirm');
    const approve = await linkIn(world, asked, 'approve', 'approve');
    await (side === 'new' ? use(world, 'confirm', confirm) : use(world, 'approve', approve));
    return asked;
  }
  const startBoth = () => startWorld({ env: { CONFIRMATION: 'both' } });

  test('the new mailbox, of the time that ran out; the current one, which was asked, that it is over', async () => {
    const world = await startBoth();
    const asked = await halfAgreed(world, 'new');
    world.pass(HOUR);
    await expectTold(world, asked, 'failed', NEW, ['end.expired', 'end.next']);
    await expectTold(world, asked, 'stopped', OLD, ['end.expired']);
  });

  test('the current mailbox, of the user who thought better of it', async () => {
    const world = await startBoth();
    const asked = await halfAgreed(world, 'current');
    await world.call('DELETE', `/v1/email-changes/${asked.id}`, { token: asked.token });
    const says = ['mail.stopped.intro', 'end.canceled.user', 'end.next'] as const;
    await expectTold(world, asked, 'stopped', OLD, says);
    expect(mailsOf(world, asked).filter((line) => line.startsWith('failed'))).toEqual([]);
  });

  test('the current mailbox, by the next question alone when a newer request came', async () => {
    const world = await startBoth();
    const asked = await halfAgreed(world, 'current');
    const newer = await ask(world, { sub: asked.sub, email: OLD }, 'ada@newer.example');
    expect((await mail(world, newer, 'approve')).to).toEqual([OLD]);
    await quiet(world);
    expect(mailsOf(world, asked).filter((line) => line.startsWith('stopped'))).toEqual([]);
  });
});

test('a password reset since the request stops a click that comes later, and both mailboxes are told what to do', async () => {
  const world = await startWorld();
  const asked = await ask(world, addPerson(world, OLD), NEW);
  const link = await linkIn(world, asked, 'confirm', 'confirm');
  // Whoever asked keeps the link; the owner takes the account back meanwhile (USENIX Security 2022).
  world.tenant.updateUser(asked.sub, { last_password_reset: new Date(Date.now()).toISOString() });
  await use(world, 'confirm', link);
  await until(world, asked, { status: 'rejected', reason: 'credentials-changed' });
  const says = ['reason.credentials-changed.why', 'reason.credentials-changed.next'] as const;
  await expectTold(world, asked, 'failed', NEW, says);
  await expectTold(world, asked, 'stopped', OLD, ['mail.stopped.intro', ...says]);
  expect(world.tenant.patches()).toEqual([]);
});

test('an undo that could not be is told to the mailbox that asked, the log, the webhook and the audit trail', async () => {
  const receiver = await startReceiver();
  const world = await startWorld({
    env: {
      WEBHOOK_URL: receiver.url,
      WEBHOOK_SECRETS: `whsec_${Buffer.alloc(32).toString('base64')}`,
    },
  });
  const asked = await change(world, addPerson(world, OLD), NEW);
  const undo = await linkIn(world, asked, 'changed', 'undo');
  world.tenant.updateUser(asked.sub, { email: 'else@old.example' });
  await use(world, 'undo', undo);
  const reason = 'address-drifted';
  await expectTold(world, asked, 'refused', OLD, [
    'mail.refused.intro',
    `reason.${reason}.why`,
    'page.outcome.undo-refused.next',
  ]);

  const { id, sub: userId } = asked;
  const { event } = await receiver.received(asked, 'undo_refused');
  expect(event).toEqual({
    type: 'email_change.undo_refused',
    timestamp: expect.stringMatching(/Z$/),
    data: { id, userId, status: 'committed', reason },
  });
  expect(world.logs).toContainEqual(
    expect.objectContaining({
      event: 'email_change.undo_refused',
      level: 'info',
      change: id,
      reason,
    }),
  );
  const { lines } = await readdress(world, ['audit', '50']);
  expect(lines.filter(({ act }) => act === 'undo-refused')).toMatchObject([
    { change: id, sub: userId, status: 'committed', actor: 'worker', reason },
  ]);
  // Pressed again it says the same, and tells nobody again.
  expect((await use(world, 'undo', undo)).body).toEqual({ status: 'committed', reason });
  await quiet(world);
  expect(mailsOf(world, asked).filter((line) => line.startsWith('refused'))).toHaveLength(1);
  expect(receiver.typesOf(asked).filter((type) => type === 'undo_refused')).toHaveLength(1);
});
