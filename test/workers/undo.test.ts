import { describe, expect, test } from 'vitest';
import type { FaultAction } from '../../stand-ins/tenant/faults.ts';
import { eventually, startWorld, tokenIn, type World } from '../support/world.ts';
import {
  click,
  commit,
  effectivePatches,
  gate,
  mailsOf,
  managementCalls,
  NEW,
  OLD,
  recordOf,
  startDeployment,
  untilDrained,
  untilStatus,
  words,
  oneLine,
  type Asked,
} from './steps.ts';

type Committed = Asked & { undo: string };

/** From the request to the undo link in the previous mailbox. */
async function change(world: World, wish: Parameters<typeof commit>[1] = {}): Promise<Committed> {
  const asked = await commit(world, wish);
  const mail = await world.inbox.waitFor(({ messageId }) =>
    messageId.startsWith(`<${asked.id}.mail.changed`),
  );
  return { ...asked, undo: tokenIn(mail.text, 'undo') };
}

const press = (world: World, { undo }: Committed) => click(world, undo, 'undo');
const addressOf = (world: World, { sub }: Asked) => world.tenant.user(sub).email;
/** What was written at the tenant about this user, in order. */
const written = (world: World, { sub }: Asked) =>
  effectivePatches(world, sub).map(({ body }) => (body as { email: string }).email);
const tellings = (world: World, change_: { id: string }) =>
  mailsOf(world, change_).filter((mail) => /^(undone|restored|refused)/.test(mail));

const MAILS_OF_AN_UNDO = [`restored → ${OLD}`, `undone → ${NEW}`];

describe('an undo', () => {
  test('costs one read and one write, of the previous address, verified, in the same connection', async () => {
    const world = await startWorld({ tenant: { plan: 'free' } });
    const committed = await change(world, { connection: 'customers' });
    const before = managementCalls(world).length;
    await press(world, committed);
    await untilStatus(world, committed, 'undone');
    await untilDrained(world);
    const users = managementCalls(world)
      .slice(before)
      .filter(({ path }) => !path.endsWith('/sessions'));
    expect(users.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'GET 200',
      'PATCH 200',
    ]);
    expect(users[1]?.body).toEqual({
      email: OLD,
      email_verified: true,
      verify_email: false,
      connection: 'customers',
    });
    expect(tellings(world, committed)).toEqual(MAILS_OF_AN_UNDO);
  });

  test('whose answer is lost is written once and told once, however it was lost', async () => {
    const LOST: [FaultAction, sent: number][] = [
      [{ kind: 'executeThenReset' }, 1],
      [{ kind: 'executeThenStatus', status: 502 }, 1],
      [{ kind: 'halfBody' }, 1],
      [{ kind: 'slowBody' }, 1],
      [{ kind: 'reset' }, 2],
      [{ kind: 'html200' }, 2],
      [{ kind: 'redirect' }, 2],
    ];
    const world = await startWorld();
    const stories = await Promise.all(
      LOST.map(async ([fault], i) => {
        const committed = await change(world, { email: `a${i}@x.example`, to: `b${i}@x.example` });
        const match = { method: 'PATCH', path: `/api/v2/users/${committed.sub}` };
        world.tenant.faults.add({ ...fault, match, times: 1 });
        await press(world, committed);
        return committed;
      }),
    );
    await Promise.all(stories.map((story) => untilStatus(world, story, 'undone', 12_000)));
    await untilDrained(world);
    const seen = stories.map((story, i) => ({
      fault: LOST[i]![0].kind,
      // The commit's PATCH and the undo's.
      sent: world.tenant.patches(story.sub).length - 1,
      written: written(world, story),
      told: tellings(world, story).length,
    }));
    expect(seen).toEqual(
      LOST.map(([{ kind }, sent], i) => ({
        fault: kind,
        sent,
        written: [`b${i}@x.example`, `a${i}@x.example`],
        told: 2,
      })),
    );
  });

  test('waits for a tenant that is away, and nothing else of this user moves meanwhile', async () => {
    const world = await startWorld();
    const committed = await change(world);
    const match = { path: '/api/v2/users' };
    const away = world.tenant.faults.add({ kind: 'status', status: 503, match });
    expect((await press(world, committed)).status).toBe(202);
    await away.struck;
    const { sub } = committed;
    const asked = await world.call('POST', '/v1/email-changes', {
      token: await world.token(sub),
      body: { email: 'third@example.org' },
    });
    expect([asked.status, asked.body.code]).toEqual([409, 'commit-in-progress']);
    away.remove();
    await untilStatus(world, committed, 'undone');
    expect(written(world, committed)).toEqual([NEW, OLD]);
  });

  test('by a worker that lost its lease while it was reading is not written by that worker', async () => {
    const world = await startWorld();
    const committed = await change(world);
    await untilDrained(world);
    const { shut, open } = gate();
    const match = { method: 'GET', path: `/api/v2/users/${committed.sub}` };
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, match, times: 1 });
    await press(world, committed);
    await slow.struck;
    world.pass(26_000);
    await startDeployment(world);
    await untilStatus(world, committed, 'undone');
    world.tenant.updateUser(committed.sub, { email: 'newer@example.com' });
    open();
    await eventually(() => world.logs.some(({ event }) => event === 'task.stale'));
    await untilDrained(world);
    expect(addressOf(world, committed)).toBe('newer@example.com');
    expect(tellings(world, committed)).toEqual(MAILS_OF_AN_UNDO);
  });
});

describe('an undo is refused, with its reason, and the account is left alone, when', () => {
  type Stop = [why: string, reason: string, stop: (world: World, sub: string) => void];
  test.each<Stop>([
    [
      'somebody else has given the account another address',
      'address-drifted',
      ({ tenant }, sub) => tenant.updateUser(sub, { email: 'else@example.com' }),
    ],
    ['the account is gone', 'user-gone', ({ tenant }, sub) => tenant.deleteUser(sub)],
    [
      'another identity has become the primary one',
      'unsupported-identity',
      ({ tenant }, sub) =>
        tenant.updateUser(sub, {
          identities: [
            { connection: 'google', provider: 'google-oauth2', user_id: '7', isSocial: true },
          ],
        }),
    ],
    [
      'somebody else has taken the previous address',
      'email-taken',
      ({ tenant }) => tenant.addUser({ email: OLD }),
    ],
  ])('%s: %s', async (_, reason, stop) => {
    const world = await startWorld();
    const committed = await change(world);
    stop(world, committed.sub);
    const before = world.tenant.findUser(committed.sub)?.email;
    await press(world, committed);
    const { token, id } = committed;
    await eventually(async () => {
      const { body } = await world.call('GET', `/v1/email-changes/${id}`, { token });
      return body.reason === reason;
    }, reason);
    await untilDrained(world);
    expect((await recordOf(world, id)).status).toBe('committed');
    expect(world.tenant.findUser(committed.sub)?.email).toBe(before);
    expect(written(world, committed)).toEqual([NEW]);
    // Who asked for it is told, and nobody else.
    expect(tellings(world, committed)).toEqual([`refused → ${OLD}`]);
    // The page behind the link says so too, and pressing again changes nothing.
    const clicked = await fetch(`${world.api}/undo`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams({ token: committed.undo }),
    });
    const page = await fetch(new URL(clicked.headers.get('location')!, world.api));
    expect(oneLine(await page.text())).toContain(
      words(`reason.${reason}.why` as 'reason.email-taken.why'),
    );
  });

  test('it is refused, the user is free to ask for another change', async () => {
    const world = await startWorld();
    const committed = await change(world);
    world.tenant.updateUser(committed.sub, { email: 'else@example.com' });
    await press(world, committed);
    await eventually(async () => (await recordOf(world, committed.id)).undo?.refused);
    const next = await commit(world, { sub: committed.sub, to: 'third@example.org' });
    expect(addressOf(world, next)).toBe('third@example.org');
  });
});
