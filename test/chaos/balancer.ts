/** A load balancer before the APIs: asks for readiness, and sends nobody to a closed door. */
import { callApi, type Answer, type CallOptions } from '../support/world.ts';
import { isReady, type Fleet, type Member } from './deployment.ts';

export type Call = (method: string, path: string, options: CallOptions) => Promise<Answer>;

const CALL_TIMEOUT_MS = 4000;
/** How often it asks for readiness. */
const LOOK_MS = 250;

export function startBalancer(fleet: Fleet): { call: Call; close(): void } {
  let turn = 0;
  const ready = new Set<Member>();
  const looking = setInterval(() => {
    for (const api of fleet.of('api'))
      void isReady(api.url).then((is) => (is ? ready.add(api) : ready.delete(api)));
  }, LOOK_MS);
  /** Those in turn that are ready, and nobody who does not take the connection. */
  const balanced: Call = async (method, path, options) => {
    turn += 1;
    const apis = fleet.of('api');
    const inTurn = rotated(
      apis.filter((api) => ready.has(api)),
      turn,
    );
    inTurn.push(...apis.filter((api) => !ready.has(api)));
    for (let i = 0; ; i += 1) {
      try {
        return await callApi(inTurn[i]!.url, method, path, options);
      } catch (error) {
        if (!isRefused(error) || i + 1 >= inTurn.length) throw error;
      }
    }
  };
  return {
    async call(method, path, options) {
      const late = new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error('no answer')), CALL_TIMEOUT_MS).unref();
      });
      return Promise.race([balanced(method, path, options), late]);
    },
    close: () => clearInterval(looking),
  };
}

const rotated = <T>(list: readonly T[], by: number): T[] =>
  list.map((_, i) => list[(i + by) % list.length]!);

const isRefused = (error: unknown): boolean =>
  error instanceof TypeError &&
  (error.message.includes('URL') ||
    (error.cause as { code?: string } | undefined)?.code === 'ECONNREFUSED');
