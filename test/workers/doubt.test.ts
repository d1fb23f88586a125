import { describe, expect, inject, onTestFinished, test } from 'vitest';
import type { FaultAction } from '../../stand-ins/tenant/faults.ts';
import { startFaultProxy } from '../chaos/fault-proxy.ts';
import { eventually, startWorld } from '../support/world.ts';
import {
  callsAbout,
  click,
  effectivePatches,
  gate,
  invite,
  mailsOf,
  MAILS_OF_A_COMMIT,
  recordOf,
  startDeployment,
  untilDrained,
  untilMails,
  untilStatus,
} from './steps.ts';

describe('a PATCH whose answer is lost', () => {
  // What went wrong, and how many PATCH requests it takes: one when it was carried out after all.
  const LOST: [FaultAction, number][] = [
    [{ kind: 'executeThenReset' }, 1],
    [{ kind: 'executeThenHang' }, 1],
    [{ kind: 'executeThenStatus', status: 500 }, 1],
    [{ kind: 'halfBody' }, 1],
    [{ kind: 'slowBody' }, 1],
    [{ kind: 'reset' }, 2],
    [{ kind: 'html200' }, 2],
    [{ kind: 'empty200' }, 2],
    [{ kind: 'garbage' }, 2],
    [{ kind: 'redirect' }, 2],
    [{ kind: 'status', status: 503, body: 'upstream' }, 2],
  ];

  test('takes effect once and is told once, however it was lost', { timeout: 60_000 }, async () => {
    // A call that hangs is given up sooner.
    const world = await startWorld({ env: { TASK_LEASE: '15s' } });
    const stories = await Promise.all(
      LOST.map(async ([fault], number) => {
        const name = `${fault.kind}-${number}`.toLowerCase();
        const invited = await invite(world, {
          email: `${name}@example.com`,
          to: `${name}@example.org`,
        });
        const match = { method: 'PATCH', path: `/api/v2/users/${invited.sub}` };
        world.tenant.faults.add({ ...fault, match, times: 1 });
        await click(world, invited.link);
        return { fault, ...invited };
      }),
    );
    await Promise.all(stories.map((story) => untilStatus(world, story, 'committed', 40_000)));
    await Promise.all(stories.map((story) => untilMails(world, story, 4)));
    await untilDrained(world);

    const seen = stories.map(({ fault, sub, id, to }) => ({
      fault: fault.kind,
      sent: world.tenant.patches(sub).length,
      effective: effectivePatches(world, sub).length,
      holds: world.tenant.user(sub).email === to,
      mails: mailsOf(world, { id }).length,
    }));
    expect(seen).toEqual(
      LOST.map(([{ kind }, sent]) => ({ fault: kind, sent, effective: 1, holds: true, mails: 4 })),
    );
  });
});

describe('a worker that lost its lease', () => {
  test('while it was reading writes nothing, neither at the tenant nor in the record', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await untilMails(world, invited, 2);
    await untilDrained(world);
    const { shut, open } = gate();
    // Its answer tells of the old address, long after somebody else has written the new one.
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, times: 1 });
    await click(world, invited.link);
    await slow.struck;
    world.pass(26_000);
    await startDeployment(world);
    await untilStatus(world, invited, 'committed');
    world.tenant.updateUser(invited.sub, { email: 'newer@example.com' });
    open();
    await eventually(() => world.logs.some(({ event }) => event === 'task.stale'));
    await untilDrained(world);
    expect(world.tenant.patches()).toHaveLength(1);
    expect(world.tenant.user(invited.sub).email).toBe('newer@example.com');
    expect((await recordOf(world, invited.id)).status).toBe('committed');
    expect(mailsOf(world, invited)).toEqual(MAILS_OF_A_COMMIT);
  });

  test('while its PATCH was under way does not settle what another one has settled', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await untilMails(world, invited, 2);
    await untilDrained(world);
    const { shut, open } = gate();
    const match = { method: 'PATCH' };
    const slow = world.tenant.faults.add({ kind: 'executeThenHold', until: shut, match, times: 1 });
    await click(world, invited.link);
    await slow.struck;
    world.pass(26_000);
    await startDeployment(world);
    await untilStatus(world, invited, 'committed');
    open();
    await eventually(() => world.logs.some(({ event }) => event === 'task.stale'));
    await untilMails(world, invited, 4);
    await untilDrained(world);
    expect(callsAbout(world, invited.sub)).toEqual(['GET 200', 'GET 200', 'PATCH 200', 'GET 200']);
    expect(mailsOf(world, invited)).toEqual(MAILS_OF_A_COMMIT);
  });

  test('was asleep with the PATCH in its hand does not send it any more', async () => {
    const world = await startWorld();
    const invited = await invite(world);
    await untilMails(world, invited, 2);
    const { shut, open } = gate();
    const body = { statusCode: 401, error: 'Unauthorized', message: 'Expired token' };
    const { faults } = world.tenant;
    faults.add({ kind: 'status', status: 401, body, match: { method: 'PATCH' }, times: 1 });
    const slow = faults.add({ kind: 'hold', until: shut, match: { path: '/oauth' }, times: 1 });
    await click(world, invited.link);
    // It may write, and waits for a new token, while the time for it passes.
    await slow.struck;
    world.pass(19_000);
    open();
    await eventually(() => world.logs.some(({ event }) => event === 'task.later'));
    expect(effectivePatches(world)).toEqual([]);
    expect(await recordOf(world, invited.id)).not.toHaveProperty('writing');
    await untilStatus(world, invited, 'committed');
    expect(callsAbout(world, invited.sub)).toEqual([
      'GET 200',
      'GET 200',
      'PATCH 401',
      'GET 200',
      'PATCH 200',
    ]);
  });
});

/** A world whose Redis may lose an answer, and a change that waits for its click. */
async function startForgetful() {
  const proxy = await startFaultProxy(Number(new URL(inject('redisUrl')).port));
  onTestFinished(() => proxy.close());
  const world = await startWorld({ env: { REDIS_URL: `redis://127.0.0.1:${proxy.port}` } });
  for (const { url } of [{ url: world.api }, world.workers!])
    await eventually(async () => (await fetch(`${url}/readyz`)).ok, `${url} to be ready`);
  return { proxy, world, asked: await invite(world) };
}

test('an answer of Redis that is lost on the mark before the PATCH costs a moment, and no second PATCH', async () => {
  const { proxy, world, asked } = await startForgetful();
  await untilMails(world, asked, 2);
  await untilDrained(world);
  proxy.swallowReplyTo('"fate":"hold"');
  await click(world, asked.link);
  await untilStatus(world, asked, 'committed');
  expect(world.tenant.patches(asked.sub)).toHaveLength(1);
});

test('an answer of Redis that is lost on the write that settles costs neither the line nor the measure', async () => {
  const { proxy, world, asked } = await startForgetful();
  // It follows from this write alone.
  proxy.swallowReplyTo(`${asked.id}:mail.done`);
  await click(world, asked.link);
  const committed = () => world.logs.filter(({ event }) => event === 'email_change.committed');
  await eventually(() => committed().length > 0, 'the line', 15_000);
  const measures = await (await fetch(`${world.workers!.url}/metrics`)).text();
  expect(measures).toContain('readdress_transitions_total{status="committed",reason=""} 1');
  expect(committed()).toHaveLength(1);
  expect(world.tenant.patches(asked.sub)).toHaveLength(1);
});
