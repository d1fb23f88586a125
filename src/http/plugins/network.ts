/**
 * Networks of client addresses, each in one spelling. One home or phone has a whole /64 of IPv6 and
 * may send every request from another address of it, so nothing that counts goes by the address.
 */
import { isIPv4, isIPv6 } from 'node:net';

/**
 * The network an address lies in, as CIDR; `undefined` for what is no address. Takes what proxies
 * write: with brackets, with a port, with a zone, IPv4 as IPv6 (mapped, or by NAT64's prefix).
 */
export function networkOf(text: string, bits: { v4: 24 | 32; v6: 48 | 64 }): string | undefined {
  const address = text
    .replace(/^\[(.+)\](?::\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
    .replace(/%.*$/, '');
  const groups = isIPv6(address) ? groupsOf(address) : undefined;
  const v4 = groups ? embedded(groups) : isIPv4(address) ? address.split('.') : undefined;
  if (v4) return `${bits.v4 === 32 ? v4.join('.') : `${v4.slice(0, 3).join('.')}.0`}/${bits.v4}`;
  return groups && `${groups.slice(0, bits.v6 / 16).join(':')}::/${bits.v6}`;
}

/** All eight groups, in the one way in which a URL writes them: lower case, no leading zeros. */
function groupsOf(address: string): string[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [left = [], right = []] = canonical
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  return [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
}

const V4_AS_V6 = new Set(['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0']);

function embedded(groups: string[]): string[] | undefined {
  if (!V4_AS_V6.has(groups.slice(0, 6).join(':'))) return undefined;
  return groups.slice(6).flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [String(value >> 8), String(value & 255)];
  });
}
