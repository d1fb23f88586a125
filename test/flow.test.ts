import { describe, expect, test } from 'vitest';
import { startWorld, tokenIn, untilStatus } from './support/world.ts';

describe('the whole story', () => {
  test('a user moves to an address only after its mailbox said yes, and the old mailbox is told', async () => {
    const world = await startWorld();
    const { tenant, inbox } = world;
    const { user_id: sub } = tenant.addUser({
      email: 'ada@example.com',
      password: 'correct horse',
    });
    const token = await world.token(sub);

    // The app asks.
    const asked = await world.call('POST', '/v1/email-changes', {
      token,
      body: { email: 'Ada.Lovelace@Example.ORG' },
    });
    expect(asked.status).toBe(202);
    expect(asked.body).toMatchObject({
      status: 'pending',
      email: 'Ada.Lovelace@example.org',
      awaiting: ['new'],
    });
    expect(asked.headers.get('location')).toMatch(
      new RegExp(`/v1/email-changes/${asked.body.id}$`),
    );

    // Both mailboxes hear of it; nothing has changed at the tenant.
    const invitation = await inbox.waitFor({ to: 'Ada.Lovelace@example.org' });
    const notice = await inbox.waitFor({ to: 'ada@example.com' });
    expect(tenant.patches()).toHaveLength(0);
    expect(notice.text).not.toContain('Ada.Lovelace@example.org');
    const link = tokenIn(invitation.text, 'confirm');
    tokenIn(notice.text, 'cancel');

    // The link says what it would do, and does nothing.
    const seen = await world.call('POST', '/v1/links/inspect', { body: { token: link } });
    expect(seen.body).toMatchObject({
      purpose: 'confirm',
      status: 'pending',
      email: 'Ada.Lovelace@example.org',
    });
    expect(seen.body.currentEmail).not.toContain('ada@');
    expect((await world.call('GET', '/confirm')).status).toBe(200);
    expect(tenant.patches()).toHaveLength(0);

    // The click.
    const clicked = await world.call('POST', '/v1/confirm', { body: { token: link } });
    expect(clicked.status).toBe(202);
    const committed = await untilStatus(world, token, asked.body.id, 'committed');
    expect(committed).toMatchObject({
      email: 'Ada.Lovelace@example.org',
      committedAt: expect.any(String),
      undoUntil: expect.any(String),
    });
    expect(tenant.user(sub)).toMatchObject({
      email: 'ada.lovelace@example.org',
      email_verified: true,
    });

    // Both mailboxes hear the end of it.
    await inbox.waitFor(
      (mail) => mail.to.includes('ada@example.com') && mail.text?.includes('/undo#'),
    );
    await inbox.waitFor(
      (mail) => mail.to.includes('Ada.Lovelace@example.org') && mail !== invitation,
    );
    expect(inbox.messages).toHaveLength(4);

    // Three calls and one token, as promised.
    const management = tenant.calls.filter((call) => call.path.startsWith('/api/v2/'));
    expect(management.map((call) => call.method)).toEqual(['GET', 'GET', 'PATCH']);
    expect(tenant.tokenRequests()).toHaveLength(1);

    // A second click changes nothing and says so.
    const again = await world.call('POST', '/v1/confirm', { body: { token: link } });
    expect(again.body).toMatchObject({ status: 'committed' });
    expect(tenant.patches()).toHaveLength(1);
  });
});
