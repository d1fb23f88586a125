/** A TCP proxy on loopback that does to connections what networks do to them. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type FaultProxy = {
  port: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Ends every connection at once, in the middle of whatever it is at. */
  cut(): void;
  /** Every piece of bytes takes this much longer, in both directions. */
  delay(ms: number): void;
  /** Nothing moves until `resume`; nobody is told. */
  pause(): void;
  resume(): void;
  /** What is asked still arrives, what is answered is lost; after `ms` these connections end. */
  swallowReplies(ms: number): void;
  /** The same for the one connection that next asks something with this text in it. */
  swallowReplyTo(text: string): void;
  /** The open connections stay open, and nothing ever comes through them again. */
  blackHole(): void;
  /** The server seems to have closed its half; the connection itself is there. */
  halfClose(): void;
  /** New connections end at once. */
  refuse(refused: boolean): void;
  /** As if nothing had ever happened, for new connections; broken ones end. */
  heal(): void;
  close(): Promise<void>;
};

/** Until a connection whose answer was swallowed ends. */
const SHORT_MS = 300;

type Pair = { client: Socket; server: Socket; lostReplies: boolean; lostRequests: boolean };

export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let delayMs = 0;
  let refused = false;
  let unanswered: string | undefined;
  let gate: Promise<void> | undefined;
  let openGate = () => {};

  const end = (pair: Pair) => {
    pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  };

  const swallow = (struck: readonly Pair[], ms: number) => {
    for (const pair of struck) pair.lostReplies = true;
    setTimeout(() => struck.forEach(end), ms).unref();
  };

  const forward = (pair: Pair, from: Socket, to: Socket, isLost: () => boolean) => {
    let line = Promise.resolve();
    const later = (work: () => void) => {
      const before = line;
      line = (async () => {
        await before;
        if (delayMs > 0) await sleep(delayMs);
        await gate;
        work();
      })();
    };
    from.on('data', (bytes: Buffer) =>
      later(() => {
        if (from === pair.client && unanswered !== undefined && bytes.includes(unanswered)) {
          unanswered = undefined;
          swallow([pair], SHORT_MS);
        }
        if (!isLost()) to.write(bytes);
      }),
    );
    from.on('end', () =>
      later(() => {
        if (!isLost()) to.end();
      }),
    );
    from.on('error', () => undefined);
    // A black hole does not tell the client that the server is gone.
    from.on('close', () => {
      if (from === pair.client || !isLost()) end(pair);
    });
  };

  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    if (refused) return void client.resetAndDestroy();
    const server = connect(targetPort, '127.0.0.1');
    client.setNoDelay(true);
    server.setNoDelay(true);
    const pair: Pair = { client, server, lostReplies: false, lostRequests: false };
    pairs.add(pair);
    forward(pair, client, server, () => pair.lostRequests);
    forward(pair, server, client, () => pair.lostReplies);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');

  const cut = () => {
    for (const pair of pairs) end(pair);
  };
  const resume = () => {
    openGate();
    gate = undefined;
  };

  return {
    port: (proxy.address() as AddressInfo).port,
    get open() {
      return pairs.size;
    },
    cut,
    delay(ms) {
      delayMs = ms;
    },
    pause() {
      gate ??= new Promise((resolve) => {
        openGate = resolve;
      });
    },
    resume,
    swallowReplies: (ms) => swallow([...pairs], ms),
    swallowReplyTo(text) {
      unanswered = text;
    },
    blackHole() {
      for (const pair of pairs) pair.lostReplies = pair.lostRequests = true;
    },
    halfClose() {
      for (const { client } of pairs) client.end();
    },
    refuse(wish) {
      refused = wish;
    },
    heal() {
      delayMs = 0;
      refused = false;
      resume();
      for (const pair of pairs) if (pair.lostReplies) end(pair);
    },
    async close() {
      resume();
      cut();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
