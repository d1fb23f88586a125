/** The signed-in user's side: request, follow, resend and withdraw one's own email change. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ApiDeps, App } from '../api-deps.ts';
import { suggestEmail } from '../../../client/suggest.ts';
import { sameAddress } from '../../domain/account.ts';
import { request as decideRequest, resend, type Postage } from '../../domain/request.ts';
import { cancel, type EmailChange } from '../../domain/email-change.ts';
import { createChangeId } from '../../links.ts';
import {
  authenticate,
  authTimeOf,
  createSameLoginCheck,
  requiredSides,
  requireFreshLogin,
} from '../auth/authenticate.ts';
import { Problem } from '../problems.ts';
import { causeOf } from '../plugins/cause.ts';
import { enforce, limitPerIp, show } from '../plugins/rate-limit.ts';
import { reached } from '../../signals.ts';
import type { Decided, Rule } from '../../store/changes.ts';
import type { Wish } from '../../store/postage.ts';
import type { Found } from '../../store/records.ts';
import { checkMailServer, readAsked, requestBody } from './asked.ts';
import { decideOwn, findOwn, written } from './own-change.ts';
import {
  accepted,
  idParams,
  noBody,
  ownCalls,
  problemSchema,
  requestedSchema,
  shown,
  viewOf,
} from './views.ts';

/** Who would rather hear of no change by 204: a browser writes every 404 to its console in red. */
const NONE_IS_204 = /(?:^|[,;\s])none\s*=\s*"?204\b/i;

export function registerEmailChanges(app: App, deps: ApiDeps): void {
  const { config, changes, limits, now } = deps;
  const signedIn = authenticate(deps);
  const checkSameLogin = createSameLoginCheck(deps);
  const timing = {
    linkTtlMs: config.linkTtlMs,
    resendAfterMs: config.resendAfterMs,
    committed: config.limitCommitted,
  };
  const secured = ownCalls(config);

  app.post(
    '/v1/email-changes',
    {
      onRequest: [limitPerIp(limits.ip, 'ip'), signedIn, requireFreshLogin(deps)],
      schema: { ...secured, body: requestBody, response: { ...accepted, 202: requestedSchema } },
    },
    async (req, reply) => {
      const { sub } = req.user;
      const asked = readAsked(config, req, sub, req.body);
      await checkMailServer(deps, asked.email);

      const going = await changes.readGoing(sub);
      const latest = going.latest?.value;
      const own = repeated(latest, asked.email);
      const change = await withinLimits(deps, req, reply, { ...asked, own, latest }, (postage) =>
        changes.decideRequest(
          sub,
          (user, latest) =>
            decideRequest(
              {
                id: createChangeId(deps.random),
                sub,
                ...asked,
                secret: deps.random(32).toString('base64url'),
                requires: requiredSides(config, req.user),
                postage,
                ...authTimeOf(config, req.user),
                ...(config.oldMailboxWaitMs > 0 ? { waiverMs: config.oldMailboxWaitMs } : {}),
              },
              user,
              latest,
              timing,
              now(),
            ),
          { cause: causeOf(req, 'user') },
          going,
        ),
      );
      return reply
        .status(202)
        .header('location', `${config.publicUrl}/v1/email-changes/${change.id}`)
        .send({ ...viewOf(change, now()), suggestion: suggestEmail(asked.email) });
    },
  );

  app.get(
    '/v1/email-changes/current',
    {
      onRequest: signedIn,
      schema: { ...secured, response: { ...shown, 204: z.null() } },
    },
    async (req, reply) => {
      const { sub } = req.user;
      const { value: user } = await changes.readUser(sub);
      const found = await findOwn(deps, sub, user.latest).catch((error: unknown) => {
        if (!(error instanceof Problem) || !NONE_IS_204.test(String(req.headers['prefer'])))
          throw error;
      });
      if (found) return sendView(deps, req, reply, found);
      return reply.status(204).header('preference-applied', 'none=204').send(null);
    },
  );

  app.get(
    '/v1/email-changes/:id',
    { onRequest: signedIn, schema: { ...secured, params: idParams, response: shown } },
    async (req, reply) =>
      sendView(deps, req, reply, await findOwn(deps, req.user.sub, req.params.id)),
  );

  app.post(
    '/v1/email-changes/:id/resend',
    {
      onRequest: [limitPerIp(limits.ip, 'ip'), signedIn],
      schema: { ...secured, params: idParams, body: noBody, response: accepted },
    },
    async (req, reply) => {
      const found = await findOwn(deps, req.user.sub, req.params.id);
      const own = found.value;
      checkSameLogin(req, own);
      const wish = { email: own.email, own, latest: own };
      const change = await withinLimits(deps, req, reply, wish, (postage) =>
        decideOwn(deps, req, found, (recorded) => resend(recorded, postage, timing, now())),
      );
      return reply.status(202).send(viewOf(change, now()));
    },
  );

  app.delete(
    '/v1/email-changes/:id',
    {
      onRequest: signedIn,
      schema: {
        ...secured,
        params: idParams,
        body: noBody,
        response: { 204: z.null(), '4xx': problemSchema },
      },
    },
    async (req, reply) => {
      const found = await findOwn(deps, req.user.sub, req.params.id);
      const rule: Rule = (change) => cancel(change, 'user', now());
      written(deps, req, await decideOwn(deps, req, found, rule));
      return reply.status(204).send(null);
    },
  );
}

/** What may send a mail counts: for the user, visibly, and for the mailboxes that it would go to. */
async function withinLimits(
  deps: ApiDeps,
  req: FastifyRequest,
  reply: FastifyReply,
  { email, own, latest }: Omit<Wish, 'sub'>,
  decide: (postage: Postage) => Promise<Decided>,
): Promise<EmailChange> {
  const { limits, sealer } = deps;
  const { sub } = req.user;
  const user = sealer.fingerprint(sub, 'limit');
  enforce(await limits.user.take(user), 'user', reply);
  const { postage, giveBack } = await deps.postage.weigh({ sub, email, own, latest });
  reached('request.counted');
  const decided = await decide(postage);
  if (decided.verdict.kind !== 'write') {
    const [left] = await Promise.all([limits.user.giveBack(user), giveBack()]);
    if (left) show(left, 'user', reply);
  }
  return written(deps, req, decided);
}

/** The open change that a request for this address would only ask again. */
const repeated = (latest: EmailChange | undefined, email: string): EmailChange | undefined =>
  latest?.status === 'pending' && sameAddress(latest.email, email) ? latest : undefined;

/** Polling costs next to nothing: an unchanged change is a 304. */
function sendView(
  deps: ApiDeps,
  req: FastifyRequest,
  reply: FastifyReply,
  found: Found<EmailChange>,
) {
  const view = viewOf(found.value, deps.now());
  // With its id: under `current` another change may have the same version and status.
  const etag = `"${view.id}.${found.version}.${view.status}"`;
  reply.header('etag', etag);
  if (isNamedBy(req.headers['if-none-match'], etag)) return reply.status(304).send();
  return reply.status(200).send(view);
}

/** If-None-Match compares weakly (RFC 9110 §13.1.2): proxies that compress make our tags weak. */
const isNamedBy = (field: string | undefined, etag: string): boolean =>
  field !== undefined &&
  field.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
