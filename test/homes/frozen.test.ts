/** What a function leaves behind when it is frozen at the worst moment, and what it finds when it goes on. */
import { expect, test } from 'vitest';
import { eventually, startWorld, tokenIn } from '../support/world.ts';
import { startFunction, type Frozen } from './frozen.ts';
import { open, PUBLIC_URL } from './home.ts';
import { startWay } from './way.ts';

const post = (home: Pick<Frozen, 'ask'>, path: string, body: object, token?: string) =>
  home.ask(path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });

test('frozen in mid-write for longer than a lease, it is overtaken once, and does nothing when it goes on', async () => {
  const world = await startWorld({ workers: false });
  const settings = { ...world.env, PUBLIC_URL, TASK_LEASE: '5s' };
  const home = await startFunction({ ...settings, TASKS: 'inline' });
  const { user_id: sub } = world.tenant.addUser({ email: 'old@example.com' });
  const token = await world.token(sub);
  const asked = await post(home, '/v1/email-changes', { email: 'new@example.org' }, token);
  expect(asked.status).toBe(202);
  // What the function had no time for, its schedule does.
  const mail = await eventually(async () => {
    await home.tasks();
    return world.inbox.to('new@example.org')[0];
  }, 'the mail with the link');

  const hangs = world.tenant.faults.add({ kind: 'hang', match: { method: 'PATCH' }, times: 1 });
  const clicked = post(home, '/v1/confirm', { token: tokenIn(mail.text, 'confirm') });
  await hangs.struck;
  home.freeze();
  // The click is on record, whatever becomes of the function. Its lease is real time: nobody passes it on.
  const { readdress } = await open(settings);
  const overtake = async () => {
    await readdress.runDueTasks({ forMs: 1000 });
    return world.tenant.user(sub)?.email === 'new@example.org';
  };
  await eventually(overtake, 'the next run to finish it', 60_000);
  home.thaw();
  expect((await clicked).status).toBe(202);
  const run = await home.tasks();
  expect(run.done + run.putOff).toBeLessThanOrEqual(2);
  // One that hung and was never carried out, and the one that counts.
  expect(world.tenant.patches()).toHaveLength(2);
  expect(world.inbox.to('new@example.org')).toHaveLength(2);
}, 90_000);

test('a connection that died while it was frozen costs no answer', async () => {
  const world = await startWorld({ workers: false });
  const way = await startWay(world.env['REDIS_URL']!);
  const home = await startFunction({ ...world.env, PUBLIC_URL, REDIS_URL: way.url });
  const ask = () => post(home, '/v1/confirm', { token: 'A'.repeat(64) });
  expect((await ask()).status).toBe(400);
  way.cut();
  expect((await ask()).status).toBe(400);
  way.cut();
  expect(await home.tasks()).toEqual({ done: 0, putOff: 0 });
});

test('a live status is no answer that never ends', async () => {
  const world = await startWorld({ workers: false });
  const home = await startFunction({ ...world.env, PUBLIC_URL });
  const { user_id: sub } = world.tenant.addUser({ email: 'old@example.com' });
  const headers = { authorization: `Bearer ${await world.token(sub)}` };
  const events = await home.ask(`/account/v1/email-changes/${'A'.repeat(22)}/events`, { headers });
  expect(await events.json()).toMatchObject({ code: 'not-found' });
});
