/** For functions: the request as an event, the answer whole. They are frozen in between, and connections may die meanwhile. */
import type { InjectOptions, LightMyRequestCallback } from 'fastify';
import { untilAnswers } from '../../store/redis.ts';
import type { Door } from '../door.ts';
import { createTeller, NO_ADDRESS } from './unplaced.ts';

type Done = LightMyRequestCallback;

const EVENTS = /\/v1\/email-changes\/[^/]+\/events$/;
const NOWHERE = '/v1/no-live-status-in-a-function';
const NO_IP = 'the gateway names no client address: the limits per IP are off';

/** Takes what Fastify's `inject` takes, with a path and a callback. */
export function createInject({ app, deps }: Door) {
  const tell = createTeller(deps.log);
  return (options: InjectOptions & { url: string }, done: Done): void => {
    const { url, remoteAddress = NO_ADDRESS } = options;
    const goOn = (): void => {
      if (remoteAddress === NO_ADDRESS) tell(NO_IP);
      // An answer that never ends would only cost: clients poll where there is no stream.
      const isStream = EVENTS.test(url.split('?')[0]!);
      app.inject({ ...options, remoteAddress, ...(isStream ? { url: NOWHERE } : {}) }, done);
    };
    void untilAnswers(deps.redis).then(goOn);
  };
}
