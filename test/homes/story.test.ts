/** One story, told to every home in the same words: nothing of it knows which one it is told to. */
import { describe, expect, test } from 'vitest';
import { eventually, tokenIn } from '../support/world.ts';
import { KINDS, PUBLIC_URL, startHome, type Home } from './home.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

const post = ({ ask }: Home, path: string, body: unknown, headers: Record<string, string> = {}) =>
  ask(path, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) });

/** Every status that this stream tells, until it ends. */
async function statusesIn(stream: Response): Promise<string[]> {
  const text = await stream.text();
  return [...text.matchAll(/^data: (\{.+\})$/gm)]
    .map(([, data]) => (JSON.parse(data!) as { status?: string }).status)
    .filter((status) => status !== undefined);
}

describe.each(KINDS)('in %s', (kind) => {
  test('an address is asked for, followed live, confirmed by the button, committed, told and undone', async () => {
    const home = await startHome(kind, { env: { RETURN_URLS: 'https://app.example.com/' } });
    const { world, ask, work } = home;
    const { tenant, inbox } = world;
    const { user_id: sub } = tenant.addUser({ email: 'ada@example.com' });
    const authorization = `Bearer ${await world.token(sub)}`;

    const asked = await post(
      home,
      '/v1/email-changes',
      { email: 'ada@example.org' },
      { authorization },
    );
    expect(asked.status).toBe(202);
    const { id } = (await asked.json()) as { id: string };
    expect(asked.headers.get('location')).toBe(`${PUBLIC_URL}/v1/email-changes/${id}`);
    const followed = await ask(`/v1/email-changes/${id}/events`, { headers: { authorization } });
    expect(followed.status).toBe(home.isLive ? 200 : 404);
    const told = statusesIn(followed);
    await work();

    const invitation = await inbox.waitFor({ to: 'ada@example.org' });
    await inbox.waitFor({ to: 'ada@example.com' });
    const link = tokenIn(invitation.text, 'confirm');
    expect(invitation.text).toContain(`${PUBLIC_URL}/confirm#${link}`);
    const page = await ask('/confirm', { headers: { accept: 'text/html' } });
    const html = await page.text();
    expect(html).toContain('action="/account/confirm"');
    const script = /src="\/account(\/assets\/link[^"]+)"/.exec(html)![1]!;
    expect((await ask(script)).headers.get('content-type')).toContain('javascript');
    expect(tenant.patches()).toHaveLength(0);

    const pressed = await ask('/confirm', {
      method: 'POST',
      headers: FORM_TYPE,
      body: new URLSearchParams({ token: link }).toString(),
    });
    expect(pressed.status).toBe(303);
    await work();
    const result = pressed.headers.get('location')!.replace('/account', '');
    const outcome = await eventually(async () => {
      const shown = await (await ask(result, { headers: { accept: 'text/html' } })).text();
      return !shown.includes('http-equiv="refresh"') && shown;
    });
    expect(outcome).toContain('Done: the address has been changed');
    expect(tenant.user(sub)).toMatchObject({ email: 'ada@example.org', email_verified: true });
    expect((await told).at(-1)).toBe(home.isLive ? 'committed' : undefined);

    await work();
    const last = await inbox.waitFor(
      ({ to, text }) => to.includes('ada@example.com') && text?.includes('/undo#'),
    );
    const undone = await post(home, '/v1/undo', { token: tokenIn(last.text, 'undo') });
    expect(undone.status).toBe(202);
    await work();
    await eventually(() => tenant.user(sub)?.email === 'ada@example.com');
    expect(tenant.patches()).toHaveLength(2);
    expect(tenant.tokenRequests()).toHaveLength(1);
  });

  test('a refusal is the same problem as everywhere', async () => {
    const { ask, ...home } = await startHome(kind);
    const nothing = await ask('/v1/nothing');
    expect([nothing.status, nothing.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json; charset=utf-8',
    ]);
    expect(await nothing.json()).toMatchObject({
      code: 'not-found',
      type: `${PUBLIC_URL}/problems#not-found`,
    });
    const unsigned = await post({ ask, ...home }, '/v1/email-changes', { email: 'a@example.org' });
    expect(unsigned.status).toBe(401);
    expect(unsigned.headers.get('www-authenticate')).toContain('Bearer');
    const large = await post({ ask, ...home }, '/v1/confirm', { token: 'a'.repeat(20_000) });
    expect(await large.json()).toMatchObject({ status: 413, code: 'payload-too-large' });
    const wrong = await ask('/v1/confirm', { method: 'PUT' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    const packed = await ask('/v1/confirm', {
      method: 'POST',
      headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
      body: 'x',
    });
    expect(await packed.json()).toMatchObject({
      status: 400,
      detail: expect.stringContaining('Content-Encoding'),
    });
  });
});
