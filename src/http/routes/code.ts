/** CODE=on: the eight digits of the confirmation mail, typed into the signed-in app. */
import { z } from 'zod';
import type { ApiDeps, App } from '../api-deps.ts';
import { tryCode } from '../../domain/code.ts';
import { isConfirmationCode } from '../../links.ts';
import { authenticate } from '../auth/authenticate.ts';
import { limitPerIp } from '../plugins/rate-limit.ts';
import { Problem } from '../problems.ts';
import { decideOwn, findOwn, written } from './own-change.ts';
import { accepted, idParams, ownCalls, viewOf } from './views.ts';

const codeBody = z.strictObject({
  code: z
    .string()
    .regex(/^\d{4} ?\d{4}$/)
    .describe('The eight digits of the confirmation mail.'),
});

export function registerCode(app: App, deps: ApiDeps): void {
  const { config, limits, now } = deps;
  app.post(
    '/v1/email-changes/:id/confirm',
    {
      onRequest: [limitPerIp(limits.link, 'link'), authenticate(deps)],
      schema: { ...ownCalls(config), params: idParams, body: codeBody, response: accepted },
    },
    async (req, reply) => {
      const found = await findOwn(deps, req.user.sub, req.params.id);
      if (!config.codeOn) throw new Problem('not-found');
      const decided = await decideOwn(deps, req, found, (recorded) =>
        tryCode(recorded, isConfirmationCode(req.body.code.replace(' ', ''), recorded), now()),
      );
      const change = written(deps, req, decided);
      if (found.value.agreed.new === undefined && change.agreed.new !== undefined)
        await deps.postage.forgive(change);
      if (change.status === 'pending' && change.agreed.new === undefined)
        throw new Problem('invalid-code');
      return reply.status(202).send(viewOf(change, now()));
    },
  );
}
