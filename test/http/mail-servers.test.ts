/** CHECK_MX: what is refused, what is let through, and how seldom anybody is asked. */
import { describe, expect, test } from 'vitest';
import { createMailServers } from '../../src/http/mail-servers.ts';
import { startWorld } from '../support/world.ts';
import { host, mx, startNameServer, type Said } from './name-server.ts';

const NOTHING: Said = [];

describe('a domain', () => {
  test.each([
    ['with an MX takes mail', { MX: [mx('mail.example.org')] }, false],
    [
      'with an MX and no host of that name takes mail',
      { MX: [mx('mail.example.org')], A: NOTHING },
      false,
    ],
    ['with the MX of RFC 7505 takes none', { MX: [mx('')] }, true],
    ['that is not there takes none', { MX: 'NXDOMAIN' }, true],
    [
      'without MX, with a host, takes mail',
      { MX: NOTHING, A: [host(127, 0, 0, 1)], AAAA: NOTHING },
      false,
    ],
    [
      'without MX, with an IPv6 host, takes mail',
      { MX: NOTHING, A: NOTHING, AAAA: [Buffer.alloc(16, 1)] },
      false,
    ],
    ['with neither takes none', { MX: NOTHING, A: NOTHING, AAAA: NOTHING }, true],
    ['whose DNS is in trouble is let through', { MX: 'SERVFAIL' }, false],
    [
      'whose hosts are in trouble is let through',
      { MX: NOTHING, A: 'SERVFAIL', AAAA: NOTHING },
      false,
    ],
    ['whose DNS says nothing is let through', { MX: 'silence' }, false],
  ] as [string, Partial<Record<string, Said>>, boolean][])('%s', async (_, said, expected) => {
    const { server } = await startNameServer((_name, type) => said[type] ?? 'NXDOMAIN');
    const servers = createMailServers(() => 0, [server]);
    expect(await servers.takesNone('ada@example.org')).toBe(expected);
  });

  test('whose DNS can not be reached is let through', async () => {
    const servers = createMailServers(() => 0, ['127.0.0.1:1']);
    expect(await servers.takesNone('ada@example.org')).toBe(false);
  });
});

test('a domain is asked about once for many, and again when the answer is old', async () => {
  let time = 0;
  const { server, asked } = await startNameServer((name) =>
    name === 'example.org' ? [mx('mail.example.org')] : 'NXDOMAIN',
  );
  const servers = createMailServers(() => time, [server]);
  const ask = (address: string) => servers.takesNone(address);
  expect(await Promise.all([ask('ada@example.org'), ask('bob@example.org')])).toEqual([
    false,
    false,
  ]);
  expect(await ask('eve@nowhere.example')).toBe(true);
  expect(await ask('ada@example.org')).toBe(false);
  expect(asked).toEqual(['MX example.org', 'MX nowhere.example']);
  time += 600_000;
  expect([await ask('ada@example.org'), await ask('eve@nowhere.example')]).toEqual([false, true]);
  expect(asked).toEqual(['MX example.org', 'MX nowhere.example', 'MX nowhere.example']);
  time += 3_600_000;
  await ask('ada@example.org');
  expect(asked).toHaveLength(4);
});

test('with CHECK_MX a request for such an address is refused and changes nothing', async () => {
  const { server } = await startNameServer(answers);
  const { ask, current } = await startAsking({ CHECK_MX: 'on' }, server);
  const refused = await ask('ada@none.example');
  expect(refused).toMatchObject({
    status: 400,
    body: {
      code: 'invalid-email',
      errors: [{ pointer: '#/email', detail: 'The domain of this address takes no mail.' }],
    },
  });
  expect((await current()).status).toBe(404);
  expect((await ask('ada@takes.example')).status).toBe(202);
  expect((await ask('ada@hangs.example')).status).toBe(202);
});

test('without CHECK_MX nobody is asked', async () => {
  const { server, asked } = await startNameServer(answers);
  const { ask } = await startAsking({}, server);
  expect((await ask('ada@none.example')).status).toBe(202);
  expect(asked).toEqual([]);
});

const answers = (name: string): Said =>
  name === 'takes.example'
    ? [mx('mail.example.org')]
    : name === 'hangs.example'
      ? 'silence'
      : 'NXDOMAIN';

async function startAsking(env: Record<string, string>, server: string) {
  const world = await startWorld({ workers: false, env, dnsServers: [server] });
  const token = await world.token(world.tenant.addUser({ email: 'ada@example.com' }).user_id);
  return {
    ask: (email: string) => world.call('POST', '/v1/email-changes', { token, body: { email } }),
    current: () => world.call('GET', '/v1/email-changes/current', { token }),
  };
}
