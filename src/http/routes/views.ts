/** What callers see of a change: the JSON shapes of the API, for answers and for OpenAPI. */
import { z } from 'zod';
import type { ApiConfig } from '../../config.ts';
import { displayEmail } from '../../domain/email-address.ts';
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

const displayed = z
  .string()
  .optional()
  .describe(
    'The address for people to read, where its domain has other letters than ASCII: `ada@bücher.example`, and with the A-labels beside it where it could be taken for another name.',
  );

export const changeSchema = z.object({
  id: z.string(),
  status,
  reason: z.string().optional().describe('Why it was rejected.'),
  email: z.string(),
  displayEmail: displayed,
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

/** The answer to a request. */
export const requestedSchema = changeSchema.extend({
  suggestion: z
    .string()
    .optional()
    .describe(
      'The whole address as it was probably meant, where it looks like a slip: advice only.',
    ),
});

export const inspectionSchema = z.object({
  purpose: z.enum(PURPOSES),
  status,
  reason: z.string().optional(),
  email: z.string(),
  displayEmail: displayed,
  currentEmail: z.string().optional(),
  displayCurrentEmail: displayed,
  expiresAt: time,
  awaiting: z.array(z.enum(['new', 'current'])).optional(),
  locale: z.string().describe('The language of the mail that the link came in.'),
});

export const stateSchema = z.object({
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

/** How the calls of a signed-in user describe themselves. */
export const ownCalls = ({ requiredScope }: ApiConfig) => ({
  security: [{ accessToken: [requiredScope] }],
  tags: ['email changes'],
});
export const idParams = z.object({ id: z.string() });
export const noBody = z.undefined().or(z.null()).or(z.strictObject({}));
export const accepted = { 202: changeSchema, '4xx': problemSchema };
export const shown = { 200: changeSchema, '4xx': problemSchema };

const iso = (at: number): string => new Date(at).toISOString();
const isoOf = (at: number | undefined) => (at === undefined ? undefined : iso(at));

/** Where people read an address in other letters than machines do. */
export function readable(address: string, whose: 'own' | 'other'): string | undefined {
  const shown = displayEmail(address, whose);
  return shown === address ? undefined : shown;
}

/** A pending change past its time is expired, whether or not a worker has come round to say so. */
const statusOf = (change: EmailChange, now: number): EmailChange['status'] =>
  change.status === 'pending' && isOver(change, now) ? 'expired' : change.status;

export function stateOf(change: EmailChange, now: number): z.output<typeof stateSchema> {
  const current = statusOf(change, now);
  return {
    status: current,
    reason: change.reason ?? change.undo?.refused,
    awaiting: current === 'pending' ? awaiting(change) : undefined,
  };
}

export function viewOf(change: EmailChange, now: number): z.output<typeof changeSchema> {
  const { status: recorded } = change;
  return {
    id: change.id,
    ...stateOf(change, now),
    email: change.email,
    displayEmail: readable(change.email, 'own'),
    requestedAt: iso(change.requestedAt),
    expiresAt: iso(change.expiresAt),
    resendAfter: iso(change.resendAfter),
    mailedAt: isoOf(change.mailedAt),
    confirmedAt: isoOf(change.confirmedAt),
    committedAt: isoOf(change.committedAt),
    undoUntil: recorded === 'committed' ? isoOf(undoUntil(change)) : undefined,
    keep: keepingOf(change, now),
    waivesAt: isoOf(change.waivesAt),
    currentMailbox: change.unreachableAt === undefined ? undefined : 'unreachable',
    canceledBy: change.canceledBy,
    revocation: change.revocation,
    signInAgain: recorded === 'committed' || recorded === 'undone' ? true : undefined,
  };
}
