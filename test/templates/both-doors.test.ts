/** A folder of templates at work: pages in the API, mails in the workers, a brand in both. */
import { expect, test } from 'vitest';
import { SOURCES } from '../../src/templates/built-in.ts';
import { startWorld } from '../support/world.ts';
import { templatesDir } from './folder.ts';

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>';

test('mails, pages, style and picture of a folder reach the people', async () => {
  const world = await startWorld({
    env: {
      TEMPLATES_DIR: templatesDir({
        'mails/confirm.html.liquid':
          '<h2>{{ facts.new }}</h2><p><a href="{{ links.confirm }}">Go on</a></p>',
        'mails/confirm.text.liquid': 'Go on:\n{{ links.confirm }}',
        'mails/confirm.subject.liquid': 'One more step, says {{ brand.name }}',
        'pages/layout.liquid': SOURCES.pages.layout.replace('<main', '<p>Our own frame</p><main'),
        'pages/own.css': 'main { border: 0 }',
        'pages/logo.svg': SVG,
      }),
      BRAND_LOGO_URL: 'https://cdn.example/logo.png',
      BRAND_LEGAL: 'Acme Ltd, 1 High Street',
    },
  });
  const { user_id: sub } = world.tenant.addUser({ email: 'ada@example.com' });
  const asked = await world.call('POST', '/v1/email-changes', {
    token: await world.token(sub),
    body: { email: 'ada@example.org' },
  });
  expect(asked.status, asked.text).toBe(202);

  await world.inbox.waitFor(() => world.inbox.to('ada@example.org').length > 0);
  const [mail] = world.inbox.to('ada@example.org');
  expect(mail).toMatchObject({
    subject: 'One more step, says Acme',
    text: expect.stringMatching(
      /Go on:\n\S+\/confirm#[\w-]{64}\n[^]*Acme Ltd, 1 High Street\n$/,
    ) as string,
    html: expect.stringContaining('<h2>ada@example.org</h2>') as string,
  });
  expect(mail!.html).toContain("background:url('https://cdn.example/logo.png')");

  const answer = await fetch(`${world.api}/confirm`);
  expect(answer.headers.get('content-security-policy')).toMatch(/; img-src 'self'$/);
  const page = await answer.text();
  expect(page).toContain('<p>Our own frame</p>');
  expect(page).toContain('<p id="legal" translate="no">Acme Ltd, 1 High Street</p>');
  // Nothing comes from elsewhere, the picture of the mails included.
  expect(page).not.toContain('cdn.example');
  const hrefs = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, href]) => href!);
  const [css, logo] = [/own\.css/, /logo/].map((name) => hrefs.find((href) => name.test(href))!);
  expect(await (await fetch(world.api + css!)).text()).toBe('main { border: 0 }');
  const picture = await fetch(world.api + logo!);
  expect(await picture.text()).toBe(SVG);
  expect(picture.headers.get('content-type')).toBe('image/svg+xml');
  // Opened by itself a picture runs nothing.
  expect(picture.headers.get('content-security-policy')).toContain("default-src 'none'");
});
