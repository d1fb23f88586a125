/** The holder of a mailed link: an SPA's own confirm route, a native deep link, the link page. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { afterWrite } from '../../after-write.ts';
import type { ApiDeps, App } from '../api-deps.ts';
import { tokenFromPaste } from '../../../client/paste.js';
import { maskEmail } from '../../domain/email-address.ts';
import { agree } from '../../domain/agree.ts';
import {
  cancel,
  isOpen,
  PURPOSES,
  type EmailChange,
  type Purpose,
  type Verdict,
} from '../../domain/email-change.ts';
import { requestUndo } from '../../domain/undo.ts';
import { undoUntil } from '../../domain/keep.ts';
import { changeIdOf, languageOfMail, purposeOf } from '../../links.ts';
import { localeAmong } from '../../locales/messages.ts';
import { authenticate } from '../auth/authenticate.ts';
import { causeOf } from '../plugins/cause.ts';
import { limitPerIp } from '../plugins/rate-limit.ts';
import { Problem, refusalProblem } from '../problems.ts';
import type { Found } from '../../store/records.ts';
import { createSettling, isUnderWay } from './settling.ts';
import { inspectionSchema, problemSchema, readable, stateOf, stateSchema } from './views.ts';
import { reached } from '../../signals.ts';

// No length of its own: what is too long is a wrong token like any other, and the body is bounded.
const linkBody = z.strictObject({
  token: z.string().describe('The token of the link, or the link as it came, wrapped or not.'),
});
const responses = { 200: stateSchema, 202: stateSchema, '4xx': problemSchema };

export function registerLinks(app: App, deps: ApiDeps): void {
  const { config, limits, now } = deps;
  const untilSettled = createSettling(app, deps);
  const guarded = { onRequest: limitPerIp(limits.link, 'link') };
  const owned = { onRequest: [limitPerIp(limits.link, 'link'), authenticate(deps)] };

  app.post(
    '/v1/links/inspect',
    {
      ...guarded,
      schema: {
        tags: ['links'],
        body: linkBody,
        response: { 200: inspectionSchema, '4xx': problemSchema },
      },
    },
    async (req) => {
      const { change, purpose } = await findByToken(deps, tokenFromPaste(req.body.token));
      const current = change.account?.email && maskEmail(change.account.email);
      const email = purpose === 'confirm' ? change.email : maskEmail(change.email);
      const whose = purpose === 'confirm' ? 'own' : 'other';
      const until = purpose === 'undo' ? undoUntil(change) : undefined;
      return {
        purpose,
        ...stateOf(change, now()),
        email,
        displayEmail: readable(email, whose),
        currentEmail: current,
        displayCurrentEmail: current && readable(current, 'other'),
        locale: localeAmong(config.languages, languageOfMail(change, purpose)),
        expiresAt: new Date(until ?? change.expiresAt).toISOString(),
      };
    },
  );

  for (const purpose of PURPOSES) {
    // CONFIRM_BY=session: a stranger at a mistyped address has the link, and not the owner's session.
    const inApp = purpose === 'confirm' && config.confirmInApp !== undefined;
    const secured = inApp ? { security: [{ accessToken: [config.requiredScope] }] } : {};
    app.post(
      `/v1/${purpose}`,
      {
        ...(inApp ? owned : guarded),
        schema: { ...secured, tags: ['links'], body: linkBody, response: responses },
      },
      async (req, reply) => {
        const token = tokenFromPaste(req.body.token);
        const change = await useLink(deps, req, purpose, token, inApp ? req.user.sub : undefined);
        const waitMs = preferredWaitMs(req.headers['prefer']);
        if (waitMs === 0) return reply.status(202).send(stateOf(change, now()));
        const latest = await untilSettled(change, waitMs);
        reply.header('preference-applied', `wait=${waitMs / 1000}`);
        return reply
          .status(isOpen(latest) || isUnderWay(latest) ? 202 : 200)
          .send(stateOf(latest, now()));
      },
    );
  }
}

/** Everything that is not a living token of ours gets this one answer. */
const invalidLink = () => new Problem('invalid-link');

/** A genuine link of another page. The API answers it like any wrong link. */
export class OtherLink extends Problem {
  readonly purpose: Purpose;
  constructor(purpose: Purpose) {
    super('invalid-link');
    this.purpose = purpose;
  }
}

/** @throws {Problem} invalid-link */
async function findByToken(
  deps: ApiDeps,
  token: string,
): Promise<{ found: Found<EmailChange>; change: EmailChange; purpose: Purpose }> {
  const id = changeIdOf(token);
  const found = id === undefined ? undefined : await deps.changes.findChange(id);
  const purpose = found && purposeOf(token, found.value);
  if (!purpose) throw invalidLink();
  return { found, change: found.value, purpose };
}

const RULES: Record<Purpose, (change: EmailChange, now: number) => Verdict> = {
  confirm: (change, now) => agree(change, 'new', now),
  approve: (change, now) => agree(change, 'current', now),
  cancel: (change, now) => cancel(change, 'current-mailbox', now),
  undo: requestUndo,
};

/**
 * Does what the link is for, once; again, it answers with what is recorded. With an `owner`, only
 * for a change of that user's: to others it is no link of theirs.
 * @throws {Problem} invalid-link, commit-in-progress, unavailable
 */
export async function useLink(
  deps: ApiDeps,
  req: FastifyRequest,
  purpose: Purpose,
  token: string,
  owner?: string,
): Promise<EmailChange> {
  const { found, change, purpose: own } = await findByToken(deps, token);
  if (owner !== undefined && change.sub !== owner) throw invalidLink();
  if (own !== purpose) throw new OtherLink(own);
  reached('click.read');
  let latest = change;
  const decided = await deps.changes.decide(
    found,
    (recorded) => {
      latest = recorded;
      // Asked of the record that is decided on: a resend meanwhile has replaced the token.
      if (purposeOf(token, recorded) !== purpose) throw invalidLink();
      return RULES[purpose](recorded, deps.now());
    },
    { cause: causeOf(req, purpose === 'confirm' ? 'new-mailbox' : 'current-mailbox') },
  );
  if (!decided) throw invalidLink();
  if ('change' in decided) {
    reached('click.written');
    afterWrite(deps, decided, req.id);
    if (latest.agreed.new === undefined && decided.change.agreed.new !== undefined)
      await deps.postage.forgive(decided.change);
    return decided.change;
  }
  // Too late to cancel: the answer is what is recorded, and the page says how to undo.
  if (decided.verdict.refusal.code === 'already-committed') return latest;
  throw refusalProblem(decided.verdict.refusal, deps.now());
}

/** Well within the time that a silent connection is kept. */
const MAX_WAIT_S = 15;

/** `Prefer: wait=N` (RFC 7240), in milliseconds; 0 when not asked for. */
function preferredWaitMs(prefer: string | string[] | undefined): number {
  const [, seconds] = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,4})"?/i.exec(String(prefer ?? '')) ?? [];
  return seconds === undefined ? 0 : Math.min(Number(seconds), MAX_WAIT_S) * 1000;
}
