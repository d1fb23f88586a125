/** What tenants and mail servers do to those who call them, drawn by chance. */
import type { SmtpFault } from '../../stand-ins/inbox/faults.ts';
import type { Fault, FaultAction } from '../../stand-ins/tenant/faults.ts';
import type { Chance } from './random.ts';

export function tenantFault(chance: Chance): Fault {
  const action = chance.pick<FaultAction>([
    { kind: 'status', status: 500 },
    { kind: 'status', status: 502, body: { message: 'bad gateway' } },
    { kind: 'status', status: 503, headers: { 'retry-after': 'soon' } },
    { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
    { kind: 'status', status: 429, headers: { 'x-ratelimit-reset': '0' } },
    { kind: 'status', status: 429, headers: { 'x-ratelimit-reset': 'tomorrow', date: 'never' } },
    { kind: 'hang' },
    { kind: 'reset' },
    { kind: 'garbage' },
    { kind: 'html200' },
    { kind: 'empty200' },
    { kind: 'halfBody' },
    { kind: 'slowBody' },
    { kind: 'redirect' },
    { kind: 'delay', ms: chance.between(50, 700) },
    // Longer than anybody waits for an answer, and not as long as it may still take effect.
    { kind: 'delay', ms: chance.between(2100, 6000) },
    { kind: 'statusThenExecute', status: 504, until: chance.between(300, 6000) },
    { kind: 'statusThenExecute', status: 400, until: chance.between(300, 6000) },
    { kind: 'executeThenReset' },
    { kind: 'executeThenHang' },
    { kind: 'executeThenStatus', status: chance.pick([500, 502, 504]) },
  ]);
  const match = chance.weigh<Fault['match']>([
    [5, { method: 'PATCH' }],
    [3, { method: 'GET', path: '/api/v2' }],
    [1, { path: '/oauth/token' }],
    [2, { path: '/api/v2' }],
  ]);
  return { ...action, ...(match ? { match } : {}), times: chance.between(1, 6) };
}

export function smtpFault(chance: Chance): SmtpFault {
  const stage = chance.pick(['connect', 'mail', 'rcpt', 'data', 'afterData'] as const);
  const action = chance.pick([
    'hang',
    'drop',
    { code: 421, message: 'closing' },
    { code: 450, message: 'greylisted, try again later' },
    { code: 451, message: 'local error' },
    { code: 452, message: 'insufficient storage' },
  ] as const);
  // Who keeps a mail and says that he does not will get it again, from anybody.
  const lies = stage === 'afterData' && typeof action !== 'string';
  return { stage, action: lies ? 'drop' : action, times: chance.between(1, 6) };
}
