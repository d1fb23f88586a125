/** Several tenants behind one port, each under the path of its own PUBLIC_URL: nothing of one is known to another. */
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Readiness } from '../process/readiness.ts';
import type { Door } from './door.ts';
import { bareProblem, createHandler } from './homes/handler.ts';
import { createPlugin } from './homes/plugin.ts';
import { registerDrain } from './plugins/drain.ts';
import { tuneServer } from './plugins/strict-http.ts';
import { Problem, type ProblemCode } from './problems.ts';
import { registerHealth } from './routes/health.ts';
import { registerSharedWellKnown } from './routes/well-known.ts';
import { SERVER_OPTIONS } from './server.ts';

/** An app that hands each request to the door of its tenant. Closing it shuts them all. */
export async function buildTenants(
  doors: readonly [Door, ...Door[]],
  readiness: Pick<Readiness, 'check' | 'notes'>,
): Promise<FastifyInstance> {
  const { publicUrl } = doors[0].deps.config;
  const refuse = (reply: FastifyReply, code: ProblemCode): void => {
    const { status, headers, body } = bareProblem(new Problem(code), new URL(publicUrl).origin);
    void reply.status(status).headers(headers).serializer(String).send(body);
  };
  const app = Fastify({
    ...SERVER_OPTIONS,
    frameworkErrors: (_error, _request, reply) => refuse(reply, 'invalid-request'),
  });
  tuneServer(app);
  registerDrain(app);
  registerHealth(app, readiness);
  registerSharedWellKnown(
    app,
    doors.map(({ deps }) => deps.config),
    (reply) => refuse(reply, 'not-found'),
  );
  app.setNotFoundHandler((_request, reply) => refuse(reply, 'not-found'));
  for (const door of doors) {
    const { handler } = createHandler(door, { isHosted: false });
    await app.register(createPlugin(door, handler), { prefix: door.deps.config.basePath });
  }
  await app.ready();
  return app;
}
