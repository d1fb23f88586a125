/**
 * Who waits for a change hears of every write to it, whichever process wrote: one subscriber
 * connection per process, opened with the first listener. A message lost while Redis is away is
 * made up for by whoever listens reading again when the connection is back.
 */
import type { RedisClient } from './redis.ts';

export type Subscription = {
  /** Calls back after every write to this change, and after a reconnect. Returns the way to stop. */
  listen(id: string, onChange: () => void): () => void;
  close(): Promise<void>;
};

export function createSubscription(open: () => RedisClient, channel: string): Subscription {
  const listeners = new Map<string, Set<() => void>>();
  let subscriber: RedisClient | undefined;

  const subscribe = () => {
    subscriber = open();
    subscriber.on('message', (_channel: string, ids: string) => {
      for (const id of ids.split(' ')) for (const call of listeners.get(id) ?? []) call();
    });
    subscriber.on('ready', () => {
      for (const calls of listeners.values()) for (const call of calls) call();
    });
    // Rejections are reported by the connection itself, and it subscribes again by itself.
    subscriber.subscribe(channel).catch(() => undefined);
  };

  return {
    listen(id, onChange) {
      if (!subscriber) subscribe();
      const calls = listeners.get(id) ?? new Set();
      listeners.set(id, calls.add(onChange));
      return () => {
        calls.delete(onChange);
        if (calls.size === 0 && listeners.get(id) === calls) listeners.delete(id);
      };
    },
    async close() {
      subscriber?.disconnect();
    },
  };
}
