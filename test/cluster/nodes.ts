/**
 * Redis as operators with more than one machine run it: six nodes of a Cluster, or a master with two
 * replicas under three Sentinels. All on loopback, all gone when the test ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { freePort } from '../../demo/redis/ready.ts';
import { eventually } from '../support/world.ts';

export type Nodes = {
  /** REDIS_URL for the service. */
  url: string;
  /** Ends the master that holds this key, at once. */
  killMasterOf(key: string): Promise<void>;
  /** Whether that key can be written again. */
  isWritable(key: string): Promise<boolean>;
};

type Node = { port: number; child: ChildProcess; redis: Redis };

const DURABLE = [
  '--appendonly',
  'yes',
  '--appendfsync',
  'always',
  '--save',
  '',
  '--repl-diskless-sync-delay',
  '0',
];
const FAILOVER_MS = '2000';

function startNodes() {
  const root = mkdtempSync(join(tmpdir(), 'readdress-nodes-'));
  const nodes: Node[] = [];
  onTestFinished(async () => {
    for (const { child, redis } of nodes) {
      redis.disconnect();
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    }
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });
  const start = async (port: number, args: (dir: string) => string[]): Promise<Node> => {
    const dir = join(root, String(port));
    mkdirSync(dir);
    const child = spawn(
      'redis-server',
      [...args(dir), '--port', String(port), '--bind', '127.0.0.1', '--dir', dir],
      { stdio: 'ignore' },
    );
    const redis = new Redis(port, '127.0.0.1', { retryStrategy: () => 100 });
    redis.on('error', () => undefined);
    nodes.push({ port, child, redis });
    await eventually(async () => (await redis.ping()) === 'PONG', `redis on ${port}`);
    return nodes.at(-1)!;
  };
  const end = async ({ child, redis }: Node) => {
    redis.disconnect();
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { nodes, start, end };
}

/** A port below 55536, because a node's cluster bus listens 10000 above it. */
async function busPort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port < 55_000) return port;
    const lower = port - 20_000;
    if (lower > 20_000) return lower;
  }
}

/** Waits until so many of the nodes are replicas that have all that their masters have. */
const replicated = (nodes: readonly Node[], replicas: number) =>
  eventually(
    async () => {
      const infos = await Promise.all(nodes.map(({ redis }) => redis.info('replication')));
      return infos.filter((info) => info.includes('master_link_status:up')).length === replicas;
    },
    'replicas',
    30_000,
  );

/** Six nodes: three masters, a replica each. */
export async function startCluster(): Promise<Nodes> {
  const { start, end } = startNodes();
  const nodes: Node[] = [];
  for (let i = 0; i < 6; i += 1)
    nodes.push(
      await start(await busPort(), () => [
        '--cluster-enabled',
        'yes',
        '--cluster-node-timeout',
        FAILOVER_MS,
        '--cluster-config-file',
        'nodes.conf',
        '--cluster-replica-validity-factor',
        '0',
        '--maxmemory-policy',
        'noeviction',
        ...DURABLE,
      ]),
    );
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const create = spawn(
    'redis-cli',
    ['--cluster', 'create', ...hosts, '--cluster-replicas', '1', '--cluster-yes'],
    { stdio: 'ignore' },
  );
  await once(create, 'exit');
  const info = (node: Node) => node.redis.cluster('INFO').then(String);
  await eventually(
    async () => (await Promise.all(nodes.map(info))).every((it) => it.includes('cluster_state:ok')),
    'the cluster',
    30_000,
  );

  await replicated(nodes, 3);

  const lively = () => nodes.filter(({ child }) => child.exitCode === null && !child.signalCode);
  const masterOf = async (key: string): Promise<number | undefined> => {
    const [witness] = lively();
    const slot = await witness!.redis.cluster('KEYSLOT', key);
    const slots = await witness!.redis.cluster('SLOTS');
    return slots.find(([from, to]) => slot >= from && slot <= to)?.[2]?.[1];
  };
  return {
    url: hosts.map((host) => `redis://${host}`).join(','),
    async killMasterOf(key) {
      const port = await masterOf(key);
      await end(nodes.find((node) => node.port === port)!);
    },
    async isWritable(key) {
      const port = await masterOf(key);
      const master = lively().find((node) => node.port === port);
      return (await master?.redis.set(`${key}:probe`, '1').catch(() => undefined)) === 'OK';
    },
  };
}

/** A master, two replicas, and three Sentinels who agree by two. */
export async function startSentinels(): Promise<Nodes> {
  const { start, end } = startNodes();
  const common = ['--maxmemory-policy', 'noeviction', ...DURABLE];
  const first = await start(await freePort(), () => common);
  const data = [first];
  for (let i = 0; i < 2; i += 1)
    data.push(
      await start(await freePort(), () => [
        '--replicaof',
        '127.0.0.1',
        String(first.port),
        ...common,
      ]),
    );
  await replicated(data, 2);
  const sentinels: Node[] = [];
  for (let i = 0; i < 3; i += 1)
    sentinels.push(
      await start(await freePort(), (dir) => {
        const file = join(dir, 'sentinel.conf');
        writeFileSync(
          file,
          [
            `sentinel monitor main 127.0.0.1 ${first.port} 2`,
            `sentinel down-after-milliseconds main ${FAILOVER_MS}`,
            'sentinel failover-timeout main 6000',
          ].join('\n'),
        );
        return [file, '--sentinel'];
      }),
    );
  const master = async (): Promise<Node | undefined> => {
    const answer = await sentinels[0]!.redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main');
    return data.find(({ port }) => String(port) === (answer as string[] | null)?.[1]);
  };
  await eventually(
    async () => {
      const seen = await Promise.all(
        sentinels.map(({ redis }) => redis.call('SENTINEL', 'CKQUORUM', 'main').catch(() => '')),
      );
      const replicas = (await sentinels[0]!.redis.call(
        'SENTINEL',
        'REPLICAS',
        'main',
      )) as unknown[];
      return seen.every((word) => String(word).startsWith('OK 3')) && replicas.length === 2;
    },
    'the Sentinels to see each other',
    30_000,
  );
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return {
    url: `redis+sentinel://${hosts}/main`,
    killMasterOf: async () => end((await master())!),
    isWritable: async (key) => {
      const now = await master();
      if (!now || now.child.exitCode !== null || now.child.signalCode) return false;
      return (await now.redis.set(`${key}:probe`, '1').catch(() => undefined)) === 'OK';
    },
  };
}
