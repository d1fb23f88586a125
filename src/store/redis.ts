/**
 * Connections to Redis. Three kinds, never shared: commands that must fail fast so that a request
 * gets an honest 503, BullMQ's blocking readers that must wait for ever, and a subscriber.
 */
import { readFileSync } from 'node:fs';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { inTime } from '../in-time.ts';

export type RedisClient = Redis | Cluster;
// ioredis types its reply mapping as an overload of its own, which plain options do not match.
type Options = Omit<RedisOptions, 'replyMapping'>;

/** Redis did not answer in time, refused, or is not there: nothing was decided. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';
}

/** Redis answers but would lose acknowledged clicks. */
export class VolatileRedis extends Error {
  override name = 'VolatileRedis';
}

// A connection can die without a word (a machine that is gone, a forgetful NAT): an answer that does
// not come within `socketTimeout` ends it, and there is a new one.
const KINDS = {
  // A command is answered within a second or fails; it is never queued and never sent twice.
  commands: {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: 1000,
    socketTimeout: 2000,
  },
  // BullMQ blocks on this one, ten seconds at most, and wants to wait for Redis however long it takes.
  blocking: { maxRetriesPerRequest: null, socketTimeout: 12_000 },
  subscriber: { autoResubscribe: true, maxRetriesPerRequest: null },
} as const satisfies Record<string, Options>;

export function openRedis(config: Config, kind: keyof typeof KINDS, log: Logger): RedisClient {
  const options: Options = {
    ...KINDS[kind],
    connectTimeout: 2000,
    connectionName: `readdress-${kind}`,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 1000) * (0.5 + Math.random() / 2),
    // After a fail-over the old master answers READONLY: find the new one, send nothing twice.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
  const redis = connect(config.redisUrl, options);
  redis.on('error', (error: Error) => log.warn({ event: 'redis.error', kind, err: error.message }));
  redis.on('ready', () => log.info({ event: 'redis.ready', kind }));
  return redis;
}

function connect(redisUrl: string, options: Options): RedisClient {
  const sentinel = /^(rediss?)\+sentinel:\/\/(?:([^:@/]*):([^@/]*)@)?([^/]+)\/([\w.-]+)$/.exec(
    redisUrl,
  );
  if (sentinel) {
    const [, scheme, username, password, hosts = '', name = ''] = sentinel;
    return new Redis({
      ...options,
      name,
      sentinels: hosts.split(',').map((host) => {
        const url = new URL(`redis://${host}`);
        return { host: url.hostname, port: Number(url.port || 26_379) };
      }),
      ...login(username, password),
      ...(scheme === 'rediss' ? { tls: {} } : {}),
    });
  }
  const nodes = redisUrl.split(',');
  const first = nodes[0]!;
  if (nodes.length === 1) return new Redis(first, options);
  const { username, password, protocol } = new URL(first);
  return new Cluster(nodes, {
    enableOfflineQueue: options.enableOfflineQueue ?? true,
    clusterRetryStrategy: options.retryStrategy!,
    redisOptions: {
      ...options,
      ...login(username, password),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  });
}

const login = (username = '', password = '') => ({
  ...(username ? { username: decodeURIComponent(username) } : {}),
  ...(password ? { password: decodeURIComponent(password) } : {}),
});

/** How long a process that was frozen waits for its connection to be alive again. */
const THAW_MS = 5000;

/**
 * After a pause: a connection that died meanwhile is found dead by the first command on it, and that command
 * should be one that nobody misses. Resolves in any case; whoever asks next is told what is wrong.
 */
export async function untilAnswers(redis: RedisClient): Promise<void> {
  const answers = async () => {
    if (redis.status === 'ready' && (await redis.ping().then(isTrue, isFalse))) return;
    if (redis.status === 'ready') redis.disconnect(true);
    await new Promise<void>((resolve) => redis.once('ready', () => resolve()));
  };
  await inTime(answers(), THAW_MS).catch(() => undefined);
}
const isTrue = () => true;
const isFalse = () => false;

/** Refuses a Redis that evicts keys or keeps nothing on disk. @throws {VolatileRedis} */
export async function checkDurability(redis: RedisClient): Promise<void> {
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  for (const node of nodes) {
    const info = await node.info('memory', 'persistence');
    const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1];
    if (policy !== 'noeviction')
      throw new VolatileRedis(`maxmemory-policy is ${policy}: set it to noeviction`);
    if (!/aof_enabled:1/.test(info)) throw new VolatileRedis('appendonly is off: set it to yes');
  }
}

/** The scripts beside their store, as one; ioredis sends it once and calls it by its digest from then on. */
export const lua = (...names: string[]): string =>
  names.map((name) => readFileSync(new URL(`lua/${name}.lua`, import.meta.url), 'utf8')).join('\n');

/** A Redis that is away, slow or refusing is one fault; what it means outside is in problems.ts. */
export async function answered<T>(command: Promise<T>): Promise<T> {
  try {
    return await command;
  } catch (cause) {
    throw new StoreUnavailable('redis did not answer', { cause });
  }
}
