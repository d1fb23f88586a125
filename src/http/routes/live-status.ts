/**
 * An email change followed live (Server-Sent Events, WHATWG HTML §9.2): the present state at once,
 * then every transition until it is closed, whichever process it happens in.
 */
import { PassThrough } from 'node:stream';
import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ApiDeps, App } from '../api-deps.ts';
import { isOpen, undoUnderWay, type EmailChange } from '../../domain/email-change.ts';
import { authenticate } from '../auth/authenticate.ts';
import { logFault } from '../plugins/problem-details.ts';
import { Problem } from '../problems.ts';
import type { Found } from '../../store/records.ts';
import { StoreUnavailable } from '../../store/redis.ts';
import { findOwn } from './own-change.ts';
import { idParams, ownCalls, problemSchema, viewOf } from './views.ts';

const HEARTBEAT_MS = 10_000;
const RECONNECT = 'event: reconnect\ndata: {}\n\n';
/** A page, a second tab, a phone; more is a leak in the app. */
const STREAMS_PER_USER = 6;

export function registerLiveStatus(app: App, deps: ApiDeps): void {
  /** Each open stream, and how to look again at its change. */
  const open = new Map<PassThrough, () => void>();
  const perUser = new Map<string, number>();
  const heartbeat = setInterval(() => {
    for (const [stream, look] of open) {
      if (!stream.writableEnded) stream.write(': still here\n\n');
      // Redis promises no delivery: what no message told is found with the next beat.
      look();
    }
  }, HEARTBEAT_MS).unref();

  // app.close() waits for open answers: tell their readers to come back elsewhere, and end them.
  app.addHook('preClose', async () => {
    clearInterval(heartbeat);
    for (const stream of open.keys()) stream.end(`retry: 1000\n${RECONNECT}`);
  });

  app.get(
    '/v1/email-changes/:id/events',
    {
      onRequest: authenticate(deps),
      schema: {
        ...ownCalls(deps.config),
        params: idParams,
        produces: ['text/event-stream'],
        response: {
          200: z.unknown().describe('An event for the present state and for each transition.'),
          '4xx': problemSchema,
        },
      },
    },
    async (req, reply) => {
      const { sub } = req.user;
      const found = await findOwn(deps, sub, req.params.id);
      // The reader left while we looked: its connection will not close once more.
      if (reply.raw.destroyed) return reply.hijack();
      const streams = perUser.get(sub) ?? 0;
      if (streams >= STREAMS_PER_USER)
        throw new Problem('too-many-requests', { headers: { 'retry-after': '10' } });
      perUser.set(sub, streams + 1);

      const stream = new PassThrough();
      const following = follow(deps, req.log, found, stream);
      open.set(stream, following.look);
      const tokenEnd = endWithToken(req, deps.now(), stream);
      reply.raw.on('close', () => {
        following.stop();
        clearTimeout(tokenEnd);
        open.delete(stream);
        const left = (perUser.get(sub) ?? 1) - 1;
        if (left > 0) perUser.set(sub, left);
        else perUser.delete(sub);
      });
      return reply
        .type('text/event-stream; charset=utf-8')
        .header('x-accel-buffering', 'no')
        .send(stream);
    },
  );
}

/** Writes the change now and after every write to it; ends with the change, or when it is stopped. */
function follow(
  deps: ApiDeps,
  log: FastifyBaseLogger,
  found: Found<EmailChange>,
  stream: PassThrough,
): { look: () => void; stop: () => void } {
  let shown = { version: 0, view: '', status: found.value.status };
  const show = ({ value, version }: Found<EmailChange>) => {
    const view = JSON.stringify(viewOf(value, deps.now()));
    if (version <= shown.version || view === shown.view || stream.writableEnded) return;
    const tell = (id: number, data: string) =>
      stream.write(`id: ${id}\nevent: change\ndata: ${data}\n\n`);
    // Two transitions may have come before one look.
    if (shown.status === 'pending' && wasConfirmed(value))
      tell(version - 1, JSON.stringify(viewOf(asConfirmed(value), deps.now())));
    shown = { version, view, status: value.status };
    tell(version, view);
    if (!isOpen(value) && !undoUnderWay(value)) stream.end();
  };
  const look = () => {
    deps.changes
      .findChange(found.value.id)
      .then((latest) => (latest ? show(latest) : stream.end()))
      .catch((error: unknown) => {
        // Redis is away: the listener is called again when it is back.
        if (error instanceof StoreUnavailable) return;
        // This stream can tell no more. A reader who comes back is told what is wrong.
        logFault(log, error);
        stream.end(RECONNECT);
      });
  };
  const stop = deps.subscription.listen(found.value.id, look);
  show(found);
  // Between the read and the subscription something may have happened.
  look();
  return { look, stop };
}

/** Whether it was confirmed once, and is more than that by now. */
const wasConfirmed = ({ status, confirmedAt }: EmailChange): boolean =>
  confirmedAt !== undefined && status !== 'pending' && status !== 'confirmed';

/** The change as it was when it had been confirmed, and nothing had come of it yet. */
function asConfirmed(change: EmailChange): EmailChange {
  const { reason: _, committedAt: _at, closedAt: _closed, undo: _undo, ...confirmed } = change;
  return { ...confirmed, status: 'confirmed' };
}

/** A stream is as good as the token that opened it. */
function endWithToken(req: FastifyRequest, now: number, stream: PassThrough): NodeJS.Timeout {
  const exp = req.user['exp'];
  const leftMs = typeof exp === 'number' ? exp * 1000 - now : 0;
  return setTimeout(() => stream.end(RECONNECT), Math.min(Math.max(leftMs, 1000), 2 ** 31 - 1));
}
