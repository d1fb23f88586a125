/** Bounces that relays learn of after they took a mail. Each provider's door is there when its secret is set. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { afterBounce } from '../../after-bounce.ts';
import { RELAYS, type Relay } from '../../mail/reference.ts';
import { answered } from '../../store/redis.ts';
import type { ApiDeps, App } from '../api-deps.ts';
import { PROVIDERS } from '../bounces/providers.ts';
import { unsigned } from '../bounces/report.ts';
import { Problem } from '../problems.ts';
import { problemSchema } from './views.ts';

/** SendGrid sends many events at once. */
const BODY_LIMIT_BYTES = 1_048_576;
const CERTIFICATE_MS = 5000;
/** Longer than any signature is taken. */
const ONCE_MS = 2 * 3_600_000;

export function registerBounces(app: App, deps: ApiDeps): void {
  const { config, redis, prefix, now } = deps;
  const certificates = new Map<string, Promise<string>>();
  const certificate = (url: string): Promise<string> => {
    const known = certificates.get(url) ?? fetchText(url);
    certificates.set(url, known);
    known.catch(() => certificates.delete(url));
    return known;
  };
  const isNew = async (provider: Relay, once: string): Promise<boolean> => {
    const name = createHash('sha256').update(once).digest('base64url');
    const key = `${prefix}:bounce-seen:${provider}:${name}`;
    return (await answered(redis.set(key, '1', 'PX', ONCE_MS, 'NX'))) !== null;
  };

  // Signatures are over bytes, and SNS calls its JSON text.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES },
    (_, body, done) => done(null, body),
  );
  for (const provider of RELAYS) {
    const secret = config.bounceSecrets[provider];
    if (secret === undefined) continue;
    app.post(
      `/v1/bounces/${provider}`,
      {
        bodyLimit: BODY_LIMIT_BYTES,
        schema: {
          tags: ['bounces'],
          description: 'For the relay alone, signed in its own way.',
          response: { 204: z.null(), '4xx': problemSchema },
        },
      },
      async (req, reply) => {
        const body = Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
        const notice = { body, headers: req.headers };
        const told = await PROVIDERS[provider](notice, secret, { now: now(), certificate });
        if (told.once !== undefined && !(await isNew(provider, told.once))) throw unsigned();
        if (told.confirm !== undefined) await fetchText(told.confirm);
        for (const { kind, reference } of told.reports)
          await afterBounce(deps, reference, kind, { actor: 'relay', by: provider }, req.id);
        return reply.status(204).send(null);
      },
    );
  }
}

async function fetchText(url: string): Promise<string> {
  const signal = AbortSignal.timeout(CERTIFICATE_MS);
  const answer = await fetch(url, { redirect: 'error', signal }).catch(() => undefined);
  if (!answer?.ok) throw new Problem('unavailable', { headers: { 'retry-after': '60' } });
  return answer.text();
}
