/** The owner ends the previous mailbox's right to undo: slowly, and with both mailboxes told. */
import { z } from 'zod';
import type { ApiDeps, App } from '../api-deps.ts';
import { afterWrite } from '../../after-write.ts';
import { keep } from '../../domain/keep.ts';
import { authenticate, requireFreshLogin, requireSecondFactor } from '../auth/authenticate.ts';
import { causeOf } from '../plugins/cause.ts';
import { limitPerIp } from '../plugins/rate-limit.ts';
import { Problem } from '../problems.ts';
import { findOwn } from './own-change.ts';
import { changeSchema, problemSchema, viewOf } from './views.ts';

export function registerKeep(app: App, deps: ApiDeps): void {
  const { config, limits, changes, now } = deps;
  app.post(
    '/v1/email-changes/:id/keep',
    {
      onRequest: [
        limitPerIp(limits.ip, 'ip'),
        authenticate(deps),
        requireFreshLogin(deps),
        requireSecondFactor(deps),
      ],
      schema: {
        security: [{ accessToken: [config.requiredScope] }],
        tags: ['email changes'],
        params: z.object({ id: z.string() }),
        body: z.undefined().or(z.null()).or(z.strictObject({})),
        response: { 202: changeSchema, '4xx': problemSchema },
      },
    },
    async (req, reply) => {
      const own = await findOwn(deps, req.user.sub, req.params.id);
      const cause = { cause: causeOf(req, 'user') };
      const decided = await changes.decide(own, (change) => keep(change, now()), cause);
      if (!decided || !('change' in decided)) throw new Problem('not-found');
      if (!decided.change.keep) throw new Problem('nothing-to-keep');
      afterWrite(deps, decided, req.id);
      return reply.status(202).send(viewOf(decided.change, now()));
    },
  );
}
