/**
 * Support's own door, where SUPPORT_SCOPE is set: a machine token of the help desk looks at a user's changes, withdraws
 * and resends them, and asks for one on the user's behalf. Somebody on a telephone has proved nothing, so such a change
 * always asks both mailboxes, and the current one has three days to object (docs/decisions/0016-support.md).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { sameAddress } from '../../domain/account.ts';
import { cancel, type EmailChange } from '../../domain/email-change.ts';
import { request as decideRequest, resend, type Postage } from '../../domain/request.ts';
import { createChangeId } from '../../links.ts';
import type { Decided, Rule } from '../../store/changes.ts';
import type { ApiDeps, App } from '../api-deps.ts';
import { authenticateSupport } from '../auth/support.ts';
import { causeOf } from '../plugins/cause.ts';
import { enforce, limitPerIp } from '../plugins/rate-limit.ts';
import { Problem } from '../problems.ts';
import { checkMailServer, readAsked, requestBody } from './asked.ts';
import { findOwn, written } from './own-change.ts';
import { changeSchema, problemSchema, viewOf } from './views.ts';

/** From the moment when a mail was taken; nobody can make it shorter. */
const SUPPORT_WAIT_MS = 72 * 3_600_000;

const actor = z
  .string()
  .regex(/^[^\p{Cc}]{1,100}$/u, 'name who acts, in up to 100 characters')
  .describe('Who acts at the help desk: goes into the audit trail.');
const named = z.strictObject({ actor });
const ofUser = z.object({ sub: z.string() });
const ofChange = z.object({ sub: z.string(), id: z.string() });
const body = requestBody.extend({ actor });

export function registerSupport(app: App, deps: ApiDeps): void {
  const { config, changes, limits, now } = deps;
  if (config.supportScope === undefined) return;
  const timing = { linkTtlMs: config.linkTtlMs, resendAfterMs: config.resendAfterMs };
  const onRequest = [limitPerIp(limits.ip, 'ip'), authenticateSupport(deps, config.supportScope)];
  const described = { security: [{ accessToken: [config.supportScope] }], tags: ['support'] };
  const causedBy = (req: FastifyRequest, by: string) => ({ ...causeOf(req, 'support'), by });

  /** On record with its actor, and never quiet: whoever watches the deployment sees that support acted. */
  const done = (
    req: FastifyRequest,
    call: 'request' | 'resend' | 'cancel',
    decided: Decided,
  ): EmailChange => {
    const change = written(deps, req, decided);
    deps.signals.tell('support', { call, change: change.id, requestId: req.id });
    return change;
  };
  const decide = async (req: FastifyRequest, id: string, by: string, rule: Rule) => {
    const decided = await changes.decide(id, rule, { cause: causedBy(req, by) });
    if (!decided) throw new Problem('not-found');
    return decided;
  };
  /** Within the limits of every mailbox; what sends nothing costs nothing. */
  const mailed = async (
    wish: Parameters<ApiDeps['postage']['weigh']>[0],
    ask: (postage: Postage) => Promise<Decided>,
  ): Promise<Decided> => {
    const { postage, giveBack } = await deps.postage.weigh(wish);
    const decided = await ask(postage);
    if (decided.verdict.kind !== 'write') await giveBack();
    return decided;
  };

  app.get(
    '/v1/users/:sub/email-changes',
    {
      onRequest,
      schema: {
        ...described,
        params: ofUser,
        querystring: named,
        response: { 200: z.array(changeSchema), '4xx': problemSchema },
      },
    },
    async (req) => {
      deps.signals.tell('support', { call: 'read', change: undefined, requestId: req.id });
      const found = await changesOf(deps, req.params.sub);
      return found.map((change) => viewOf(change, now()));
    },
  );

  app.post(
    '/v1/users/:sub/email-changes',
    {
      onRequest,
      schema: {
        ...described,
        params: ofUser,
        body,
        response: { 202: changeSchema, '4xx': problemSchema },
      },
    },
    async (req, reply) => {
      const { sub } = req.params;
      const { actor: by, ...wish } = req.body;
      // Where the help desk sits says nothing of the user.
      const { origin: _, ...asked } = readAsked(config, req, sub, wish);
      await checkMailServer(deps, asked.email);
      enforce(await limits.support.take('support'), 'support', reply);
      const [latest] = await changesOf(deps, sub);
      const isSame = latest?.status === 'pending' && sameAddress(latest.email, asked.email);
      const own = isSame ? latest : undefined;
      const decided = await mailed({ sub, email: asked.email, own, latest }, (postage) =>
        changes.decideRequest(
          sub,
          (user, before) =>
            decideRequest(
              {
                id: createChangeId(deps.random),
                sub,
                ...asked,
                secret: deps.random(32).toString('base64url'),
                requires: ['new', 'current'],
                postage,
                bySupport: true,
                waiverMs: Math.max(SUPPORT_WAIT_MS, config.oldMailboxWaitMs),
              },
              user,
              before,
              timing,
              now(),
            ),
          { cause: causedBy(req, by) },
        ),
      );
      if (decided.verdict.kind !== 'write') await limits.support.giveBack('support');
      return accepted(reply, done(req, 'request', decided));
    },
  );

  app.post(
    '/v1/users/:sub/email-changes/:id/resend',
    {
      onRequest,
      schema: {
        ...described,
        params: ofChange,
        body: named,
        response: { 202: changeSchema, '4xx': problemSchema },
      },
    },
    async (req, reply) => {
      const { sub, id } = req.params;
      const { value: own } = await findOwn(deps, sub, id);
      const decided = await mailed({ sub, email: own.email, own, latest: own }, (postage) =>
        decide(req, id, req.body.actor, (change) => resend(change, postage, timing, now())),
      );
      return accepted(reply, done(req, 'resend', decided));
    },
  );

  app.delete(
    '/v1/users/:sub/email-changes/:id',
    {
      onRequest,
      schema: {
        ...described,
        params: ofChange,
        querystring: named,
        response: { 204: z.null(), '4xx': problemSchema },
      },
    },
    async (req, reply) => {
      const { sub, id } = req.params;
      await findOwn(deps, sub, id);
      const rule: Rule = (change) => cancel(change, 'operator', now());
      done(req, 'cancel', await decide(req, id, req.query.actor, rule));
      return reply.status(204).send(null);
    },
  );

  const accepted = (reply: FastifyReply, change: EmailChange) =>
    reply.status(202).send(viewOf(change, now()));
}

/** What a user has going, the newest first. An unknown user has nothing, like one who never asked. */
async function changesOf({ changes }: ApiDeps, sub: string): Promise<EmailChange[]> {
  const { value: user } = await changes.readUser(sub);
  const ids = new Set([...(user.latest ? [user.latest] : []), ...user.committed.toReversed()]);
  const found = await Promise.all([...ids].map((id) => changes.findChange(id)));
  return found.flatMap((one) => (one ? [one.value] : []));
}
