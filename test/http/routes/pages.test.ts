/** The pages behind the mailed links: they show, only their button acts, and it acts once. */
import { describe, expect, test } from 'vitest';
import { message, type MessageKey } from '../../../src/locales/messages.ts';
import {
  ask,
  askAndReadMail,
  commitChange,
  confirm,
  expectProblem,
  newUser,
  quiet,
  send,
  state,
  submit,
  type WireAnswer,
} from '../../support/wire.ts';
import { eventually, startWorld, tokenIn, untilStatus, type World } from '../../support/world.ts';

const PURPOSES = ['confirm', 'approve', 'cancel', 'undo'] as const;
const HTML = { accept: 'text/html,application/xhtml+xml' };

const say = (key: MessageKey): string => message('en', key, { brand: 'Acme', host: '' });
const unescaped = (html: string): string =>
  html
    .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll('&amp;', '&');
/** What a person reads first. */
const headingOf = ({ text }: WireAnswer): string =>
  unescaped(/<h1[^>]*>([^<]*)<\/h1>/.exec(text)?.[1] ?? '');

/** Presses the button and follows to where it leads. */
async function press(world: World, path: string, token: string) {
  const pressed = await submit(world, path, token);
  expect(pressed.status, pressed.text).toBe(303);
  const location = String(pressed.headers.location);
  expect(location).toMatch(/^\/result\?receipt=[\w.-]+$/);
  const result = () => send(world.api, location, { headers: HTML });
  return { location, result, heading: async () => headingOf(await result()) };
}

describe('looking', () => {
  test('GET and HEAD of any page, by whatever scanner, change nothing at all', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    await quiet(world);
    const before = await state(world);

    const scanners = [
      HTML,
      { accept: '*/*', 'user-agent': 'Mozilla/5.0 (compatible; SafeLinks)' },
      { 'sec-purpose': 'prefetch;prerender', purpose: 'prefetch', ...HTML },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    ];
    for (const path of ['/', '/problems', '/result', '/docs', ...PURPOSES.map((one) => `/${one}`)])
      for (const query of ['', `?token=${change.confirm}`])
        for (const headers of scanners) {
          const got = await send(world.api, path + query, { headers });
          const head = await send(world.api, path + query, { method: 'HEAD', headers });
          expect([head.status, head.text], path).toEqual([got.status, '']);
          expect(head.headers['content-length'], path).toBe(got.headers['content-length']);
          expect(head.headers['content-type'], path).toBe(got.headers['content-type']);
          expect(got.headers['set-cookie']).toBeUndefined();
          // The token of the query goes nowhere: this deployment puts it into the fragment.
          expect(got.text).not.toContain(change.confirm);
        }
    // Methods that could act, where only the form may.
    for (const method of ['PUT', 'PATCH', 'DELETE'])
      expect((await send(world.api, '/confirm', { method })).status).toBe(405);

    expect(await state(world)).toEqual(before);
    expect(world.tenant.patches()).toHaveLength(0);
    expect((await confirm(world, change.confirm)).body).toEqual({ status: 'confirmed' });
  });

  test('a link page has one form, which posts to itself, and loads nothing from elsewhere', async () => {
    const world = await startWorld({ workers: false });
    for (const purpose of PURPOSES) {
      const page = await send(world.api, `/${purpose}`, { headers: HTML });
      expect(page.status).toBe(200);
      expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(headingOf(page)).toBe(say(`page.${purpose}.title`));
      expect(page.text.match(/<form[^>]*>/g)).toHaveLength(1);
      expect(page.text).toMatch(new RegExp(`<form[^>]* method="post" action="/${purpose}"`));
      for (const [, address] of page.text.matchAll(/(?:src|href|action)="([^"]*)"/g)) {
        expect(address).toMatch(/^\/(?!\/)/);
      }
      const assets = [...page.text.matchAll(/"(\/assets\/[^"]*)"/g)].map((match) => match[1]!);
      expect(assets.length).toBeGreaterThanOrEqual(3);
      for (const address of assets) {
        const asset = await send(world.api, address);
        expect(asset.status, address).toBe(200);
        expect(asset.headers['cache-control']).toContain('immutable');
      }
      expect(page.text).not.toMatch(/<(?:script|style)(?![^>]*src=)[^>]*>[^<]/);
      expect(page.text).not.toMatch(/\son\w+=/);
    }
  });

  test('with LINK_STYLE=query the token waits in the form, and still nothing happens by itself', async () => {
    const world = await startWorld({ env: { LINK_STYLE: 'query' } });
    const user = await newUser(world);
    await ask(world, user.token, 'new@example.org');
    const mail = await world.inbox.waitFor({ to: 'new@example.org' });
    const link = /http:\/\/localhost:3999(\/confirm\?token=([\w-]{64}))/.exec(mail.text);
    const [, path = '', token = ''] = link ?? [];
    const page = await send(world.api, path, { headers: HTML });
    expect(page.text).toContain(`value="${token}"`);
    await quiet(world);
    expect(world.tenant.patches()).toHaveLength(0);

    const { text } = await send(
      world.api,
      `/confirm?token=${encodeURIComponent('"><script>alert(1)</script>')}`,
      { headers: HTML },
    );
    expect(text).not.toContain('<script>alert');
    expect(text).toContain('&lt;script&gt;');
    // The log names the route, not the address with its token.
    expect(JSON.stringify(world.logs)).not.toContain(token);
    expect(await (await press(world, '/confirm', token)).heading()).toMatch(/\S/);
  });
});

describe('the button', () => {
  test('leads straight to the end when the workers are quick, without a page in between', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    const pressed = await press(world, '/confirm', change.confirm);
    expect(await pressed.heading()).toBe(say('page.outcome.done.title'));
  });

  test('leads to a result page that says in words what is recorded, and back only to an allowed place', async () => {
    const app = 'https://app.example/account';
    const world = await startWorld({ env: { RETURN_URLS: app } });
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org', { returnTo: app });
    let answer = (): void => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    world.tenant.faults.add({ kind: 'hold', until, times: 1, match: { path: '/api/v2/users/' } });

    const pressed = await press(world, '/confirm', change.confirm);
    const waiting = await pressed.result();
    expect(headingOf(waiting)).toBe(say('page.outcome.processing.title'));
    expect(waiting.text).toContain('/assets/result.js');
    expect(waiting.text).not.toContain('http-equiv');
    answer();
    await untilStatus(world, user.token, change.id, 'committed');
    const done = await pressed.result();
    expect(headingOf(done)).toBe(say('page.outcome.done.title'));
    expect(done.text).not.toContain('/assets/result.js');
    expect(done.text).toContain(`href="${app}"`);
    // Its own mailbox reads its address in full: a slip can still be seen. No page holds a token.
    expect(done.text).not.toContain(change.confirm);
    expect(done.text).toContain('new@example.org');

    // Twice is harmless and says the same.
    expect(await (await press(world, '/confirm', change.confirm)).heading()).toBe(
      say('page.outcome.done.title'),
    );
    expect(world.tenant.patches()).toHaveLength(1);
    expect(await (await press(world, '/cancel', change.cancel)).heading()).toBe(
      say('page.outcome.too-late-to-cancel.title'),
    );

    const mail = await world.inbox.waitFor((one) => one.text.includes('/undo#'));
    const undo = await press(world, '/undo', tokenIn(mail.text, 'undo'));
    await untilStatus(world, user.token, change.id, 'undone');
    expect(await undo.heading()).toBe(say('page.outcome.undone.title'));
  });

  test('of each kind of closed change is told apart in words', async () => {
    const world = await startWorld();
    const told = async (change: { confirm: string }) =>
      (await press(world, '/confirm', change.confirm)).heading();

    const superseded = await askAndReadMail(world, await newUser(world), 'a@example.org');
    await ask(world, superseded.token, 'b@example.org');
    expect(await told(superseded)).toBe(say('page.outcome.superseded.title'));

    const canceled = await askAndReadMail(world, await newUser(world), 'c@example.org');
    expect(await (await press(world, '/cancel', canceled.cancel)).heading()).toBe(
      say('page.outcome.canceled.title'),
    );
    expect(await told(canceled)).toBe(say('page.outcome.canceled.title'));

    world.tenant.addUser({ email: 'taken@example.org', password: 'correct horse' });
    const taken = await askAndReadMail(world, await newUser(world), 'taken@example.org');
    await confirm(world, taken.confirm);
    await untilStatus(world, taken.token, taken.id, 'rejected');
    const rejected = await (await press(world, '/confirm', taken.confirm)).result();
    expect(headingOf(rejected)).toBe(say('page.outcome.rejected.title'));
    expect(unescaped(rejected.text)).toContain(say('reason.email-taken.why'));

    const expired = await askAndReadMail(world, await newUser(world), 'd@example.org');
    world.pass(3_600_001);
    expect(await told(expired)).toBe(say('page.outcome.expired.title'));
  });

  test('takes the code as people paste it: in groups, with spaces, or as the whole link', async () => {
    const world = await startWorld();
    const pastes: ((token: string) => string)[] = [
      (token) => token,
      (token) => `  ${token}\r\n`,
      (token) => token.replaceAll(/(.{8})(?=.)/g, '$1 '),
      (token) => token.replaceAll(/(.{16})(?=.)/g, '$1\n\t'),
      (token) => `http://localhost:3999/confirm#${token}`,
      (token) => `  https://elsewhere.example/confirm?lang=de&token=${token} `,
    ];
    for (const [i, paste] of pastes.entries()) {
      const change = await askAndReadMail(world, await newUser(world), `paste${i}@example.org`);
      await press(world, '/confirm', paste(change.confirm));
      const { status } = await untilStatus(world, change.token, change.id, 'committed');
      expect(status).toBe('committed');
    }
  });

  test('with a wrong code shows the same page again, and says what it was by its form alone', async () => {
    const world = await startWorld();
    const change = await askAndReadMail(world, await newUser(world), 'new@example.org');
    const { confirm: token } = change;
    const wrong = {
      'invalid-link': [
        '',
        'x',
        'undefined',
        'A'.repeat(64),
        `${token}A`,
        token.slice(0, 30) + (token[30] === 'A' ? 'B' : 'A') + token.slice(31),
        '<script>alert(1)</script>',
        `"><img src=x onerror=alert(1)>`,
        'x'.repeat(5000),
      ],
      part: [
        token.slice(0, -1),
        token.slice(0, 32),
        `http://localhost:3999/confirm#${token.slice(9)}`,
      ],
      digits: ['1234 5678', '12345678'],
      'other-link': [change.cancel, `http://localhost:3999/cancel#${change.cancel}`],
    } as const;
    await quiet(world);
    const before = await state(world);
    for (const [kind, texts] of Object.entries(wrong) as [
      keyof typeof wrong,
      readonly string[],
    ][]) {
      const pages = new Set<string>();
      for (const text of texts) {
        const page = await submit(world, '/confirm', text);
        expect(page.status, text).toBe(400);
        expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
        expect(headingOf(page), text).toBe(say(`page.problem.${kind}.title`));
        expect(page.text).not.toMatch(/<script>|<img/);
        // The field keeps what was typed, as text.
        pages.add(page.text.replace(/ value="[^"]*"/, ''));
      }
      expect(pages.size).toBe(1);
    }
    expect(await state(world)).toEqual(before);
    const cancel = await submit(world, '/confirm', change.cancel);
    expect(cancel.text).toContain(say('page.problem.other-cancel'));
    for (const body of [
      '',
      'token=a&token=b',
      'token[]=a',
      'tok=a',
      'token=a&more=b',
      '%zz=%zz',
      'token=%ff',
    ]) {
      const page = await send(world.api, '/confirm', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...HTML },
        body,
      });
      expect([page.status, headingOf(page)], body).toEqual([
        400,
        say('page.problem.invalid-link.title'),
      ]);
    }
    expect(world.tenant.patches()).toHaveLength(0);
    expect((await confirm(world, token)).body).toEqual({ status: 'confirmed' });
  });

  test('pressed from another site does nothing; the opaque origin of no-referrer is no other site', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    for (const site of ['cross-site', 'same-site', 'CROSS-SITE', 'nonsense', '']) {
      const asPage = await submit(world, '/confirm', change.confirm, { 'sec-fetch-site': site });
      expect([asPage.status, headingOf(asPage)], site).toEqual([
        403,
        say('page.error.forbidden.title'),
      ]);
      const asJson = await submit(world, '/confirm', change.confirm, {
        'sec-fetch-site': site,
        accept: '*/*',
      });
      expect([asJson.status, JSON.parse(asJson.text).code], site).toEqual([403, 'cross-site']);
    }
    const { body } = await world.call('GET', `/v1/email-changes/${change.id}`, {
      token: user.token,
    });
    expect(body.status).toBe('pending');

    const accepted = await submit(world, '/confirm', change.confirm, { origin: 'null' });
    expect(accepted.status).toBe(303);
    for (const headers of [{ 'sec-fetch-site': 'none' }, { 'sec-fetch-site': [] }])
      expect((await submit(world, '/confirm', change.confirm, headers)).status).toBe(303);
  });

  test('takes a form and nothing else', async () => {
    const world = await startWorld({ workers: false });
    for (const type of [
      'application/json',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/xml',
    ]) {
      const answer = await send(world.api, '/confirm', {
        method: 'POST',
        headers: { 'content-type': type },
        body: '{"token":"x"}',
      });
      expect([answer.status, JSON.parse(answer.text).code], type).toEqual([
        415,
        'unsupported-media-type',
      ]);
    }
    const large = await submit(world, '/confirm', 'x'.repeat(20_000), { accept: '*/*' });
    expect([large.status, JSON.parse(large.text).code]).toEqual([413, 'payload-too-large']);
  });

  test('pressed too often is a page that asks to wait, with the code still in it', async () => {
    const world = await startWorld({ workers: false, env: { LIMIT_LINK: '1/1m' } });
    await submit(world, '/confirm', 'A'.repeat(64));
    const refused = await submit(world, '/confirm', 'A'.repeat(64));
    expect([refused.status, headingOf(refused)]).toEqual([
      429,
      say('page.problem.too-many-requests.title'),
    ]);
    expect(refused.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  });

  test('that loses against a PATCH on its way says so, and then what became of it', async () => {
    const world = await startWorld();
    const user = await newUser(world);
    const change = await askAndReadMail(world, user, 'new@example.org');
    let answer = (): void => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    const { struck } = world.tenant.faults.add({
      kind: 'hold',
      until,
      times: 1,
      match: { method: 'PATCH' },
    });
    await confirm(world, change.confirm);
    await struck;
    const refused = await submit(world, '/cancel', change.cancel);
    expect([refused.status, headingOf(refused)]).toEqual([
      409,
      say('page.problem.try-again.title'),
    ]);
    answer();
    await untilStatus(world, user.token, change.id, 'committed');
    expect(await (await press(world, '/cancel', change.cancel)).heading()).toBe(
      say('page.outcome.too-late-to-cancel.title'),
    );
  });
});

describe('the result page', () => {
  test('opens to its receipt alone, and for an hour', async () => {
    const world = await startWorld();
    const change = await askAndReadMail(world, await newUser(world), 'new@example.org');
    const { location } = await press(world, '/cancel', change.cancel);
    expect((await send(world.api, location, { headers: HTML })).status).toBe(200);
    const forged = [
      '/result',
      '/result?receipt=',
      '/result?receipt=x',
      '/result?receipt=a.b.c',
      `${location}x`,
      location.slice(0, -3),
      `/result?receipt=${change.id}`,
      `/result?receipt=${change.confirm}`,
      `/result?receipt=a&receipt=b`,
      `/result?receipt=${'x'.repeat(3000)}`,
    ];
    for (const path of forged) {
      const page = await send(world.api, path, { headers: HTML });
      expect([400, 404], path).toContain(page.status);
      expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
      expect(page.text).not.toContain('example.org');
    }
    // What is sealed for another place opens nothing here.
    const record = await world.redis.get(`${world.prefix}:change:${change.id}`);
    const sealed = record?.split(' ').at(-1) ?? '';
    expect(
      (await send(world.api, `/result?receipt=${sealed}`, { headers: HTML })).status,
    ).toBeGreaterThanOrEqual(400);
    world.pass(3_600_001);
    expect((await send(world.api, location, { headers: HTML })).status).toBe(404);
  });
});

describe('mailed links', () => {
  test('lead to PUBLIC_URL, whatever a request claims the host to be', async () => {
    const evil = 'evil.example';
    const world = await startWorld({ env: { TRUST_PROXY: 'loopback' } });
    const user = await newUser(world);
    const asked = await send(world.api, '/v1/email-changes', {
      method: 'POST',
      headers: {
        host: evil,
        'x-forwarded-host': evil,
        'x-forwarded-proto': 'https',
        'x-forwarded-server': evil,
        'x-original-url': `https://${evil}/`,
        'x-host': evil,
        forwarded: `host=${evil};proto=https`,
        origin: `https://${evil}`,
        referer: `https://${evil}/`,
        authorization: `Bearer ${user.token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ email: 'new@example.org' }),
    });
    expect(asked.status).toBe(202);
    expect(JSON.stringify([asked.headers, asked.text])).not.toContain(evil);
    const mails = await Promise.all(
      ['new@example.org', user.email].map((to) => world.inbox.waitFor({ to })),
    );
    for (const { raw, text, html } of mails) {
      expect(raw + text + html).not.toContain(evil);
      for (const [, host] of text.matchAll(/https?:\/\/([^/\s]+)/g))
        expect(host).toBe('localhost:3999');
    }
    // An absolute request target is no other host either.
    const absolute = await send(world.api, `http://${evil}/v1/email-changes/current`, {
      headers: { authorization: `Bearer ${user.token}` },
    });
    expect(absolute.text).not.toContain(evil);
    const redirect = await submit(world, '/confirm', tokenIn(mails[0]!.text, 'confirm'), {
      host: evil,
      'x-forwarded-host': evil,
    });
    expect(redirect.headers.location).toMatch(/^\/result\?/);
  });

  test('open the page where CONFIRM_URL says, and the page of ours still takes them', async () => {
    const world = await startWorld({
      env: { CONFIRM_URL: 'https://app.example/email/confirm?tab=1' },
    });
    const user = await newUser(world);
    await ask(world, user.token, 'new@example.org');
    const mail = await world.inbox.waitFor({ to: 'new@example.org' });
    const [, token = ''] =
      /https:\/\/app\.example\/email\/confirm\?tab=1#([\w-]{64})/.exec(mail.text) ?? [];
    const { result } = await press(world, '/confirm', token);
    const done = say('page.outcome.done.title');
    const heading = await eventually(async () => {
      const shown = headingOf(await result());
      return shown === done && shown;
    }, 'done');
    expect(heading).toBe(done);
  });
});

test('an undo link after its window says that it is too late', async () => {
  const world = await startWorld({ env: { UNDO_WINDOW: '1h' } });
  const user = await newUser(world);
  await commitChange(world, user, 'new@example.org');
  const mail = await world.inbox.waitFor((one) => one.text.includes('/undo#'));
  world.pass(3_600_001);
  const { heading } = await press(world, '/undo', tokenIn(mail.text, 'undo'));
  expect(await heading()).toBe(say('page.outcome.undo-window-passed.title'));
  expect(world.tenant.user(user.sub).email).toBe('new@example.org');
  expectProblem(await world.call('GET', '/nowhere'), 'not-found');
});
