/** What the deployment is to know of a worker that starts. */
import { StoreUnavailable } from '../src/store/redis.ts';
import type { WorkerDeps } from './worker-deps.ts';

/** Before a worker takes its first task. */
export async function noteStart({ pulse, config }: WorkerDeps): Promise<void> {
  try {
    await pulse.noteStart();
    await pulse.noteReceiver(config.webhookUrl !== undefined);
  } catch (error) {
    // Away again already: whoever starts next notes it.
    if (!(error instanceof StoreUnavailable)) throw error;
  }
}
