/** The networks that limits and the audit trail go by. */
import fc from 'fast-check';
import { SocketAddress } from 'node:net';
import { describe, expect, test } from 'vitest';
import { networkOf } from '../../../src/http/plugins/network.ts';

const CLIENT = { v4: 32, v6: 64 } as const;
const AUDITED = { v4: 24, v6: 48 } as const;

test.each<[text: string, client: string | undefined, audited: string | undefined]>([
  ['203.0.113.7', '203.0.113.7/32', '203.0.113.0/24'],
  ['203.0.113.7:51234', '203.0.113.7/32', '203.0.113.0/24'],
  ['::ffff:203.0.113.7', '203.0.113.7/32', '203.0.113.0/24'],
  ['::FFFF:cb00:7107', '203.0.113.7/32', '203.0.113.0/24'],
  ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7/32', '203.0.113.0/24'],
  ['64:ff9b::203.0.113.7', '203.0.113.7/32', '203.0.113.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['[2001:db8:1:2::7]:443', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['[2001:db8:1:2::7]', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001:DB8:0001:0002::7', '2001:db8:1:2::/64', '2001:db8:1::/48'],
  ['2001::3:4:5:6:7', '2001:0:0:3::/64', '2001:0:0::/48'],
  ['2001:db8::', '2001:db8:0:0::/64', '2001:db8:0::/48'],
  ['::1', '0:0:0:0::/64', '0:0:0::/48'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64', 'fe80:0:0::/48'],
  ['unknown', undefined, undefined],
  ['_hidden', undefined, undefined],
  ['', undefined, undefined],
  ['203.0.113.256', undefined, undefined],
  ['203.0.113.7, 198.51.100.1', undefined, undefined],
  ['[x]', undefined, undefined],
])('%s: %s for a limit, %s for the audit trail', (text, client, audited) => {
  expect(networkOf(text, CLIENT)).toBe(client);
  expect(networkOf(text, AUDITED)).toBe(audited);
});

describe('whatever its host part and spelling', () => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), {
    minLength: 8,
    maxLength: 8,
  });
  const written = (parts: number[]): string => parts.map((part) => part.toString(16)).join(':');
  /** As the system writes it: shortened, and with an IPv4 tail where it sees one. */
  const shortened = (parts: number[]): string =>
    new SocketAddress({ family: 'ipv6', address: written(parts) }).address;

  test('an address of IPv6 counts as its /64', () => {
    fc.assert(
      fc.property(groups, groups, (net, host) => {
        const here = [...net.slice(0, 4), ...host.slice(4)];
        fc.pre(net.slice(0, 4).some((part) => part !== 0) && net[0] !== 0x64);
        const expected = `${written(net.slice(0, 4))}::/64`;
        expect(networkOf(written(here), CLIENT)).toBe(expected);
        expect(networkOf(shortened(here), CLIENT)).toBe(expected);
        expect(networkOf(written(here).toUpperCase(), CLIENT)).toBe(expected);
      }),
    );
  });

  test('no text is a fault', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4()), (text) => {
        expect(networkOf(text, CLIENT) ?? 'x/64').toMatch(/\/(?:32|64)$|^x\/64$/);
      }),
    );
  });
});
