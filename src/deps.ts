/**
 * The composition root: everything a door needs besides its own plugins, in one plain object that
 * is passed by hand. The clock and randomness come from here alone.
 */
import { randomBytes } from 'node:crypto';
import type { DestinationStream, Logger } from 'pino';
import { createClock, type Clock } from './clock.ts';
import type { Config } from './config.ts';
import { logSignals } from './process/log.ts';
import { createMetrics, measureSignals, type Metrics } from './process/metrics.ts';
import { createSealer, type Sealer } from './seal.ts';
import type { Tracing } from './process/tracing.ts';
import { openSignals, type Signals } from './signals.ts';
import { checkCanary, WrongSealingKeys } from './store/canary.ts';
import { createChangeStore, type ChangeStore } from './store/changes.ts';
import { feelPulse, type Pulse } from './store/pulse.ts';
import { checkDurability, openRedis, VolatileRedis, type RedisClient } from './store/redis.ts';
import { createSubscription, type Subscription } from './store/subscription.ts';
import { openWakeUps, type WakeUps } from './store/wake-ups.ts';

export type Deps<C extends Config = Config> = {
  config: C;
  log: Logger;
  signals: Signals;
  clock: Clock;
  /** Epoch milliseconds by the deployment's clock. */
  now: () => number;
  random: (bytes: number) => Buffer;
  redis: RedisClient;
  /** `readdress:{<tenant>}`: what every key of this deployment starts with. */
  prefix: string;
  sealer: Sealer;
  changes: ChangeStore;
  pulse: Pulse;
  subscription: Subscription;
  wakeUps: WakeUps;
  metrics: Metrics;
};

/** What a host may put in place of the process's own: a test's clock and hurry, randomness, measures, a log sink. */
export type Ambient = Partial<Pick<Deps, 'now' | 'clock' | 'random' | 'metrics'>> & {
  logTo?: DestinationStream;
  /** Asked in place of the machine's own. */
  dnsServers?: readonly string[];
  /** How often the workers look for what no bell rang for. */
  tickMs?: number;
  tracing?: Tracing | undefined;
};

/** Opens the connections and builds what stands on them. Redis may still be away. */
export function openDeps<C extends Config>(config: C, log: Logger, ambient: Ambient = {}): Deps<C> {
  const clock = ambient.clock ?? createClock(ambient.now);
  const metrics = ambient.metrics ?? createMetrics();
  const signals = openSignals();
  logSignals(signals, log);
  measureSignals(signals, metrics, config.tenantName);
  const random = ambient.random ?? randomBytes;
  const prefix = `readdress:{${config.tenant}}`;
  const redis = openRedis(config, 'commands', log);
  const sealer = createSealer(config.sealingKeys, random);
  const process = random(6).toString('base64url');
  const pulse = feelPulse(redis, clock, { prefix, process, log });
  const { hostname: host } = new URL(config.auth0Url);
  const changes = createChangeStore(redis, sealer, prefix, {
    carry: ambient.tracing?.follow(signals, { host, name: config.tenantName }),
    events: config.webhookUrl === undefined ? undefined : true,
    auditLength: config.auditLength,
    clock,
    pulse,
  });
  return {
    config,
    log,
    signals,
    clock,
    now: () => clock.now(),
    random,
    redis,
    prefix,
    sealer,
    changes,
    pulse,
    subscription: createSubscription(
      () => openRedis(config, 'subscriber', log),
      changes.keys.changed,
    ),
    wakeUps: openWakeUps(redis, {
      prefix: config.queues ?? prefix,
      tenant: config.tenant,
      log,
    }),
    metrics,
  };
}

/**
 * Waits for Redis as long as it takes, then refuses one that would lose acknowledged clicks, and one that
 * other keys have sealed. Never settles when the connection is closed first.
 * @throws {VolatileRedis} @throws {WrongSealingKeys}
 */
export async function untilRedisReady(deps: Deps): Promise<void> {
  const { redis, config, pulse, log } = deps;
  for (let told = ''; ;) {
    if (redis.status !== 'ready')
      await new Promise<void>((resolve) => redis.once('ready', () => resolve()));
    try {
      if (!config.allowVolatileRedis) await checkDurability(redis);
      return await checkCanary(redis, deps.sealer, deps.changes.keys);
    } catch (error) {
      if (error instanceof VolatileRedis || error instanceof WrongSealingKeys) throw error;
      // Gone again before it could say; or this user may not ask, and nobody would know why we wait.
      pulse.refused(error);
      const said = pulse.trouble() ?? '';
      if (said !== told) log.error({ event: 'redis.unchecked', said, needs: ['INFO', 'SCAN'] });
      told = said;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

export async function closeDeps(deps: Deps): Promise<void> {
  await deps.subscription.close();
  await deps.wakeUps.close();
  deps.redis.disconnect();
  deps.signals.close();
}
