/**
 * Readdress as two functions: `api` behind a gateway, a load balancer or a function URL, `tasks` on a schedule.
 * Settings come from the environment, `TASKS=inline` among them: a function is frozen when it has answered.
 */
import awsLambdaFastify from '@fastify/aws-lambda';
import type { FastifyInstance } from 'fastify';
import { openHome } from './home.ts';
import type { DueRun } from './index.ts';
import { createInject } from './src/http/homes/inject.ts';

/** The part of the context that counts. */
export type LambdaContext = {
  callbackWaitsForEmptyEventLoop?: boolean;
  getRemainingTimeInMillis?(): number;
};
/** What a gateway hands over: payload format 1.0 or 2.0, a function URL, or a load balancer. */
export type LambdaEvent = Record<string, unknown>;
export type LambdaAnswer = {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  isBase64Encoded?: boolean;
};

type Answer = (event: LambdaEvent, context: LambdaContext) => Promise<LambdaAnswer>;
let opening: Promise<{ answer: Answer; runDue: (forMs: number) => Promise<DueRun> }> | undefined;

/** Once in each instance; again when it went wrong, since Redis or a secret may be there by then. */
function open(): NonNullable<typeof opening> {
  opening ??= openHome(process.env, {}).then(
    ({ readdress, door }) => ({
      answer: awsLambdaFastify({ inject: createInject(door) } as unknown as FastifyInstance, {
        decorateRequest: false,
        parseCommaSeparatedQueryParams: false,
      }) as unknown as Answer,
      runDue: (forMs) => readdress.runDueTasks({ forMs }),
    }),
    (error: unknown) => {
      opening = undefined;
      throw error;
    },
  );
  return opening;
}

/** Answers a request. With `TASKS=inline` what it made due was tried before the answer leaves. */
export async function api(event: LambdaEvent, context: LambdaContext = {}): Promise<LambdaAnswer> {
  // Connections stay open for the next request.
  context.callbackWaitsForEmptyEventLoop = false;
  const { answer } = await open();
  return answer(event, context);
}

/** What may still be at work when no more is claimed: a lease (TASK_LEASE), and a little. */
const REST_MS = 27_000;
const MOST_MS = 50_000;

/** Does what is due, as long as this function may run; give it a minute, and call it every minute. */
export async function tasks(_event?: unknown, context: LambdaContext = {}): Promise<DueRun> {
  context.callbackWaitsForEmptyEventLoop = false;
  const { runDue } = await open();
  const leftMs = context.getRemainingTimeInMillis?.() ?? MOST_MS + REST_MS;
  return runDue(Math.min(MOST_MS, Math.max(1000, leftMs - REST_MS)));
}
