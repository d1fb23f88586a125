/** Fills a store with open changes as they are when both their mails are out, by the store's own write. */
import { readApiConfig } from '../src/config.ts';
import { closeDeps, openDeps, untilRedisReady } from '../src/deps.ts';
import { invited } from '../src/domain/commit.ts';
import { write, type EmailChange } from '../src/domain/email-change.ts';
import { request } from '../src/domain/request.ts';
import { createChangeId } from '../src/links.ts';
import { StoreUnavailable } from '../src/store/redis.ts';
import { createLog } from '../src/process/log.ts';

const AT_ONCE = 20;
/** A busy Redis is asked again. */
const TRIES = 10;

export type Filler = {
  /** Adds this many open changes, each of a user of its own. */
  add(count: number): Promise<void>;
  /** What one sweep of a reconciler asks Redis, in ms of waiting. */
  sweepMs(): Promise<number>;
  close(): Promise<void>;
};

export async function openFiller(env: Readonly<Record<string, string>>): Promise<Filler> {
  const config = readApiConfig({ ...env, LOG_LEVEL: 'silent' });
  const deps = openDeps(config, createLog(config, 'filler'));
  await untilRedisReady(deps);
  const { changes, now, random } = deps;
  const timing = { linkTtlMs: 3_600_000, resendAfterMs: 60_000 };
  let filled = 0;

  const one = async (i: number): Promise<void> => {
    const sub = `auth0|filled${i}`;
    await changes.decideRequest(sub, (user, latest) => {
      const asked = request(
        {
          id: createChangeId(random),
          sub,
          email: `filled${i}@new.example`,
          locale: 'en',
          secret: random(32).toString('base64url'),
          requires: ['new'],
          postage: { muted: false, paid: { first: 1, more: 0 } },
        },
        user,
        latest,
        timing,
        now(),
      );
      // Only the answer was lost, and it is there.
      if (asked.kind !== 'write') return asked;
      const account = {
        email: `filled${i}@old.example`,
        emailVerified: true,
        blocked: false,
        passwordResetAt: 0,
        identity: { id: `filled${i}`, connection: 'Username-Password-Authentication' },
      };
      const ready = invited(asked.changes[0]!, account, now());
      if (ready.kind !== 'write') throw new Error(`not invited: ${ready.kind}`);
      const change: EmailChange = {
        ...ready.changes[0]!,
        mails: { 'mail.confirm': 'sent', 'mail.notice': 'sent' },
      };
      const later = [...asked.tasks, ...ready.tasks].filter(({ at }) => at > now() + 60_000);
      return { ...write(change, ...later), ...(asked.user ? { user: asked.user } : {}) };
    });
  };

  const certainly = async (i: number): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await one(i);
      } catch (error) {
        if (!(error instanceof StoreUnavailable) || tries === TRIES) throw error;
      }
    }
  };

  return {
    async add(count) {
      for (let done = 0; done < count; done += AT_ONCE)
        await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, count - done) }, () => certainly((filled += 1))),
        );
    },
    async sweepMs() {
      const startedAt = performance.now();
      await changes.file(-Infinity, 0, 1000);
      return performance.now() - startedAt;
    },
    close: () => closeDeps(deps),
  };
}
