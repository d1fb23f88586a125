/**
 * Who waits for a change hears of every write to it, whichever process wrote: one subscriber
 * connection per process, opened with the first listener. A message lost while Redis is away is
 * made up for by whoever listens reading again when the connection is back.
 */
import { EventEmitter } from 'node:events';
import type { RedisClient } from './redis.ts';

export type Subscription = ReturnType<typeof createSubscription>;

export function createSubscription(open: () => RedisClient, channel: string) {
  // Any number may wait for one change.
  const listeners = new EventEmitter().setMaxListeners(0);
  let subscriber: RedisClient | undefined;
  // Whatever a message says is no event that means something to Node.
  const nameOf = (id: string) => `change ${id}`;

  const subscribe = () => {
    subscriber = open();
    subscriber.on('message', (_channel: string, ids: string) => {
      for (const id of ids.split(' ')) listeners.emit(nameOf(id));
    });
    subscriber.on('ready', () => {
      for (const name of listeners.eventNames()) listeners.emit(name);
    });
    // Rejections are reported by the connection itself, and it subscribes again by itself.
    subscriber.subscribe(channel).catch(() => undefined);
  };

  return {
    /** Calls back after every write to this change, and after a reconnect. Returns the way to stop. */
    listen(id: string, onChange: () => void): () => void {
      if (!subscriber) subscribe();
      const call = () => onChange();
      listeners.on(nameOf(id), call);
      return () => void listeners.off(nameOf(id), call);
    },
    async close(): Promise<void> {
      subscriber?.disconnect();
    },
  };
}
