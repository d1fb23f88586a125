/** Who is behind a request, for the audit trail: the role, and the network but not the address. */
import type { FastifyRequest } from 'fastify';
import type { Cause } from '../../store/audit.ts';
import { networkOf } from './network.ts';

/** Enough to see "not from here", too little to be an address. */
const AUDITED = { v4: 24, v6: 48 } as const;

export const causeOf = (req: FastifyRequest, actor: Cause['actor']): Cause => ({
  actor,
  from: networkOf(req.ip, AUDITED),
});
