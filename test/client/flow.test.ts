import { expect, test } from 'vitest';
import { createEmailChangeClient } from '../../client/index.ts';
import { startWorld, tokenIn } from '../support/world.ts';

test('an app with a login of yesterday changes an address, follows it, and the old mailbox takes it back', async () => {
  const world = await startWorld();
  const { user_id: sub } = world.tenant.addUser({ email: 'ada@example.com', password: 'secret' });
  const yesterday = Math.floor(world.now() / 1000) - 86_400;
  const wishes: object[] = [];
  const client = createEmailChangeClient({
    baseUrl: world.api,
    getAccessToken: (wish) => {
      wishes.push(wish);
      const stale = { claims: { 'https://readdress/auth_time': yesterday } };
      return world.token(sub, wish.maxAge === undefined ? stale : {});
    },
  });
  expect(await client.current()).toBeUndefined();

  const change = await client.request({ email: 'ada@example.org' });
  expect(change).toMatchObject({ status: 'pending', email: 'ada@example.org', awaiting: ['new'] });
  expect(wishes).toContainEqual({ maxAge: 300 });

  const seen: string[] = [];
  const outcome = client.watch(change.id, ({ status }) => void seen.push(status), { pollMs: 100 });
  const invitation = await world.inbox.waitFor({ to: 'ada@example.org' });
  const link = `https://email.test/confirm#${tokenIn(invitation.text, 'confirm')}`;
  expect(await client.inspect(link)).toMatchObject({ purpose: 'confirm', status: 'pending' });
  expect(await client.confirm(link, { wait: 10 })).toMatchObject({ status: 'committed' });
  expect(await outcome).toMatchObject({ id: change.id, status: 'committed' });
  expect(seen[0]).toBe('pending');
  expect(seen.at(-1)).toBe('committed');
  expect(await client.current()).toMatchObject({ id: change.id, status: 'committed' });
  await expect(client.cancel(change.id)).rejects.toMatchObject({ code: 'already-committed' });

  const changed = await world.inbox.waitFor({
    to: 'ada@example.com',
    subject: /was changed/,
  });
  expect(await client.undo(tokenIn(changed.text, 'undo'), { wait: 10 })).toMatchObject({
    status: 'undone',
  });
  expect(world.tenant.user(sub)).toMatchObject({ email: 'ada@example.com' });
  await expect(client.confirm(`${link.slice(0, -4)}AAAA`)).rejects.toMatchObject({
    code: 'invalid-link',
  });
});
