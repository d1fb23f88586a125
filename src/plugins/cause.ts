/** Who is behind a request, for the audit trail: the role, and the network but not the address. */
import { isIPv4, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Cause } from '../store/audit.ts';

export const causeOf = (req: FastifyRequest, actor: Cause['actor']): Cause => {
  const from = networkOf(req.ip);
  return { actor, ...(from === undefined ? {} : { from }) };
};

/** /24 of IPv4, /48 of IPv6: enough to see "not from here", too little to be an address. */
function networkOf(ip: string): string | undefined {
  const v4 = ip.replace(/^::ffff:/, '');
  if (isIPv4(v4)) return `${v4.split('.').slice(0, 3).join('.')}.0/24`;
  if (!isIPv6(ip)) return undefined;
  const [head = ''] = ip.split('::');
  const groups = head.split(':').filter(Boolean).slice(0, 3);
  return `${[...groups, ...Array<string>(3 - groups.length).fill('0')].join(':')}::/48`;
}
