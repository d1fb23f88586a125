/** What callers see of a change: the JSON shapes of the API, for answers and for OpenAPI. */
import { z } from 'zod';
import {
  awaiting,
  isOver,
  PURPOSES,
  STATUSES,
  type EmailChange,
} from '../../domain/email-change.ts';

import { KEEPING, keepingOf, undoUntil } from '../../domain/keep.ts';

const status = z.enum(STATUSES);
const time = z.iso.datetime();

export const changeSchema = z.object({
  id: z.string(),
  status,
  reason: z.string().optional().describe('Why it was rejected.'),
  email: z.string(),
  requestedAt: time,
  expiresAt: time,
  resendAfter: time,
  mailedAt: time.optional(),
  confirmedAt: time.optional(),
  committedAt: time.optional(),
  awaiting: z.array(z.enum(['new', 'current'])).optional(),
  undoUntil: time.optional(),
  waivesAt: time.optional().describe('When the silence of the current mailbox becomes consent.'),
  canceledBy: z.enum(['user', 'current-mailbox', 'operator', 'undo']).optional(),
  currentMailbox: z
    .literal('unreachable')
    .optional()
    .describe(
      'The current mailbox does not get our mail: it was not asked, or not told, and its silence is no consent.',
    ),
  keep: z
    .enum(KEEPING)
    .optional()
    .describe(
      'The owner asked to end the undo right: `asked`, `waiting` for an objection until undoUntil, `kept`; or `unreachable`, since the previous mailbox could not be told and keeps it.',
    ),
  revocation: z
    .enum(['pending', 'done', 'unsupported', 'failed'])
    .optional()
    .describe('Whether the sessions of the user were ended.'),
  signInAgain: z
    .literal(true)
    .optional()
    .describe('Auth0 ends the sessions of a user whose address changed: expect a new login.'),
});

export const inspectionSchema = z.object({
  purpose: z.enum(PURPOSES),
  status,
  reason: z.string().optional(),
  email: z.string(),
  currentEmail: z.string().optional(),
  expiresAt: time,
  awaiting: z.array(z.enum(['new', 'current'])).optional(),
});

export const outcomeSchema = z.object({
  status,
  reason: z.string().optional(),
  awaiting: z.array(z.enum(['new', 'current'])).optional(),
});

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    code: z.string(),
    instance: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .describe('Problem details (RFC 9457).');

const iso = (at: number): string => new Date(at).toISOString();

/** A pending change past its time is expired, whether or not a worker has come round to say so. */
const statusOf = (change: EmailChange, now: number): EmailChange['status'] =>
  change.status === 'pending' && isOver(change, now) ? 'expired' : change.status;

export function outcomeOf(change: EmailChange, now: number): z.output<typeof outcomeSchema> {
  const current = statusOf(change, now);
  const reason = change.reason ?? change.undo?.refused;
  return {
    status: current,
    ...(reason ? { reason } : {}),
    ...(current === 'pending' ? { awaiting: awaiting(change) } : {}),
  };
}

export function viewOf(change: EmailChange, now: number): z.output<typeof changeSchema> {
  return {
    id: change.id,
    ...outcomeOf(change, now),
    email: change.email,
    requestedAt: iso(change.requestedAt),
    expiresAt: iso(change.expiresAt),
    resendAfter: iso(change.resendAfter),
    ...(change.mailedAt === undefined ? {} : { mailedAt: iso(change.mailedAt) }),
    ...(change.confirmedAt === undefined ? {} : { confirmedAt: iso(change.confirmedAt) }),
    ...(change.committedAt === undefined ? {} : { committedAt: iso(change.committedAt) }),
    ...(change.status === 'committed' && change.undo ? { undoUntil: iso(undoUntil(change)!) } : {}),
    ...(change.keep ? { keep: keepingOf(change, now)! } : {}),
    ...(change.waivesAt === undefined ? {} : { waivesAt: iso(change.waivesAt) }),
    ...(change.unreachableAt === undefined ? {} : { currentMailbox: 'unreachable' }),
    ...(change.canceledBy ? { canceledBy: change.canceledBy } : {}),
    ...(change.revocation ? { revocation: change.revocation } : {}),
    ...(change.status === 'committed' || change.status === 'undone' ? { signInAgain: true } : {}),
  };
}
