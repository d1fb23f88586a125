/** One Redis for the whole run: the one at REDIS_URL, or a private one that ends with the run. */
import type { TestProject } from 'vitest/node';
import { startRedis } from '../../demo/redis.ts';

export default async function setup(project: TestProject) {
  const redis = await startRedis({ say: (line) => process.stderr.write(`${line}\n`) });
  project.provide('redisUrl', redis.url);
  return () => redis.stop();
}

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string;
  }
}
