/** Redis: who answers, what it keeps, what we may do there, how fast a durable write is, and whose keys sealed it. */
import { Cluster } from 'ioredis';
import { pino } from 'pino';
import type { Config } from '../../src/config.ts';
import { openRedis, type RedisClient } from '../../src/store/redis.ts';
import { failure, nameOf, ok, warning, type Check, type Finding } from './finding.ts';
import { checkHeld } from './held.ts';

const CONNECT_MS = 4000;
const SLOW_MS = 50;

export const checkRedis = (config: Config): Check => ({
  name: 'redis',
  setting: 'REDIS_URL',
  async run({ signal }) {
    const redis = openRedis(config, 'commands', pino({ level: 'silent' }));
    const close = () => redis.disconnect();
    signal.addEventListener('abort', close);
    try {
      const no = await untilReady(redis);
      if (no) return [no];
      return [ok('redis', 'answers', 'REDIS_URL'), ...(await examine(redis, config))];
    } finally {
      close();
    }
  },
});

/** The first word against us, or nothing once it is ready. */
async function untilReady(redis: RedisClient): Promise<Finding | undefined> {
  let last: unknown;
  const failed = new Promise<'failed'>((resolve) => {
    redis.on('error', (error: unknown) => {
      last = error;
      if (isFinal(error)) resolve('failed');
    });
  });
  const ready = new Promise<'ready'>((resolve) => redis.once('ready', () => resolve('ready')));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), CONNECT_MS);
  });
  const end = await Promise.race([failed, ready, late]).finally(() => clearTimeout(timer));
  return end === 'ready' ? undefined : unreachable(last);
}

const wordOf = (error: unknown): string =>
  /^[A-Z]{3,}(?= )/.exec(String((error as Error | undefined)?.message))?.[0] ?? nameOf(error);
const isFinal = (error: unknown): boolean =>
  /^(?:WRONGPASS|NOAUTH|NOPERM|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ERR_SSL|ERR_TLS|CERT|DEPTH|SELF|UNABLE)/.test(
    wordOf(error),
  );

function unreachable(error: unknown): Finding {
  const word = error === undefined ? 'no answer' : wordOf(error);
  const why = `Redis: ${word}`;
  const no = (todo: string) => failure('redis', 'REDIS_URL', why, todo);
  if (word === 'WRONGPASS') return no('The user or the password in REDIS_URL is wrong.');
  if (word === 'NOAUTH') return no('This Redis wants a password: redis://user:password@host.');
  if (word === 'NOPERM')
    return no('The user in REDIS_URL lacks rights: docker-compose.yml has the ACL.');
  if (word === 'ENOTFOUND' || word === 'EAI_AGAIN')
    return no('There is no such host: is it misspelt?');
  if (word === 'ECONNREFUSED')
    return no('Nothing listens there: is Redis started, and the port right?');
  if (/SSL|TLS|CERT|SELF|UNABLE/.test(word))
    return no(
      'TLS failed: rediss:// is for a Redis that speaks TLS, with a certificate for this host.',
    );
  return no(
    'No answer came: a firewall, or redis:// to a port with TLS, or rediss:// to one without?',
  );
}

async function examine(redis: RedisClient, config: Config): Promise<Finding[]> {
  const prefix = `readdress:{${config.tenant}}`;
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  const info = await nodes[0]!.info().catch((error: unknown) => wordOf(error));
  const facts = info.includes('redis_version')
    ? server(info, config, redis instanceof Cluster)
    : noInfo(info);
  return [...facts, ...(await canWork(redis, prefix)), ...(await checkHeld(redis, prefix, config))];
}

const noInfo = (said: string): Finding[] => [
  failure(
    'redis.acl',
    'REDIS_URL',
    `INFO is refused: ${said}`,
    'Grant +info: without it nobody can see whether Redis keeps what it is told.',
  ),
];

function server(info: string, config: Config, isCluster: boolean): Finding[] {
  const of = (name: string): string => new RegExp(`^${name}:(.*?)\\s*$`, 'm').exec(info)?.[1] ?? '';
  const found: Finding[] = [];
  const url = 'REDIS_URL';
  const [major = 0, minor = 0] = of('redis_version').split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2))
    found.push(
      failure(
        'redis.version',
        url,
        `Redis ${of('redis_version')}`,
        'Use Redis 6.2 or newer, or Valkey.',
      ),
    );
  else found.push(ok('redis.version', `Redis ${of('redis_version')}`, url));
  const soften = config.allowVolatileRedis ? warning : failure;
  if (of('aof_enabled') === '1') found.push(ok('redis.aof', 'appendonly is on', url));
  else
    found.push(
      soften(
        'redis.aof',
        url,
        'appendonly is off: a restart loses acknowledged clicks',
        'Set appendonly yes, and appendfsync always.',
      ),
    );
  const policy = of('maxmemory_policy');
  if (policy === 'noeviction') found.push(ok('redis.eviction', 'noeviction', url));
  else
    found.push(
      soften(
        'redis.eviction',
        url,
        `maxmemory-policy is ${policy}: Redis may throw changes away`,
        'Set maxmemory-policy noeviction.',
      ),
    );
  if (of('role') === 'slave')
    found.push(
      failure(
        'redis.role',
        url,
        'is a replica, which takes no writes',
        'Name the master, or the Sentinels.',
      ),
    );
  if (of('cluster_enabled') === '1' && !isCluster)
    found.push(
      failure('redis.role', url, 'is a node of a Cluster', 'Write its nodes as a comma list.'),
    );
  if (of('aof_last_write_status') === 'err')
    found.push(failure('redis.disk', url, 'the last write to disk failed', 'Is the disk full?'));
  const [used, most] = [Number(of('used_memory')), Number(of('maxmemory'))];
  if (most > 0 && used > most * 0.9)
    found.push(
      warning(
        'redis.memory',
        url,
        'more than 90 % of maxmemory is used',
        'Raise maxmemory before writes are refused.',
      ),
    );
  return found;
}

/** What the service does all day, on keys of our own that go at once, and how long a durable write takes. */
async function canWork(redis: RedisClient, prefix: string): Promise<Finding[]> {
  const key = `${prefix}:doctor`;
  const steps: [string, () => Promise<unknown>][] = [
    ['set', () => redis.set(key, '1', 'PX', 10_000)],
    ['get', () => redis.get(key)],
    ['eval', () => redis.eval("return redis.call('TIME')", 1, key)],
    ['scan', () => (redis instanceof Cluster ? redis.nodes('master')[0]! : redis).scan('0')],
    ['zadd', () => redis.zadd(`${key}:z`, 1, 'a')],
    ['hset', () => redis.hset(`${key}:h`, 'a', '1')],
    ['xadd', () => redis.xadd(`${key}:x`, '*', 'a', '1')],
    ['publish', () => redis.publish(`${prefix}:doctor`, '1')],
  ];
  const refused: string[] = [];
  let oom: string | undefined;
  for (const [name, step] of steps)
    await step().catch((error: unknown) => {
      const word = wordOf(error);
      if (word === 'NOPERM') refused.push(name);
      else oom ??= word;
    });
  const startedAt = performance.now();
  for (let n = 0; n < 3; n += 1)
    await redis.set(key, String(n), 'PX', 10_000).catch(() => undefined);
  const ms = Math.round((performance.now() - startedAt) / 3);
  await redis.del(key, `${key}:z`, `${key}:h`, `${key}:x`).catch(() => undefined);
  if (refused.length > 0)
    return [
      failure(
        'redis.acl',
        'REDIS_URL',
        `the user may not: ${refused.join(', ')}`,
        'docker-compose.yml has an ACL with all that is needed.',
      ),
    ];
  if (oom !== undefined)
    return [
      failure(
        'redis.writes',
        'REDIS_URL',
        `writes are refused: ${oom}`,
        'OOM: raise maxmemory. READONLY: name the master. MISCONF: look at the disk.',
      ),
    ];
  if (ms > SLOW_MS)
    return [
      warning(
        'redis.latency',
        'REDIS_URL',
        `a write takes ${ms} ms`,
        'Put Redis nearer, or on a faster disk: every click waits for it.',
      ),
    ];
  return [ok('redis.latency', `a write takes ${ms} ms`, 'REDIS_URL')];
}
