/** What a run leaves in Redis and on its disk, read past the service. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { EmailChange } from '../../src/domain/email-change.ts';
import type { Sealer } from '../../src/seal.ts';

/** Tasks that wait for nothing but time become due; what a worker holds is left to it. */
const HURRY = `
local moved = 0
for _, task in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local lease = redis.call('HGET', KEYS[2], task)
  if not string.find(task, ':expire$') and (not lease or string.find(lease, '^%d+ %d+ %-')) then
    local at = tonumber(redis.call('ZSCORE', KEYS[1], task))
    if at > tonumber(ARGV[1]) then
      redis.call('ZADD', KEYS[1], ARGV[1], task)
      moved = moved + 1
    end
  end
end
return moved`;

export function createRecorded(redis: Redis, prefix: string, sealer: Sealer) {
  return {
    async records(): Promise<EmailChange[]> {
      const keys = await redis.keys(`${prefix}:change:*`);
      const stored = await Promise.all(keys.map((each) => redis.get(each)));
      return stored.map((text, i) => {
        const id = keys[i]!.slice(`${prefix}:change:`.length);
        return JSON.parse(sealer.open(text!.split(' ')[2]!, id)) as EmailChange;
      });
    },
    async hurry(): Promise<void> {
      await redis.eval(HURRY, 2, `${prefix}:due`, `${prefix}:leases`, String(Date.now()));
    },
    /** Expiries apart, which wait for their time. */
    async due(): Promise<string[]> {
      const due = await redis.zrange(`${prefix}:due`, '0', '-1');
      return due.filter((task) => !task.endsWith(':expire'));
    },
    async leases(): Promise<string[]> {
      const leases = await redis.hgetall(`${prefix}:leases`);
      return Object.entries(leases).map((each) => each.join(' '));
    },
    parked: (): Promise<string[]> => redis.zrange(`${prefix}:parked`, '0', '-1'),
  };
}

/**
 * Whatever matches in the append-only files. They hold every command that ever changed anything, the
 * queues' jobs included, also of what is long gone from memory.
 */
export function findOnDisk(dir: string, secret: RegExp): string[] {
  const folder = join(dir, 'appendonlydir');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.aof'))
    .flatMap((name) => {
      const text = readFileSync(join(folder, name), 'latin1');
      return [...text.matchAll(new RegExp(secret, 'g'))].map(
        ({ index }) => `${name}: ${text.slice(Math.max(index - 120, 0), index + 60)}`,
      );
    });
}
