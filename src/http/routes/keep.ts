/** The owner ends the previous mailbox's right to undo: slowly, and with both mailboxes told. */
import type { ApiDeps, App } from '../api-deps.ts';
import { keep } from '../../domain/keep.ts';
import { authenticate, requireFreshLogin, requireSecondFactor } from '../auth/authenticate.ts';
import { limitPerIp } from '../plugins/rate-limit.ts';
import { Problem } from '../problems.ts';
import { decideOwn, findOwn, written } from './own-change.ts';
import { accepted, idParams, noBody, ownCalls, viewOf } from './views.ts';

export function registerKeep(app: App, deps: ApiDeps): void {
  const { config, limits, now } = deps;
  app.post(
    '/v1/email-changes/:id/keep',
    {
      onRequest: [
        limitPerIp(limits.ip, 'ip'),
        authenticate(deps),
        requireFreshLogin(deps),
        requireSecondFactor(deps),
      ],
      schema: { ...ownCalls(config), params: idParams, body: noBody, response: accepted },
    },
    async (req, reply) => {
      const own = await findOwn(deps, req.user.sub, req.params.id);
      const decided = await decideOwn(deps, req, own, (change) => keep(change, now()));
      const change = written(deps, req, decided);
      if (!change.keep) throw new Problem('nothing-to-keep');
      return reply.status(202).send(viewOf(change, now()));
    },
  );
}
