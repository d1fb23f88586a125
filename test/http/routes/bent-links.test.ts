/** Links survive the mail world: whatever a gateway makes of one leads to the review, and acts no more. */
import { describe, expect, test } from 'vitest';
import { createEmailChangeClient } from '../../../client/index.ts';
import { NO_TOKENS, REWRITES } from '../../support/gateways.ts';
import {
  askAndReadMail,
  expectProblem,
  newUser,
  quiet,
  send,
  state,
  submit,
} from '../../support/wire.ts';
import { startWorld, type World } from '../../support/world.ts';

const PURPOSES = ['confirm', 'approve', 'cancel', 'undo'] as const;
const HTML = { accept: 'text/html' };

const startWithLink = async () => {
  const world = await startWorld();
  const change = await askAndReadMail(world, await newUser(world), 'new@example.org');
  const link = `http://localhost:3999/confirm#${change.confirm}`;
  await quiet(world);
  return { world, token: change.confirm, link };
};
const logged = (world: World): string => JSON.stringify(world.logs);

describe('opened', () => {
  test('with the hash escaped, however often and for every purpose, it leads to the page and leaves no trace', async () => {
    const { world, token } = await startWithLink();
    const before = await state(world);
    const bent = [
      `%23${token}`,
      `%2523${token}`,
      `%252523${token}`,
      `%25252523${token}`,
      `/${token}`,
      `/%23${token}`,
      `%3Ftoken%3D${token}`,
      `%23${token}&data=05%7C02`,
      `%23${token}?utm_source=mail`,
      `%23${token}.`,
      `%23${token}%3E`,
      `%23${token})`,
      `%23${token}%20`,
      `%23${token}%`,
      `?utm_source=mail%23${token}`,
      `?token=${token}`,
      `?lang=de&token=${token}&utm_source=mail`,
    ];
    for (const purpose of PURPOSES)
      for (const rest of bent)
        for (const headers of [HTML, {}])
          for (const method of ['GET', 'HEAD']) {
            if (rest.endsWith('%') && method === 'HEAD') continue;
            const answer = await send(world.api, `/${purpose}${rest}`, { method, headers });
            expect([answer.status, answer.headers.location], `${purpose}${rest}`).toEqual([
              303,
              `/${purpose}#${token}`,
            ]);
            expect(answer.headers['cache-control']).toBe('no-store');
            expect(answer.headers['referrer-policy']).toBe('no-referrer');
          }
    expect(await state(world)).toEqual(before);
    expect(logged(world)).not.toContain(token);
    expect(world.logs.some(({ event }) => event === 'request.failed')).toBe(false);
  });

  test('with nothing to mend it shows the page with the field, and no page where there is none', async () => {
    const { world, token } = await startWithLink();
    for (const purpose of PURPOSES)
      for (const rest of [
        '/',
        '/x',
        '%23',
        `/${token.slice(1)}`,
        '%23%2523',
        '.',
        '?token=a&token=b',
        // The fragment, which the browser keeps, may hold the real one.
        `?ref=${token}`,
      ]) {
        const page = await send(world.api, `/${purpose}${rest}`, { headers: HTML });
        expect([page.status, page.text.includes('id="token"')], rest).toEqual([200, true]);
        expect(page.text).toContain(`action="/${purpose}"`);
      }
    for (const path of ['/confirmation', '/undone', '/confirm-it', `/confirmed/${token}`])
      expectProblem(await world.call('GET', path), 'not-found', path);
    // What acts takes no bent link: a form posts to the page's own address.
    expect((await submit(world, `/confirm%23${token}`, token)).status).toBe(404);
  });
});

describe('pasted', () => {
  test.each(Object.entries(REWRITES))(
    'as %s it is read alike by form, API and client',
    async (_, rewrite) => {
      const { world, token, link } = await startWithLink();
      const pasted = rewrite(link.replace('http:', 'https:'), token);
      const client = createEmailChangeClient({ baseUrl: world.api });
      const inspected = await world.call('POST', '/v1/links/inspect', { body: { token: pasted } });
      expect([inspected.status, inspected.body.purpose]).toEqual([200, 'confirm']);
      expect((await client.inspect(pasted)).purpose).toBe('confirm');
      expect((await submit(world, '/confirm', pasted)).status).toBe(303);
      const confirmed = await world.call('POST', '/v1/confirm', { body: { token: pasted } });
      expect(confirmed.status).toBe(202);
    },
  );

  test('without exactly one token it is one and the same problem, and changes nothing', async () => {
    const { world, token, link } = await startWithLink();
    const before = await state(world);
    const bodies = new Set<string>();
    for (const [name, rewrite] of Object.entries(NO_TOKENS))
      for (const path of ['/v1/links/inspect', '/v1/confirm']) {
        const answer = await world.call('POST', path, { body: { token: rewrite(link, token) } });
        expectProblem(answer, 'invalid-link', name);
        bodies.add(answer.text.replace(/"instance":"[^"]+"/, ''));
      }
    expect(bodies.size).toBe(1);
    expect(await state(world)).toEqual(before);
  });
});
